"""What must not matter to a replay: the order of the calls, the ids in them, and orders that are none of ours."""

import json
import random
import re
import shutil
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from service.recording.format import Exchange
from service.replay.calls import Corpus, corpus
from service.replay.chunk import Plan, sums
from service.replay.gates import Limits
from service.replay.ledger import Ledger
from service.replay.sides import SideSpec
from service.replay.stream import in_turn, stream
from service.replay.summary import Result, result, summary, write_changes, write_summary
from tests.builders import draft, medication_request
from tests.replay.traffic import COMMON, Mix, answered, traffic, write

CLINIC = Mix(subject=0.8, biologic=0.5, oral=0.8, chart=2)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Compare this build with a candidate that drops a rule, quietens a class and says one thing otherwise."""
    folder = tmp_path_factory.mktemp("knowledge") / "candidate"
    with as_file(files("cards") / "knowledge") as place:
        shutil.copytree(place, folder)
    for name, old, new in (
        ("rules.yaml", "classes: [jak-inhibitor, tyk2-inhibitor]}", "classes: [tyk2-inhibitor]}"),
        ("rules.yaml", "quiet: {classes: [anti-ige,", "quiet: {classes: [anti-tnf, anti-ige,"),
        ("wording.yaml", "Combining is off-label", "To combine is off-label"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return Plan(SideSpec("build"), SideSpec("build", str(folder)), again=0)


@pytest.fixture(scope="module")
def exchanges() -> tuple[Exchange, ...]:
    return tuple(answered(islice(traffic(11, CLINIC), 120)))


def _result(exchanges: Sequence[Exchange], plan: Plan, folder: Path) -> Result:
    calls = corpus(write(folder / "week.ndjson", list(exchanges)))
    ledger = Ledger()
    stream(calls, plan, ledger, each=in_turn)
    return result(calls, plan, ledger, None, Limits())


def _said(found: Result) -> str:
    written = StringIO()
    write_summary(found, written)
    return written.getvalue()


@pytest.fixture(scope="module")
def told(exchanges: tuple[Exchange, ...], plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _said(_result(exchanges, plan, tmp_path_factory.mktemp("first")))


def test_the_corpus_shows_every_class_that_the_candidate_has(told: str) -> None:
    assert {"REMOVED", "DOWNGRADED", "TEXT", "SUGGESTION"} <= set(json.loads(told)["classes"])
    assert len(json.loads(told)["lost"]) > 10


@pytest.mark.parametrize("seed", range(3))
def test_another_order_of_the_calls_changes_no_byte_of_the_summary(
    seed: int, exchanges: tuple[Exchange, ...], plan: Plan, told: str, tmp_path: Path
) -> None:
    shuffled = list(exchanges)
    random.Random(seed).shuffle(shuffled)
    assert _said(_result(shuffled, plan, tmp_path)) == told


def _renamed(exchange: Exchange, seed: int) -> Exchange:
    """Give every patient, order, entry and hook call another id, the same one everywhere."""
    text = exchange.request.decode()
    names = {*re.findall(r'"id": "([^"]+)"', text), json.loads(text)["context"]["patientId"]}
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf'(?<=["/]){re.escape(name)}(?=")', f"{seed}-{name[::-1]}", text)
    assert text.encode() != exchange.request
    return replace(exchange, request=text.encode())


def _counted(found: Result) -> Any:
    return {key: value for key, value in summary(found).items() if key != "feedback"}


@pytest.mark.parametrize("seed", range(2))
def test_other_ids_change_no_class_and_no_burden(
    seed: int, exchanges: tuple[Exchange, ...], plan: Plan, told: str, tmp_path: Path
) -> None:
    renamed = _result([_renamed(item, seed) for item in exchanges], plan, tmp_path)
    expected = json.loads(told)
    lost = expected.pop("lost")
    expected.pop("feedback")
    assert json.loads(json.dumps(_counted(renamed))) == expected
    assert [(item.exchange, item.change.pair) for item in renamed.ledger.lost()] == [
        (item["exchange"], item["pair"]) for item in lost
    ]


def _with_more(exchange: Exchange, dice: random.Random) -> Exchange:
    """Put medicines of no rule into the record, and behind the drafts of the session."""
    request = json.loads(exchange.request)
    patient = {"reference": f"Patient/{request['context']['patientId']}"}
    on_record = [medication_request(f"zz{n}", dice.choice(COMMON), subject=patient) for n in range(3)]
    request["prefetch"]["medicationRequests"].setdefault("entry", []).extend({"resource": item} for item in on_record)
    ordered = draft("zz9", dice.choice(COMMON), subject=patient)
    request["context"]["draftOrders"]["entry"].append({"resource": ordered})
    return replace(exchange, request=json.dumps(request).encode())


def test_medicines_of_no_rule_change_no_class_and_only_the_denominators(
    exchanges: tuple[Exchange, ...], plan: Plan, told: str, tmp_path: Path
) -> None:
    dice = random.Random(5)
    more = json.loads(_said(_result([_with_more(item, dice) for item in exchanges], plan, tmp_path)))
    before = json.loads(told)
    assert (more["classes"], more["changes"], more["lost"]) == (before["classes"], before["changes"], before["lost"])
    alerts = [
        [[row["what"], row["old"]["alerts"], row["new"]["alerts"]] for row in said["burden"]["rows"]]
        for said in (more, before)
    ]
    assert alerts[0] == alerts[1]
    assert more["burden"]["totals"]["orders"] > before["burden"]["totals"]["orders"]
    assert more["burden"]["totals"]["patients"] == before["burden"]["totals"]["patients"]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_parts_in_which_calls_are_answered_do_not_matter(
    size: int, exchanges: tuple[Exchange, ...], plan: Plan, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.replay.stream.PART", size)
    assert _said(_result(exchanges, plan, tmp_path)) == told


def test_parts_merge_to_the_same_whole_in_any_order(
    exchanges: tuple[Exchange, ...], plan: Plan, tmp_path: Path
) -> None:
    calls = list(corpus(write(tmp_path / "r.ndjson", list(exchanges))))
    parts = [sums(plan, calls[at : at + 25]) for at in range(0, len(calls), 25)]
    said = []
    for order in (parts, parts[::-1]):
        ledger = Ledger()
        for part in order:
            ledger.add(part)
        found = result(Corpus(), plan, ledger, None, Limits())
        written = StringIO()
        write_changes(found, written)
        said.append(_said(found) + written.getvalue())
    assert said[0] == said[1]


def test_memory_does_not_grow_with_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.replay.stream.PART", 50)
    quiet = Plan(SideSpec("recorded"), SideSpec("build"), again=0)
    peaks: list[int] = []
    for calls in (150, 150, 900):
        file = write(tmp_path / f"{len(peaks)}.ndjson", answered(islice(traffic(1, Mix(chart=1)), calls)))
        ledger = Ledger()
        tracemalloc.start()
        stream(corpus(file), quiet, ledger, each=in_turn)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert ledger.calls == calls
    # The first run pays for what is made once.
    assert peaks[2] < peaks[1] * 1.25
