import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cards import load_catalogue
from service.app import SITE, create_app
from service.background import Background
from service.cases import read_case
from service.errors import SettingsError
from service.recording.format import Exchange, read_recording, recording_files
from service.recording.key import KeyUnusable, is_hash
from service.recording.lint import Lint
from service.recording.policy import load_policy
from service.recording.recorder import Recorder, taking
from service.settings import Settings
from tests.fakes import SELECT, SIGN, Shell
from tests.recording.calls import around, call, exchange_of, words
from tests.recording.full_disk import write_within

CASE = "order-select__upadacitinib-beside-current-infliximab"
Log = Callable[[], list[dict[str, Any]]]


def _settings(tmp_path: Path, **changed: Any) -> Settings:
    return Settings(data_dir=tmp_path / "data", record_dir=tmp_path / "recordings", **changed)


def _recorder(tmp_path: Path, **changed: Any) -> Recorder:
    made_with = taking(_settings(tmp_path, **changed), load_catalogue())
    assert made_with is not None
    return Recorder(made_with)


def _exchange(patient: str = "p1", **changed: Any) -> Exchange:
    request = around({"resourceType": "Patient", "id": patient})
    return call(request | {"context": {"patientId": patient}}, {"cards": []}, **changed)


def _take(recorder: Recorder, exchange: Exchange) -> None:
    recorder.expect()
    recorder.take(exchange)


def _recorded(tmp_path: Path) -> list[Exchange]:
    return [item for file in recording_files(tmp_path / "recordings") for item in read_recording(file)]


def _app(settings: Settings) -> tuple[Flask, FlaskClient]:
    app = create_app(settings, clock=lambda: datetime(2026, 3, 16, 12, tzinfo=UTC), ready=True)
    return app, app.test_client()


def _answered(client: FlaskClient, url: str, **sent: Any) -> TestResponse:
    """Post, and end the answer as a server does once it is sent."""
    answered = client.post(url, **sent)
    assert answered.data
    answered.close()
    return answered


class _Taken:
    def __init__(self, taken: list[Exchange]) -> None:
        self.take = taken.append

    def expect(self) -> None:
        pass


def _flushed(app: Flask) -> Recorder:
    recorder: Recorder = app.extensions[SITE].recorder
    assert recorder.flush(20)
    return recorder


def test_without_a_folder_nothing_is_recorded(tmp_path: Path) -> None:
    assert taking(Settings(data_dir=tmp_path), load_catalogue()) is None
    app, client = _app(Settings(data_dir=tmp_path))
    _answered(client, SELECT, data=read_case(CASE).body, content_type="application/json")
    assert app.extensions[SITE].recorder is None
    assert "recording" not in client.get("/readyz").get_json()
    assert not [*tmp_path.rglob("*record*"), *tmp_path.rglob("*.ndjson*")]


def test_a_call_is_recorded_with_its_answer_and_without_the_person(tmp_path: Path) -> None:
    app, client = _app(_settings(tmp_path))
    case = read_case(CASE)
    headers = {"Authorization": "Bearer tok3n-Qx9wibble", "X-Request-ID": "trace-of-Zebulon"}
    answered = _answered(client, SELECT, data=case.body, headers=headers, content_type="application/json")
    recorder = _flushed(app)
    recorder.close()
    (made,) = _recorded(tmp_path)
    assert made.status == answered.status_code == 200
    assert [card["summary"] for card in json.loads(made.response)["cards"]] == [
        card["summary"] for card in answered.get_json()["cards"]
    ]
    assert (made.service, made.hook, made.jurisdiction, made.profile) == (
        "upadacitinib-combination-select",
        "order-select",
        "us",
        "spec",
    )
    assert made.knowledge_version == load_catalogue().version
    assert made.knowledge_sha256 == load_catalogue().sha256
    assert made.latency_ms is not None
    assert made.client is None
    assert made.on < datetime(2026, 3, 16, tzinfo=UTC).date()
    (file,) = recording_files(tmp_path / "recordings")
    canaries = (case.request["context"]["patientId"], "tok3n", "Zebulon", "Bearer tok3n")
    assert list(Lint(words(), load_policy(), canaries).findings(file)) == []
    assert client.get("/readyz").get_json()["recording"] == {"recorded": 1}


def test_a_refused_call_is_recorded_with_its_refusal(tmp_path: Path) -> None:
    app, client = _app(_settings(tmp_path))
    request = read_case(CASE).request
    del request["prefetch"]
    assert _answered(client, SELECT, json=request).status_code == 412
    assert _answered(client, SIGN, json=request).status_code == 400
    _flushed(app)
    assert [(item.status, json.loads(item.response)["resourceType"]) for item in _recorded(tmp_path)] == [
        (412, "OperationOutcome"),
        (400, "OperationOutcome"),
    ]


def test_a_call_that_is_not_read_is_not_recorded(tmp_path: Path) -> None:
    app, client = _app(_settings(tmp_path, max_body_bytes=10))
    assert client.post(SELECT, data=b"x" * 100, content_type="application/json").status_code == 413
    assert client.post("/cds-services/other", json={}).status_code == 404
    assert client.post(SELECT, data=b"{}", content_type="text/plain").status_code == 415
    assert client.get("/cds-services").status_code == 200
    assert _flushed(app).counts.seen() == {}


def test_an_unforeseen_failure_is_recorded_as_what_it_was(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Exchange] = []
    monkeypatch.setattr("service.site.taking", lambda settings, catalogue: object())
    monkeypatch.setattr("service.site.Recorder", lambda made_with: _Taken(taken))
    shell.fails = RuntimeError("Zebulon")
    assert _answered(shell.client(), SELECT, json=around({})).status_code == 500
    assert [item.status for item in taken] == [500]
    assert b"Zebulon" not in taken[0].response


def test_the_answer_is_complete_before_the_recording_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Exchange] = []
    monkeypatch.setattr(Recorder, "take", lambda self, exchange: taken.append(exchange))
    monkeypatch.setattr(Recorder, "expect", lambda self: None)
    _, client = _app(_settings(tmp_path))
    response = client.post(SELECT, data=read_case(CASE).body, content_type="application/json")
    assert response.get_json()["cards"]
    assert taken == []
    response.close()
    assert [item.response for item in taken] == [response.data]


def test_calls_of_a_patient_stay_together_when_only_a_share_is_recorded(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, record_sampling=0.3)
    for number in range(120):
        _take(recorder, _exchange(f"p{number % 40}"))
    assert recorder.flush(30)
    recorder.close()
    seen: dict[str, int] = {}
    for item in _recorded(tmp_path):
        patient = json.loads(item.request)["context"]["patientId"]
        seen[patient] = seen.get(patient, 0) + 1
    assert set(seen.values()) == {3}
    assert 4 <= len(seen) <= 22
    assert recorder.counts.seen() == {"recorded": 3 * len(seen)}


def test_the_client_is_hashed_and_its_ids_are_its_own(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path)
    for client in ("ehr-1", "ehr-2", "ehr-1"):
        _take(recorder, _exchange(client=client))
    recorder.flush(20)
    recorder.close()
    first, second, third = _recorded(tmp_path)
    assert first.client == third.client
    assert first.client != second.client
    assert is_hash(str(first.client))
    assert first.request == third.request
    assert first.request != second.request


def test_a_full_queue_loses_the_call_and_not_the_answer(tmp_path: Path, log_lines: Log) -> None:
    recorder = _recorder(tmp_path)
    working, go = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        working.set()
        go.wait(20)

    recorder._queue = Background(slow, capacity=5_000, lost=recorder._lose)
    for _ in range(20):
        _take(recorder, _exchange())
    working.wait(20)
    go.set()
    assert recorder.flush(20)
    lost = recorder.counts.seen()["lost-queue-full"]
    assert 0 < lost < 20
    warned = [line for line in log_lines() if line["event"] == "recording-lost"]
    assert [line["problems"] for line in warned] == [["queue-full"]]


def test_a_full_disk_loses_the_call_is_counted_and_leaves_a_whole_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_lines: Log
) -> None:
    recorder = _recorder(tmp_path)
    room = [3_000]
    with monkeypatch.context() as patch:
        patch.setattr("service.recording.format.os.write", write_within(room))
        for number in range(200):
            _take(recorder, _exchange(f"p{number}"))
        assert recorder.flush(30)
    room[0] = 10**9
    _take(recorder, _exchange("last"))
    assert recorder.flush(20)
    recorder.close()
    counts = recorder.counts.seen()
    assert counts["lost-failed"] > 0
    assert counts["recorded"] + counts["lost-failed"] == 201
    assert len(_recorded(tmp_path)) == counts["recorded"]
    assert [line["problems"] for line in log_lines() if line["event"] == "recording-lost"] == [["failed"]]


def test_recording_pauses_at_the_size_that_the_site_allows(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, record_total_bytes=64 * 1024, record_file_bytes=64 * 1024)
    other = tmp_path / "recordings" / "worker-1-1.0001.ndjson.gz"
    other.write_bytes(bytes(63 * 1024))
    for number in range(60):
        _take(recorder, _exchange(f"p{number}"))
    assert recorder.flush(20)
    counts = recorder.counts.seen()
    assert counts["recorded"] > 0
    assert counts["lost-limit"] > 0
    other.unlink()
    _take(recorder, _exchange("p1"))
    assert recorder.flush(20)
    assert recorder.counts.seen()["recorded"] == counts["recorded"] + 1


def test_a_worker_begins_its_next_file_at_the_size_that_the_site_says(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, record_file_bytes=64 * 1024)
    case = exchange_of(read_case(CASE))
    body = json.loads(case.request)
    for number in range(250):
        body["context"]["patientId"] = f"p{number}"
        _take(recorder, replace(case, id=str(number), request=json.dumps(body).encode()))
    assert recorder.flush(60)
    recorder.close()
    files = recording_files(tmp_path / "recordings")
    assert len(files) > 1
    assert len({item.id for item in _recorded(tmp_path)}) == 250
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


def test_a_request_that_readers_read_differently_is_counted(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path)
    _take(recorder, replace(_exchange(), request=b'{"hook":"a","hook":"b"}'))
    assert recorder.flush(20)
    assert recorder.counts.seen() == {"lost-unreadable": 1}


def test_a_folder_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"record_dir .* cannot be made"):
        taking(Settings(data_dir=tmp_path, record_dir=tmp_path / "file" / "x"), load_catalogue())
    with pytest.raises(SettingsError, match=r"record_words .* cannot be read"):
        taking(_settings(tmp_path, record_words=tmp_path / "none.txt"), load_catalogue())
    with pytest.raises(KeyUnusable):
        taking(Settings(data_dir=tmp_path / "file", record_dir=tmp_path / "recordings"), load_catalogue())
