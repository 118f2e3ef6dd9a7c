"""The recorded answers of a FHIR server: how they are written, and that each one is needed."""

from typing import Any

import pytest

from service.cases import CaseError, case_names, read_case
from service.fhir_access.fetch import FhirCall
from service.fhir_access.recorded import read_call
from service.replay import in_process


@pytest.mark.parametrize(
    ("written", "call"),
    [
        ({"url": "A?b", "status": 200, "body": {"a": "ü"}}, FhirCall("GET", "A?b", 200, '{"a": "ü"}'.encode())),
        ({"url": "A", "status": 200, "text": "<html>"}, FhirCall("GET", "A", 200, b"<html>")),
        ({"url": "A", "status": 503, "problem": "status"}, FhirCall("GET", "A", 503, b"", "status")),
        ({"url": "A", "problem": "timeout"}, FhirCall("GET", "A", None, b"", "timeout")),
    ],
)
def test_a_recorded_call_is_read(written: dict[str, Any], call: FhirCall) -> None:
    assert read_call(written) == call


@pytest.mark.parametrize(
    "written",
    [
        {"url": "A", "status": 200},
        {"url": "A", "body": {}, "text": ""},
        {"url": "A", "body": {}, "token": "x"},
        {"body": {}},
    ],
)
def test_what_is_no_recorded_call_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_call(written)


def test_a_recording_that_cannot_be_read_names_its_file(tmp_path: Any) -> None:
    folder = tmp_path / "order-select__x"
    (folder / "server").mkdir(parents=True)
    (folder / "case.yaml").write_text("title: X.\non: 2026-03-16\nrules: []\n")
    (folder / "request.json").write_text("{}")
    (folder / "expected.json").write_text("{}")
    (folder / "server" / "01.json").write_text('{"url": "A"}')
    with pytest.raises(CaseError, match=r"01\.json: is not well-formed"):
        read_case("order-select__x", tmp_path)


WITH_SERVER = [name for name in case_names() if read_case(name).server]


@pytest.mark.parametrize("name", WITH_SERVER)
def test_every_recorded_answer_of_a_case_is_asked_for_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = read_case(name)
    server = case.fhir
    monkeypatch.setattr(type(case), "fhir", server)
    in_process(case)
    assert sorted(server.asked) == sorted(call.url for call in case.server)


def test_there_are_cases_with_a_server() -> None:
    assert len(WITH_SERVER) >= 20
