"""A screening in many processes, broken off and resumed, or on a cluster, gives the bytes of one process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.chunks import Ledger, finish, in_this_process, processes, whole_file
from service.cluster import cluster
from service.errors import InvalidRequest, WorkerLost
from service.screen.plan import Place
from tests.clusters import cluster_of_three, killing, needs_dask, workers_left
from tests.screen.exports import SMALL_CHUNKS, Known

Screen = Callable[..., dict[str, Any]]
STOPPED, KILLED = 3, 15


def squared(task: int) -> bytes:
    return str(task * task).encode()


def ended(task: int) -> bytes:
    os._exit(7)


def test_tasks_that_are_done_stay_done_and_results_come_in_the_order_of_the_plan(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "stage", 5)
    asked: list[int] = []
    told: list[int] = []

    def backwards(work: Any, tasks: Any) -> Iterator[tuple[int, bytes]]:
        for task in reversed(tasks):
            asked.append(task)
            yield task, work(task)

    ledger.todo()
    ledger.keep(3, b"9")
    finish(ledger, squared, backwards, told.append)
    assert asked == [4, 2, 1, 0]
    assert told == [1, 2, 3, 4, 5]
    assert list(ledger.results()) == [b"0", b"1", b"4", b"9", b"16"]
    finish(ledger, squared, backwards, told.append)
    assert asked == [4, 2, 1, 0]


def test_a_file_that_could_not_be_written_whole_does_not_exist(tmp_path: Path) -> None:
    def broken_off() -> None:
        with whole_file(tmp_path / "x") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_worker_processes_do_every_task_once() -> None:
    assert sorted(processes(2)(squared, range(9))) == sorted(in_this_process(squared, range(9)))


def test_a_worker_process_that_is_ended_is_said_to_be_lost() -> None:
    with pytest.raises(WorkerLost, match="ended from outside"):
        list(processes(2)(ended, range(3)))


def test_two_processes_give_the_result_of_one(export: tuple[Path, Known], screened: Screen, tmp_path: Path) -> None:
    folder, _ = export
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    alone = screened(folder, chunk_bytes=SMALL_CHUNKS, patients=one)
    assert screened(folder, chunk_bytes=SMALL_CHUNKS, patients=two, workers=processes(2)) == alone
    assert two.read_bytes() == one.read_bytes()


_BROKEN_OFF = """
import os, signal, sys
from pathlib import Path
from service.screen.run import Screening, screen
from service.settings import Settings
from tests.screen.exports import ON, SMALL_CHUNKS

def progress(done, of):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

screen(
    Screening((sys.argv[1],), Settings(), ON, ON, 1, Path(sys.argv[2]), chunk_bytes=SMALL_CHUNKS), progress=progress
)
"""


def test_a_screening_that_was_killed_twice_goes_on_and_gives_the_same_bytes(
    export: tuple[Path, Known], screened: Screen, tmp_path: Path
) -> None:
    folder, _ = export
    work = tmp_path / "work"
    done: list[int] = []
    alone = screened(folder, chunk_bytes=SMALL_CHUNKS)
    # The first is killed while the chunks are read, the second (which begins anew) while patients are assessed.
    for place, kills in ((work, 4), (tmp_path / "late", 30)):
        broken = subprocess.run(
            [sys.executable, "-c", _BROKEN_OFF, folder, place, str(kills)], cwd=Path(__file__).parents[2]
        )
        assert broken.returncode == -signal.SIGKILL
        assert Place(place).plan_file.exists()
        resumed = screened(
            folder,
            chunk_bytes=SMALL_CHUNKS,
            on=None,
            work=place,
            resume=True,
            progress=lambda now, of: done.append(now),
        )
        assert done.pop(0) == kills
        done.clear()
        assert json.dumps(resumed) == json.dumps(alone)
        assert not place.exists(), "what the work folder holds are patient data"


def test_a_folder_of_another_screening_or_with_other_files_is_refused(
    export: tuple[Path, Known], screened: Screen, tmp_path: Path
) -> None:
    folder, _ = export
    with pytest.raises(InvalidRequest, match="holds no interrupted screening"):
        screened(folder, work=tmp_path / "none", resume=True)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").touch()
    with pytest.raises(InvalidRequest, match="is not empty"):
        screened(folder, work=tmp_path / "used")
    work = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt):
        screened(folder, work=work, progress=_interrupted)
    with pytest.raises(InvalidRequest, match="was broken off"):
        screened(folder, work=work)
    with pytest.raises(InvalidRequest, match=r"another screening \(--patients changed\)"):
        screened(folder, work=work, resume=True, patients=tmp_path / "p.csv")
    assert screened(folder, work=work, resume=True) == screened(folder)


def _interrupted(done: int, of: int) -> None:
    if done:
        raise KeyboardInterrupt


@needs_dask
@pytest.mark.deep
@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_one_of_three_workers_gives_the_result_of_one_process(
    export: tuple[Path, Known], screened: Screen, tmp_path: Path
) -> None:
    folder, known = export
    one, three = tmp_path / "one.csv", tmp_path / "three.csv"
    alone = screened(folder, chunk_bytes=SMALL_CHUNKS, patients=one)
    with cluster_of_three(tmp_path) as (address, workers):
        told: list[int] = []
        kills = killing(address, workers[0], stopped=STOPPED, killed=KILLED)

        def progress(done: int, of: int) -> None:
            told.append(done)
            kills(done)

        asked = {"chunk_bytes": SMALL_CHUNKS, "patients": three, "work": tmp_path / "work", "progress": progress}
        result = screened(folder, workers=cluster(address), **asked)
        assert workers_left(address) == 2
    assert json.dumps(result) == json.dumps(alone)
    assert three.read_bytes() == one.read_bytes()
    assert result["patients"]["inExport"] == known.records.total()
    # Each stage tells once how many were done before it, and then one more at each task.
    assert sorted(set(told)) == list(range(max(told) + 1))
    assert len(told) == max(told) + 2
