import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.audit.chain import START
from service.audit.decision import Reaction
from tests.audit.trails import CARD, NOON, Site, changed, days, decision


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_decision_is_one_line_between_an_opening_and_a_seal(site: Site) -> None:
    begun, said, sealed = lines(site.wrote(decision()))
    assert (begun["kind"], sealed["kind"]) == ("open", "seal")
    assert said == {
        "previous": begun["hash"],
        "line": 2,
        "time": "2026-03-16T12:00:00.000+00:00",
        "kind": "decision",
        "request": "req-1",
        "service": "upadacitinib-combination-select",
        "hook": "order-select",
        "client": "ehr",
        "patient": said["patient"],
        "outcome": "complete",
        "status": 200,
        "knowledge": {"version": "1.0.0", "sha256": "ab" * 32},
        "rules": ["upadacitinib-biologic"],
        "gaps": [],
        "cards": [{"uuid": CARD.uuid, "rule": CARD.rule, "indicator": "warning", "shown": True}],
        "hash": said["hash"],
    }
    assert len(said["patient"]) == 64
    assert site.verified().intact


def test_the_same_patient_has_the_same_pseudonym_and_its_id_is_nowhere(site: Site) -> None:
    file = site.wrote(decision(patient="MRN-771"), decision(patient="MRN-771"), decision(patient="MRN-772"))
    told = [line["patient"] for line in lines(file) if line["kind"] == "decision"]
    assert told[0] == told[1] != told[2]
    assert "MRN" not in file.read_text()


def test_a_call_out_of_scope_is_entered_only_where_every_call_is_wanted(site: Site) -> None:
    outside = decision(outcome="out-of-scope")
    assert len(lines(site.wrote(decision(), outside))) == 3
    assert len(lines(site.wrote(decision(), outside, worker=site.worker(every_call=True)))) == 4


def test_what_a_clinician_did_with_a_card_is_entered_without_a_word_of_free_text(site: Site) -> None:
    said = lines(site.wrote(Reaction(NOON, "req-2", "ehr", CARD.uuid, "overridden", "planned-switch")))[1]
    assert (said["card"], said["feedback"], said["reason"]) == (CARD.uuid, "overridden", "planned-switch")


def test_at_midnight_a_worker_seals_its_segment_and_the_next_one_carries_on_its_chain(site: Site) -> None:
    site.wrote(decision(NOON), decision(NOON + days(1)), decision(NOON + days(1)))
    first, second = site.segments()
    assert [line["kind"] for line in lines(first)] == ["open", "decision", "seal"]
    assert [line["kind"] for line in lines(second)] == ["open", "decision", "decision", "seal"]
    assert lines(second)[0]["previous"] == lines(first)[-1]["hash"]
    assert lines(second)[0]["after"] == first.name
    assert site.verified().intact


def test_a_decision_that_comes_late_does_not_open_yesterday_again(site: Site) -> None:
    site.wrote(decision(NOON + days(1)), decision(NOON + days(1) - timedelta(hours=13)))
    assert len(site.segments()) == 1


def test_two_workers_write_a_chain_each_and_one_index(site: Site) -> None:
    one, other = site.worker(), site.worker()
    for _ in range(5):
        one.take(decision())
        other.take(decision())
    assert one.flush(20)
    assert other.flush(20)
    assert len(site.segments()) == 2
    one.close()
    other.close()
    assert {lines(file)[0]["previous"] for file in site.segments()} == {START}
    found = site.verified()
    assert (found.intact, found.remarks, found.segments, found.lines) == (True, (), 2, 14)


def test_what_was_lost_is_counted_and_said_in_the_chain(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = site.worker()
    monkeypatch.setattr("service.audit.segment.Segment.write", _refuses)
    worker.take(decision())
    assert worker.flush(20)
    monkeypatch.undo()
    file = site.wrote(decision(), worker=worker)
    assert worker.counts.seen() == {"lost-failed": 1, "written": 1}
    lost = next(line for line in lines(file) if line["kind"] == "lost")
    assert (lost["entries"], lost["reasons"]) == (1, {"failed": 1})
    assert site.alarms() == []


def _refuses(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_while_it_is_written_a_trail_verifies(site: Site) -> None:
    worker = site.worker()
    worker.take(decision())
    assert worker.flush(20)
    assert site.alarms() == []
    assert site.notes() == [
        f"{site.segments()[0].name}: has no seal yet: it is being written, or its process was killed"
    ]
    worker.close()
    assert site.notes() == []


def test_a_killed_process_is_a_note_and_no_alarm_and_its_cut_line_is_told(site: Site) -> None:
    site.wrote(decision())
    left = site.killed(decision(), decision())
    left.write_bytes(left.read_bytes() + b'{"previous":"00')
    assert site.alarms() == []
    assert f"{left.name}, line 4: has a last line that was cut off, as by a process that was killed" in site.notes()


def test_the_next_segment_that_begins_enters_where_a_killed_process_ended(site: Site) -> None:
    site.wrote(decision())
    left = site.killed(decision(), decision())
    site.wrote(decision())
    assert site.alarms() == []
    changed(left, lambda all_of_it: all_of_it[:-1])
    assert site.alarms() == [f"{left.name}: was cut off: it has 2 lines, and had 3 when it ended"]


def test_a_segment_that_is_still_written_is_not_taken_for_abandoned(site: Site) -> None:
    worker = site.worker()
    worker.take(decision())
    assert worker.flush(20)
    site.wrote(decision())
    worker.take(decision())
    assert worker.flush(20)
    worker.close()
    assert site.verified().remarks == ()


def test_nobody_but_its_user_may_read_the_trail(site: Site) -> None:
    site.wrote(decision())
    assert {file.stat().st_mode & 0o777 for file in site.trail.iterdir()} == {0o600}
