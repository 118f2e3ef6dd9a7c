import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cases import read_case
from service.recording.format import Exchange, Header, RecordingError, RecordingWriter
from service.recording.lint import Finding, Lint, listed_canaries
from service.recording.policy import load_policy
from tests.recording.calls import CANARIES, at, exchange_of, kept, places, read, with_at, words
from tests.thorough import examples

CASE = "order-select__upadacitinib-beside-current-infliximab"
HEADER = Header(1, "upa-cds 0.1.0", True, load_policy().version, "abc", "1.0.0")
CLEAN = replace(
    kept(
        replace(
            exchange_of(read_case(CASE)),
            client="ehr-1",
            fhir_calls=(read("MedicationRequest?patient=1", {"resourceType": "Bundle", "entry": []}),),
            feedback=(b'{"card":"0501fbf2-e078-5447-af23-9bf832f71a8a","outcome":"accepted"}',),
        )
    )
)


def _findings(folder: Path, exchange: Exchange, *canaries: str, header: Header = HEADER) -> list[Finding]:
    path = folder / "calls.ndjson"
    path.unlink(missing_ok=True)
    with RecordingWriter(path, header) as writer:
        writer.write(exchange)
    return list(Lint(words(), load_policy(), canaries).findings(path))


def test_a_clean_recording_has_no_findings(tmp_path: Path) -> None:
    assert _findings(tmp_path, CLEAN, *CANARIES) == []


REQUEST = json.loads(CLEAN.request)
RESPONSE = json.loads(CLEAN.response)
LEAVES = [path for path in places(REQUEST) if not isinstance(at(REQUEST, path), dict | list)]
ANSWERS = [path for path in places(RESPONSE) if not isinstance(at(RESPONSE, path), dict | list)]


@settings(max_examples=examples(250))
@given(st.sampled_from(LEAVES), st.sampled_from(CANARIES), st.booleans())
def test_every_leak_in_a_request_is_found(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[Any, ...], leak: str, within: bool
) -> None:
    put = f"{at(REQUEST, path)} {leak}" if within else leak
    leaking = replace(CLEAN, request=json.dumps(with_at(REQUEST, path, put)).encode())
    found = _findings(tmp_path_factory.mktemp("lint"), leaking)
    if leak.isdigit() and path[-1] == "code" and not found:
        pytest.fail("a code of ten digits has the shape of no code here")
    assert found
    assert all(finding.line == 2 for finding in found)
    assert not any(leak in str(finding) for finding in found)


@settings(max_examples=examples(150))
@given(st.sampled_from(ANSWERS), st.sampled_from(CANARIES))
def test_every_leak_in_an_answer_is_found(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[Any, ...], leak: str
) -> None:
    leaking = replace(CLEAN, response=json.dumps(with_at(RESPONSE, path, f"{at(RESPONSE, path)} {leak}")).encode())
    assert _findings(tmp_path_factory.mktemp("lint"), leaking)


OBJECTS = [path for path in places(REQUEST) if isinstance(at(REQUEST, path), dict)]


@settings(max_examples=examples(100))
@given(st.sampled_from(OBJECTS), st.sampled_from(["note", "text", "name", "extension", "identifier", "Zebulon"]))
def test_an_element_that_the_policy_does_not_list_is_found(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[Any, ...], name: str
) -> None:
    holder = at(REQUEST, path)
    if name in holder or (name == "text" and "coding" in holder) or path[-1:] == ("dosageInstruction",):
        return
    leaking = replace(CLEAN, request=json.dumps(with_at(REQUEST, path, {**holder, name: [{"div": "x"}]})).encode())
    found = _findings(tmp_path_factory.mktemp("lint"), leaking)
    assert found
    assert not any("Zebulon" in str(finding) for finding in found)


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"id": "4815162342"}, "id"),
        ({"client": "General Hospital"}, "client"),
        ({"service": "zebulon"}, "service"),
        ({"hook": "zebulon"}, "hook"),
        ({"profile": "zebulon"}, "profile"),
        ({"jurisdiction": "zebulon"}, "jurisdiction"),
        ({"knowledge_version": "zebulon"}, "knowledge.version"),
        ({"knowledge_sha256": "zebulon"}, "knowledge.sha256"),
        (
            {"feedback": (b'{"card":"x","outcome":"overridden","overrideReason":{"userComment":"Zebulon"}}',)},
            "feedback",
        ),
        ({"fhir_calls": (read("MedicationRequest?patient=p1", {}),)}, "fhirCalls[0]"),
        ({"fhir_calls": (read("metadata", b"<html>Zebulon"),)}, "fhirCalls[0]"),
        ({"fhir_calls": (read("", {}, problem="zebulon"),)}, "fhirCalls[0]"),
        ({"fhir_calls": (read("", {}, method="ZEBULON"),)}, "fhirCalls[0]"),
        ({"fhir_calls": (read("", {"resourceType": "Patient", "name": "Zebulon"}),)}, "fhirCalls[0].body"),
    ],
)
def test_what_stands_around_the_bodies_is_proven_too(tmp_path: Path, changed: dict[str, Any], place: str) -> None:
    found = _findings(tmp_path, replace(CLEAN, **changed))
    assert any(finding.place.startswith(place) for finding in found)
    assert not any("zebulon" in str(finding).lower() for finding in found)


def test_a_canary_is_found_wherever_it_stands_and_whatever_its_case(tmp_path: Path) -> None:
    (drug,) = {finding.place for finding in _findings(tmp_path, CLEAN, "REMICADE")} & {"response.cards[0].detail"}
    assert drug == "response.cards[0].detail"


def test_canaries_are_lines_of_a_file_beside_those_that_are_given() -> None:
    assert listed_canaries(["Zebulon"], "Quackenbush \n\nab\nZebulon\n") == ("Zebulon", "Quackenbush")


@pytest.mark.parametrize(
    "header",
    [replace(HEADER, deidentified=False), replace(HEADER, policy="0")],
    ids=["not-de-identified", "another-policy"],
)
def test_a_header_that_promises_less_is_a_finding(tmp_path: Path, header: Header) -> None:
    assert [(item.line, item.place) for item in _findings(tmp_path, CLEAN, header=header)] == [(1, "header")]


def test_a_line_with_very_many_leaks_is_told_briefly(tmp_path: Path) -> None:
    many = [{"resourceType": "Medication", "note": "x"}] * 200
    leaking = replace(CLEAN, request=json.dumps({**REQUEST, "prefetch": {"patient": many}}).encode())
    assert len(_findings(tmp_path, leaking)) == 20


def test_a_file_that_is_no_recording_is_no_clean_one(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text("{}\n")
    with pytest.raises(RecordingError):
        list(Lint(words(), load_policy()).findings(path))


def test_the_two_looks_do_not_rely_on_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where de-identification itself lets something through, the look at the bare texts still finds it."""

    def blind(self: Any, place: str, value: Any, again: Any, spec: Any) -> Any:
        return iter(())

    monkeypatch.setattr(Lint, "_compared", blind)
    leaks: list[Callable[[], str]] = [
        lambda: "4815162342",
        lambda: "zq@wibble.example",
        lambda: "https://ehr.wibble.example/x",
        lambda: "eyJhbGciOiJFUzM4NCJ9.e30.c2ln",
    ]
    for leak in leaks:
        leaking = replace(CLEAN, request=json.dumps({**REQUEST, "hookInstance": leak()}).encode())
        assert [finding.place for finding in _findings(tmp_path, leaking)] == ["request.hookInstance"]
