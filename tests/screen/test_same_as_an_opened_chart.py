"""Screening gives for each patient what patient-view gives for the same record: held over every recorded case."""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from service.answer import Answer, Engine, answer, build_engine
from service.cases import Case, case_names, read_case
from service.discovery import SERVICES
from service.errors import InvalidRequest, ServiceError
from service.prefetch import collect
from service.screen.assess import pairs_of
from service.screen.run import Screening, screen
from service.settings import Settings
from service.wire import read_request
from tests.builders import HOOK_INSTANCE, Json
from tests.thorough import one_in

VIEW = next(service for service in SERVICES if service.hook == "patient-view")
MEDICATIONS = {"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"}
RECORDS = {*MEDICATIONS, "Condition", "AllergyIntolerance", "Patient", "Medication"}


@cache
def _site(settings: str) -> tuple[Settings, Engine]:
    chosen = Settings.model_validate(json.loads(settings))
    return chosen, build_engine(chosen)


def _record(case: Case) -> tuple[str, list[Json]]:
    """Return the patient of a case and the resources of its chart, as a bulk export would hold them."""
    service = next(item for item in SERVICES if item.hook == case.hook)
    request = read_request(case.body, service)
    resources = [json.loads(bytes(item.raw)) for item in collect(request).resources if item.kind in RECORDS]
    return request.patient, [_owned(item, request.patient) for item in resources]


def _owned(resource: Json, patient: str) -> Json:
    """Name the patient where a call may leave it to its context, or name it in a way that no export does."""
    if resource["resourceType"] in ("Patient", "Medication"):
        return resource
    member = "patient" if resource["resourceType"] == "AllergyIntolerance" else "subject"
    told = resource.get(member)
    text = told.get("reference") if isinstance(told, Mapping) else None
    if isinstance(text, str) and "Patient/" in text:
        return resource
    return {**resource, member: {"reference": f"Patient/{patient}"}}


def _is_of(resource: Json, patient: str) -> bool:
    subject = resource.get("subject") or resource.get("patient") or {}
    text = str(subject.get("reference", f"Patient/{patient}")).partition("/_history")[0]
    return resource["resourceType"] == "Medication" or text.rpartition("/")[2] == patient


def _view(patient: str, resources: list[Json], engine: Engine, on: date) -> Answer:
    """Answer a patient-view call that delivers the record, each list even if it is empty."""
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": item} for item in resources],
    }
    empty = {"resourceType": "Bundle", "type": "searchset"}
    call = {
        "hook": "patient-view",
        "hookInstance": HOOK_INSTANCE,
        "context": {"userId": "Practitioner/p", "patientId": patient},
        "prefetch": {"medicationRequests": bundle, "conditions": empty, "allergies": empty},
    }
    return answer(json.dumps(call).encode(), VIEW, engine=engine, on=on)


def _export(file: Path, resources: list[Json]) -> str:
    file.write_text("".join(json.dumps(item) + "\n" for item in resources))
    return str(file)


@pytest.mark.parametrize("name", one_in(6, case_names()))
def test_a_recorded_chart_in_an_export_is_found_as_when_it_is_opened(name: str, tmp_path: Path) -> None:
    case = read_case(name)
    try:
        patient, everybody = _record(case)
    except ServiceError:
        pytest.skip("the recorded call is refused before its chart is read")
    resources = [item for item in everybody if _is_of(item, patient)]
    settings, engine = _site(json.dumps(dict(case.settings)))
    asked = Screening((_export(tmp_path / "all.ndjson", resources),), settings, case.on, case.on, smallest=1)
    result = screen(asked)
    patients = result["patients"]
    try:
        opened = _view(patient, resources, engine, case.on).assessment
    except InvalidRequest:
        assert patients["notFullyChecked"] == 1
        return
    assert opened is not None
    assert _pairs(result) == sorted(
        (pair.rule, pair.subject, pair.partner, pair.indicator) for pair in pairs_of(opened, engine)
    )
    assert patients["withCombination"]["patients"] == bool(opened.findings)
    assert patients["notFullyChecked"] == (not opened.complete)


def _pairs(result: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    assert all(pair["patients"] == 1 for pair in result["pairs"])
    return sorted((pair["rule"], pair["subject"], pair["partner"], pair["indicator"]) for pair in result["pairs"])


def test_the_recorded_cases_hold_combinations_in_force_and_doubts() -> None:
    found, doubted = 0, 0
    for name in case_names():
        case = read_case(name)
        if case.hook == "patient-view" and case.status == 200:
            found += bool(case.rules)
            doubted += any("not completed" in card["summary"] for card in case.expected["cards"])
    assert found > 5
    assert doubted > 0
