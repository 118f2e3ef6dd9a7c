"""The command `replay` on recordings: verdicts, exit codes, results, and runs that are interrupted."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from service.recording.format import Exchange, RecordingWriter
from service.replay import sides
from tests.replay.candidates import edit, other_words, without_jak
from tests.replay.traffic import CLINIC, answered, header, traffic, write

pytestmark = pytest.mark.usefixtures("packaged_knowledge_is_loaded_once")
Run = Callable[..., tuple[object, str, str]]


def _summary(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_the_build_that_recorded_answers_the_same(upa_cds: Run, recording: Path, tmp_path: Path) -> None:
    code, out, err = upa_cds("replay", recording, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "0: nothing changes for clinicians"
    assert _summary(tmp_path / "out")["classes"] == {}
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "changes.ndjson",
        "junit.xml",
        "report.html",
        "summary.json",
        "timing.json",
    ]


def test_another_version_number_alone_changes_nothing(upa_cds: Run, recording: Path, knowledge: Path) -> None:
    edit(knowledge / "knowledge.yaml", 'version: "1.0.0"', 'version: "1.0.1"')
    assert upa_cds("replay", recording, "--knowledge", knowledge)[0] == 0


def test_other_words_are_allowed_and_told(upa_cds: Run, recording: Path, knowledge: Path) -> None:
    code, out, _ = upa_cds("replay", recording, "--knowledge", other_words(knowledge))
    assert code == 1
    assert out.startswith("TEXT: ")
    assert out.splitlines()[-1] == "1: something changes, and all of it is allowed"


def test_a_deleted_rule_is_found_as_removed_and_every_lost_warning_is_listed(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path, exchanges: tuple[Exchange, ...]
) -> None:
    code, out, _ = upa_cds("replay", recording, "--knowledge", without_jak(knowledge), "--out", tmp_path / "out")
    recorded = sum(
        card["source"]["topic"]["code"] == "UPADACITINIBJAK" and card["indicator"] != "info"
        for exchange in exchanges
        for card in json.loads(exchange.response).get("cards", ())
    )
    found = _summary(tmp_path / "out")
    assert code == 2
    assert recorded > 3
    assert f"REMOVED: {recorded} (UPADACITINIBJAK {recorded})" in out
    assert found["classes"]["REMOVED"] == {"UPADACITINIBJAK": recorded}
    assert len(found["lost"]) == recorded
    assert {(item["rule"], item["before"]) for item in found["lost"]} == {("UPADACITINIBJAK", "warning")}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(item["exchange"] in page for item in found["lost"])


def test_a_change_leads_back_to_its_line(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path, exchanges: tuple[Exchange, ...]
) -> None:
    upa_cds("replay", recording, "--knowledge", without_jak(knowledge), "--out", tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "changes.ndjson").read_text().splitlines()]
    assert lines
    # The first line of a recording is its header.
    assert all(exchanges[line["line"] - 2].id == line["exchange"] for line in lines)


def test_what_somebody_expects_is_allowed(upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path) -> None:
    expect = tmp_path / "expect.yaml"
    expect.write_text(
        "schema: 1\nallow:\n"
        "  - {change: REMOVED, rule: upadacitinib-jak, reason: moved to another system, reviewer: pharmacist}\n"
        # Upadacitinib as the single agent names what else it must not meet.
        "  - {change: [SUGGESTION, TEXT], rule: UPADACITINIBOPTIONS, reason: follows, reviewer: pharmacist}\n"
    )
    assert upa_cds("replay", recording, "--knowledge", without_jak(knowledge), "--expect", expect)[0] == 1
    other_words(knowledge)
    assert upa_cds("replay", recording, "--knowledge", knowledge, "--expect", expect)[0] == 2


def test_two_folders_of_knowledge_are_compared(upa_cds: Run, recording: Path, knowledge: Path) -> None:
    code, out, _ = upa_cds("replay", recording, "--old", without_jak(knowledge), "--new", "site")
    assert code == 1
    assert "ADDED: " in out
    assert "+0.00" not in out


def test_more_alerts_than_the_limit_is_a_code_of_its_own(upa_cds: Run, recording: Path, knowledge: Path) -> None:
    new = ("--old", without_jak(knowledge), "--new", "site")
    assert upa_cds("replay", recording, *new, "--max-burden", "0")[0] == 3
    assert upa_cds("replay", recording, *new, "--max-burden", "100")[0] == 1


def test_slower_than_the_limit_is_a_code_of_its_own(upa_cds: Run, recording: Path) -> None:
    assert upa_cds("replay", recording, "--max-p95", "0")[0] == 4
    assert upa_cds("replay", recording, "--max-p95", "100000")[0] == 0


def test_a_forbidden_change_weighs_more_than_the_burden_and_that_more_than_the_time(
    upa_cds: Run, recording: Path, knowledge: Path
) -> None:
    without_jak(knowledge)
    every = ("--max-burden", "-100", "--max-p95", "0")
    assert upa_cds("replay", recording, "--knowledge", knowledge, *every)[0] == 2
    assert upa_cds("replay", recording, *every)[0] == 3


def test_a_recording_with_a_faulty_line_is_refused_with_its_place(
    upa_cds: Run, tmp_path: Path, recording: Path
) -> None:
    faulty = write(tmp_path / "faulty.ndjson", answered(islice(traffic(1), 2)))
    with faulty.open("ab") as file:
        file.write(b'{"id": "SECRET"}\n')
    code, _, err = upa_cds("replay", faulty)
    assert code == 5
    assert f"{faulty}, line 4" in err
    assert "SECRET" not in err
    assert upa_cds("replay", tmp_path / "nowhere.ndjson")[0] == 5
    (tmp_path / "other.ndjson").write_text("{}\n")
    assert upa_cds("replay", tmp_path / "other.ndjson")[0] == 5


def test_a_recording_that_is_not_de_identified_needs_a_word(upa_cds: Run, tmp_path: Path) -> None:
    file = tmp_path / "raw.ndjson"
    with RecordingWriter(file, replace(header(), deidentified=False)) as writer:
        for exchange in answered(islice(traffic(1), 2)):
            writer.write(exchange)
    code, _, err = upa_cds("replay", file)
    assert code == 5
    assert "not de-identified" in err
    assert upa_cds("replay", file, "--identified")[0] == 0


def test_a_recording_that_the_proof_refuses_is_not_replayed(upa_cds: Run, recording: Path) -> None:
    code, out, err = upa_cds("replay", recording, "--lint")
    assert (code, out) == (5, "")
    assert "another policy made it" in err


def test_a_last_line_that_was_cut_off_is_left_out_and_told(upa_cds: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "cut.ndjson", answered(islice(traffic(1), 3)))
    file.write_bytes(file.read_bytes()[:-5])
    code, out, _ = upa_cds("replay", file)
    assert code == 0
    assert "cut.ndjson: the last line is not whole and was left out" in out
    assert "2 calls" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nothing"],
        ["--update"],
        ["--new", "a", "--knowledge", "b"],
        ["--resume"],
        ["--jobs", "0"],
        ["--scheduler", "tcp://127.0.0.1:9"],
        ["--scheduler", "tcp://127.0.0.1:9", "--out", "out", "--jobs", "2"],
        ["--scheduler", "tcp://127.0.0.1:9", "--out", "out", "--old", "http://service.example"],
        ["--scheduler", "tcp://127.0.0.1:9", "--out", "out", "--url", "http://service.example"],
        ["--twice", "2"],
        ["--expect", "nowhere.yaml"],
        ["--knowledge", "nowhere"],
        ["--config", "nowhere.toml"],
        ["--report", "nowhere/page.html"],
    ],
)
def test_wrong_usage_is_never_taken_for_a_verdict(upa_cds: Run, recording: Path, arguments: list[str]) -> None:
    code, _, err = upa_cds("replay", recording, *arguments)
    assert code == 64
    assert err


def test_a_breakdown_is_never_taken_for_a_verdict(
    upa_cds: Run, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("SECRET")

    monkeypatch.setattr("service.replay.command.result", broken)
    code, _, err = upa_cds("replay", recording)
    assert code == 70
    assert "RuntimeError" in err
    assert "SECRET" not in err


def test_cases_are_compared_by_meaning_with_an_option_of_recordings(upa_cds: Run, tmp_path: Path) -> None:
    with as_file(files("fhir_fixtures") / "cases") as place:
        for name in (
            "order-select__three-rules-at-once",
            "order-select__ceiling-info",
            "order-select__context-missing",
        ):
            shutil.copytree(place / name, tmp_path / "cases" / name)
    code, out, _ = upa_cds("replay", tmp_path / "cases", "--report", tmp_path / "page.html")
    assert code == 0
    assert "3 calls" in out
    edit(tmp_path / "cases" / "order-select__three-rules-at-once" / "expected.json", '"warning"', '"critical"')
    code, out, _ = upa_cds("replay", tmp_path / "cases", "--report", tmp_path / "page.html")
    assert code == 2
    assert "DOWNGRADED" in out


def test_several_processes_give_the_same_results_byte_for_byte(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.replay.stream.PART", 15)
    other_words(without_jak(knowledge))
    for jobs in ("1", "2"):
        upa_cds("replay", recording, "--knowledge", knowledge, "--jobs", jobs, "--out", tmp_path / jobs)
    for name in ("summary.json", "changes.ndjson", "junit.xml"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def _behind(state: Path) -> int:
    """Return how many calls an interrupted run has written down."""
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT value FROM run WHERE name = 'calls'").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(row[0]) if row else 0


def _killed(arguments: list[str], state: Path) -> None:
    """Start a run of its own and kill it once it has written some of its state."""
    command = "import service.replay.stream as run; run.PART = 10; from service.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", command, *arguments], stdout=subprocess.DEVNULL)
    while not _behind(state) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_run_that_was_killed_goes_on_and_gives_the_same_summary_byte_for_byte(
    upa_cds: Run, tmp_path: Path, knowledge: Path
) -> None:
    long = write(tmp_path / "long.ndjson.gz", answered(islice(traffic(3, CLINIC), 600)))
    options = [str(long), "--knowledge", str(without_jak(knowledge))]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    upa_cds("replay", *options, "--out", whole)
    _killed(["replay", *options, "--out", str(cut)], cut / "replay.sqlite")
    assert not (cut / "summary.json").exists()
    code, out, _ = upa_cds("replay", *options, "--out", cut, "--resume")
    assert code == 2
    assert out.startswith("going on after ")
    for name in ("summary.json", "changes.ndjson", "junit.xml"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert not (cut / "replay.sqlite").exists()


def test_another_run_is_not_taken_for_the_interrupted_one(
    upa_cds: Run, tmp_path: Path, recording: Path, knowledge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("service.replay.command.result", interrupted)
        code, _, err = upa_cds("replay", recording, "--out", tmp_path / "out")
        assert code == 130
        assert "--resume" in err
    code, _, err = upa_cds("replay", recording, "--out", tmp_path / "out", "--resume", "--knowledge", knowledge)
    assert code == 64
    assert "another replay" in err
    assert upa_cds("replay", recording, "--out", tmp_path / "out", "--resume")[0] == 0


class _Page(HTMLParser):
    """Collects tags, attributes and text, and holds the page to closing what it opens."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")]
        if tag not in ("meta", "br", "rect", "path", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "path", "polyline"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _page(file: Path) -> _Page:
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


def test_the_report_is_one_page_that_loads_nothing(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    other_words(without_jak(knowledge))
    upa_cds("replay", recording, "--knowledge", knowledge, "--report", tmp_path / "page.html")
    page = _page(tmp_path / "page.html")
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    ids = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f'id="{link[1:]}"' in ids for link in page.links)
    assert "url(" not in ids
    assert page.tags.count("svg") == 3


def test_no_text_of_a_card_becomes_markup_of_the_report(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    edit(knowledge / "wording.yaml", "Combining is off-label", "<script>alert(1)</script><b title='x'> is off-label")
    upa_cds("replay", recording, "--knowledge", knowledge, "--report", tmp_path / "page.html")
    page = _page(tmp_path / "page.html")
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in "".join(page.text)


def test_the_junit_report_fails_where_the_gate_does(
    upa_cds: Run, recording: Path, knowledge: Path, tmp_path: Path
) -> None:
    other_words(without_jak(knowledge))
    upa_cds("replay", recording, "--knowledge", knowledge, "--junit", tmp_path / "j.xml", "--max-burden", "5")
    suite = ElementTree.fromstring((tmp_path / "j.xml").read_bytes())
    failed = {test.get("name") for test in suite if test.find("failure") is not None}
    assert failed == {"REMOVED UPADACITINIBJAK", "changes"}
    assert {"TEXT UPADACITINIBBIOLOGIC", "burden", "ADDED"} <= {test.get("name") for test in suite}


def test_two_answers_to_one_call_are_never_allowed(
    upa_cds: Run, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sides.Build.answer
    given: list[int] = []

    def unsteady(self: sides.Build, call: Any) -> sides.Answered:
        answer = real(self, call)
        given.append(1)
        return replace(answer, body=answer.body + b" " * (len(given) % 2))

    monkeypatch.setattr(sides.Build, "answer", unsteady)
    code, out, _ = upa_cds("replay", recording)
    assert code == 2
    assert "UNSTABLE: 100 calls" in out
    assert upa_cds("replay", recording, "--twice", "0")[0] == 0


def test_a_card_that_breaks_the_contract_is_never_allowed(
    upa_cds: Run, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sides.Build.answer

    def long(self: sides.Build, call: Any) -> sides.Answered:
        answer = real(self, call)
        return replace(answer, body=answer.body.replace(b'"summary":"', b'"summary":"' + b"x" * 140))

    monkeypatch.setattr(sides.Build, "answer", long)
    code, out, _ = upa_cds("replay", recording)
    assert code == 2
    assert "INVALID: " in out
