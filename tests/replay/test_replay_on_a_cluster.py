"""A replay on a cluster gives the results of one process, byte for byte, and says what keeps a worker from it."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from service.chunks import Work
from service.cluster import Cluster, cluster
from service.errors import WorkerLost
from service.replay.by_cluster import SPOOL
from tests.clusters import cluster_of_three, killing, needs_dask, workers_left
from tests.replay.candidates import other_words, without_jak

pytestmark = pytest.mark.usefixtures("packaged_knowledge_is_loaded_once")
Run = Callable[..., tuple[object, str, str]]
Results = Iterator[tuple[int, bytes]]
PART, PARTS = 3, 34
STOPPED, KILLED = 3, 15


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.replay.stream.PART", PART)


@pytest.fixture
def on_workers(monkeypatch: pytest.MonkeyPatch, upa_cds: Run) -> Callable[..., tuple[object, str, str]]:
    """Replay with workers that the test makes itself."""

    def run(workers: Cluster, *arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr("service.replay.command.cluster", lambda _: workers)
        return upa_cds("replay", *arguments, "--scheduler", "tcp://127.0.0.1:9")

    return run


def _results(folder: Path) -> dict[str, str]:
    """Return every result of a replay, without the speed, which differs from run to run."""
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name != "timing.json"}
    before, _, rest = found["report.html"].partition('<section id="speed">')
    assert rest
    return {**found, "report.html": before + rest.partition("</section>")[2]}


def _backwards(work: Work, tasks: Iterable[int]) -> Results:
    """Do a few tasks ahead, and the last of them first."""
    numbers = iter(tasks)
    while some := list(islice(numbers, 5)):
        yield from ((number, work(number)) for number in reversed(some))


@needs_dask
@pytest.mark.deep
@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_one_of_three_workers_gives_the_results_of_one_process(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The workers are in another folder than the command, and it is given a relative one.
    monkeypatch.chdir(tmp_path)
    asked = ("replay", recording, "--knowledge", knowledge.relative_to(tmp_path))
    came: list[int] = []

    def watched(scheduler: str) -> Cluster:
        def run(work: Work, tasks: Iterable[int]) -> Results:
            for number, result in cluster(scheduler)(work, tasks):
                came.append(number)
                kills(len(came))
                yield number, result

        return run

    monkeypatch.setattr("service.replay.command.cluster", watched)
    without_jak(knowledge)
    alone = upa_cds(*asked, "--out", "one")
    with cluster_of_three(tmp_path) as (address, workers):
        kills = killing(address, workers[0], stopped=STOPPED, killed=KILLED)
        assert upa_cds(*asked, "--out", "three", "--scheduler", address) == alone
        assert workers_left(address) == 2
        # What a worker has read for one run is not what the next one compares.
        other_words(knowledge)
        kills = came.append
        edited = upa_cds(*asked, "--out", "two", "--scheduler", address)
    assert sorted(came[:PARTS]) == list(range(PARTS))
    assert alone[0] == 2
    assert _results(tmp_path / "three") == _results(tmp_path / "one")
    assert edited == upa_cds(*asked, "--out", "edited") != alone
    assert _results(tmp_path / "two") == _results(tmp_path / "edited")


def test_the_order_in_which_parts_come_back_does_not_show(
    upa_cds: Run, on_workers: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    asked = (recording, "--knowledge", without_jak(other_words(knowledge)))
    alone = upa_cds("replay", *asked, "--out", tmp_path / "one")
    assert on_workers(_backwards, *asked, "--out", tmp_path / "many") == alone
    assert _results(tmp_path / "many") == _results(tmp_path / "one")


def test_calls_lie_where_only_their_user_reads_and_no_longer_than_needed(
    on_workers: Run, recording: Path, tmp_path: Path
) -> None:
    spool = tmp_path / "out" / SPOOL
    lay: list[int] = []

    def watched(work: Work, tasks: Iterable[int]) -> Results:
        for number in tasks:
            lay.append(len(list(spool.iterdir())))
            assert spool.stat().st_mode & 0o777 == 0o700
            yield number, work(number)

    spool.mkdir(parents=True)
    (spool / "of a run that was killed").touch()
    assert on_workers(watched, recording, "--out", tmp_path / "out")[0] == 0
    assert lay == [2] * PARTS, "the plan, and the part that is under way"
    assert not spool.exists()


def test_a_worker_is_told_no_secret_of_the_site(on_workers: Run, recording: Path, tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text('jurisdiction = "eu"\ndatabase_url = "postgresql://cds:SECRET@db.example/cds"\n')
    told: list[str] = []

    def watched(work: Work, tasks: Iterable[int]) -> Results:
        told.append((tmp_path / "out" / SPOOL / "plan.json").read_text())
        yield from _backwards(work, tasks)

    assert on_workers(watched, recording, "--out", tmp_path / "out", "--config", config)[0] == 0
    (plan,) = told
    assert json.loads(json.loads(plan)["plan"]["site"])["jurisdiction"] == "eu"
    assert "SECRET" not in plan


def test_a_worker_with_other_knowledge_is_refused(
    on_workers: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    def edited(work: Work, tasks: Iterable[int]) -> Results:
        other_words(knowledge)
        yield from _backwards(work, tasks)

    code, out, err = on_workers(edited, recording, "--knowledge", knowledge, "--out", tmp_path / "out")
    assert (code, out) == (64, "")
    assert "another program or other knowledge" in err


def test_a_worker_without_the_knowledge_is_refused_with_its_problems(
    on_workers: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    def lacking(work: Work, tasks: Iterable[int]) -> Results:
        (knowledge / "rules.yaml").unlink()
        yield from _backwards(work, tasks)

    code, _, err = on_workers(lacking, recording, "--knowledge", knowledge, "--out", tmp_path / "out")
    assert code == 64
    assert "on a worker of the cluster: " in err
    assert "rules.yaml" in err


def test_a_worker_that_does_not_reach_the_folder_is_told(on_workers: Run, recording: Path, tmp_path: Path) -> None:
    def elsewhere(work: Work, tasks: Iterable[int]) -> Results:
        shutil.rmtree(tmp_path / "out" / SPOOL)
        yield from ((number, work(number)) for number in [0, *islice(tasks, 0)])

    code, _, err = on_workers(elsewhere, recording, "--out", tmp_path / "out")
    assert code == 64
    assert "a worker of the cluster cannot read it" in err


def test_a_run_whose_cluster_ended_goes_on_without_one(
    upa_cds: Run, on_workers: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    def ended(work: Work, tasks: Iterable[int]) -> Results:
        yield from islice(_backwards(work, tasks), 12)
        raise WorkerLost("The scheduler of the cluster ended.")

    asked: tuple[Any, ...] = (recording, "--knowledge", without_jak(knowledge))
    assert on_workers(ended, *asked, "--out", tmp_path / "cut")[::2] == (
        75,
        "upa-cds: The scheduler of the cluster ended.\n",
    )
    assert not (tmp_path / "cut" / SPOOL).exists()
    code, out, _ = upa_cds("replay", *asked, "--out", tmp_path / "cut", "--resume")
    assert code == 2
    # Of the third five only the last two had come: the sums end before them.
    assert out.startswith(f"going on after {10 * PART} calls\n")
    upa_cds("replay", *asked, "--out", tmp_path / "whole")
    assert _results(tmp_path / "cut") == _results(tmp_path / "whole")


def test_a_service_behind_a_url_is_not_asked_from_a_cluster(upa_cds: Run, recording: Path, tmp_path: Path) -> None:
    code, _, err = upa_cds(
        "replay", recording, "--url", "http://s.example", "--out", tmp_path, "--scheduler", "tcp://127.0.0.1:9"
    )
    assert code == 64
    assert "replay against a URL without it" in err


def test_without_dask_the_command_says_what_to_install(
    upa_cds: Run, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = upa_cds("replay", recording, "--out", tmp_path, "--scheduler", "tcp://127.0.0.1:9")
    assert code == 64
    assert "upadacitinib-cds[cluster]" in err
