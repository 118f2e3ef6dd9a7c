import base64
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from service.recording.format import Exchange, RecordingError
from service.recording.sources import Source

REQUEST = {"hook": "order-sign", "hookInstance": "x", "context": {"patientId": "p1"}}
SIGN = "https://cds.wibble.example/upa/cds-services/upadacitinib-combination-sign"


def _source(path: Path, **changed: Any) -> Source:
    given: dict[str, Any] = {"zone": UTC, "jurisdiction": "us"}
    return Source(path, **given | changed)


def _read(source: Source) -> list[Exchange]:
    return list(source.exchanges())


def _entry(**changed: Any) -> dict[str, Any]:
    return {
        "startedDateTime": "2026-03-16T23:30:00.000-05:00",
        "time": 12.345,
        "request": {
            "method": "POST",
            "url": SIGN,
            "headers": [{"name": "Authorization", "value": "Bearer tok3n"}],
            "cookies": [{"name": "session", "value": "tok3n"}],
            "postData": {"mimeType": "application/json", "text": json.dumps(REQUEST)},
        },
        "response": {"status": 200, "headers": [], "content": {"text": '{"cards":[]}'}},
    } | changed


def _har(path: Path, *entries: Any) -> Path:
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}), encoding="utf-8")
    return path


def test_a_har_gives_the_calls_of_our_services_with_their_answers_and_times(tmp_path: Path) -> None:
    (made,) = _read(_source(_har(tmp_path / "a.har", _entry())))
    assert json.loads(made.request) == REQUEST
    assert (made.service, made.hook) == ("upadacitinib-combination-sign", "order-sign")
    assert (made.status, made.response, made.latency_ms) == (200, b'{"cards":[]}', 12.3)
    assert made.at == datetime.fromisoformat("2026-03-16T23:30:00-05:00")
    assert made.on == date(2026, 3, 17)
    assert "tok3n" not in repr(made)


def test_a_body_in_base64_is_read(tmp_path: Path) -> None:
    content = {"encoding": "base64", "text": base64.b64encode(b'{"cards":[]}').decode()}
    (made,) = _read(_source(_har(tmp_path / "a.har", _entry(response={"status": 200, "content": content}))))
    assert made.response == b'{"cards":[]}'


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"request": {"method": "GET", "url": SIGN}}, "no POST to one of the services"),
        ({"request": {"method": "POST", "url": "https://x.example/fhir/Patient"}}, "no POST to one of the services"),
        ({"request": {"method": "POST", "url": f"{SIGN}/feedback"}}, "no POST to one of the services"),
        ({"request": {"method": "POST", "url": "https://[x"}}, "no POST to one of the services"),
        ({"request": {"method": "POST", "url": SIGN}}, "a call without its body"),
        ({"startedDateTime": "yesterday"}, "a call without its time"),
        ({"startedDateTime": "2026-03-16T10:00:00"}, "a call without its time"),
        ({"request": None}, "no POST to one of the services"),
    ],
)
def test_what_is_no_call_of_ours_is_left_out_and_counted(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    source = _source(_har(tmp_path / "a.har", _entry(**changed), _entry()))
    assert len(_read(source)) == 1
    assert source.skipped == {reason: 1}


@pytest.mark.parametrize("answered", [{}, {"status": 0}, {"status": 502, "content": {"text": "<html>"}}])
def test_an_answer_that_is_not_on_record_is_said_to_be_none(tmp_path: Path, answered: dict[str, Any]) -> None:
    (made,) = _read(_source(_har(tmp_path / "a.har", _entry(response=answered))))
    assert (made.status, made.response) == (0, b"")


def test_a_folder_gives_every_request_in_it_in_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.json", "a.json", "deep/c.json"):
        (tmp_path / name).write_text(json.dumps({**REQUEST, "hookInstance": name}), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "other.json").write_text('{"resourceType": "Patient"}', encoding="utf-8")
    (tmp_path / "readme.txt").write_text("x", encoding="utf-8")
    _har(tmp_path / "z.har", _entry())
    source = _source(tmp_path, on=date(2026, 3, 16), profile="epic", jurisdiction="eu")
    made = _read(source)
    assert [item.id for item in made] == ["a.json", "b.json", "deep/c.json", "z.har#0"]
    assert {(item.on, item.profile, item.jurisdiction) for item in made} == {(date(2026, 3, 16), "epic", "eu")}
    assert source.skipped == {"a file that is no JSON": 1, "no request of a hook that is served": 1}


def test_a_request_without_a_day_is_of_the_day_its_file_was_changed(tmp_path: Path) -> None:
    import os

    file = tmp_path / "a.json"
    file.write_text(json.dumps(REQUEST), encoding="utf-8")
    moment = datetime(2025, 7, 1, 15, tzinfo=UTC).timestamp()
    os.utime(file, (moment, moment))
    assert [item.on for item in _read(_source(file))] == [date(2025, 7, 1)]


def test_recorded_cases_give_request_day_status_and_expected_answer(tmp_path: Path) -> None:
    case = tmp_path / "order-sign__x"
    case.mkdir()
    (case / "case.yaml").write_text(
        "title: x\non: 2026-03-16\nrules: []\nstatus: 412\nsettings:\n  jurisdiction: eu\n  profile: epic\n",
        encoding="utf-8",
    )
    (case / "request.json").write_text(json.dumps(REQUEST), encoding="utf-8")
    (case / "expected.json").write_text('{"resourceType":"OperationOutcome"}', encoding="utf-8")
    (tmp_path / "order-sign__broken").mkdir()
    other = tmp_path / "encounter-start__x"
    other.mkdir()
    for name in ("case.yaml", "request.json", "expected.json"):
        (other / name).write_bytes((case / name).read_bytes())
    source = _source(tmp_path)
    (made,) = _read(source)
    assert (made.id, made.on, made.status) == ("order-sign__x", date(2026, 3, 16), 412)
    assert (made.jurisdiction, made.profile) == ("eu", "epic")
    assert source.skipped == {"a case that cannot be read": 1, "a hook that no service answers": 1}


def test_a_source_that_holds_nothing_of_the_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"holds no \.json or \.har file"):
        _read(_source(tmp_path))
    with pytest.raises(RecordingError, match="nothing of this name"):
        _read(_source(tmp_path / "x"))
