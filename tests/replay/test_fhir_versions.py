"""The same patient in another FHIR version gives the same cards: recorded R4 calls, written in R5, STU3 and DSTU2."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from service.cases import Case, case_names, read_case
from service.fhir.versions import writing_of
from service.replay import in_process
from service.wire import FhirVersion
from tests.fhir_models import model_of
from tests.fhir_versions import TYPES, Untranslatable, resources, translated_request
from tests.thorough import shares

OTHERS = (FhirVersion.R5, FhirVersion.STU3, FhirVersion.DSTU2)
LEAST = {FhirVersion.R5: 110, FhirVersion.STU3: 90, FhirVersion.DSTU2: 110}


@cache
def _cases() -> tuple[Case, ...]:
    read = (read_case(name) for name in case_names())
    return tuple(
        case
        for case in read
        if case.status in (200, 412) and isinstance(case.request.get("prefetch"), dict) and _is_r4(case)
    )


def _is_r4(case: Case) -> bool:
    """Leave out cases about another version, and those whose call names one."""
    written = [writing_of(item) for item in resources(case.request)]
    return all(FhirVersion.R4 in item.possible and not item.mixed for item in written) and (
        "fhir-version" not in json.dumps(case.request)
    )


@cache
def _translations(version: FhirVersion, where: frozenset[str]) -> tuple[tuple[Case, Any], ...]:
    return tuple(_translated(version, where))


def _translated(version: FhirVersion, where: frozenset[str]) -> Iterator[tuple[Case, Any]]:
    for case in _cases():
        if version is FhirVersion.DSTU2 and "epic" in json.dumps(case.settings):
            continue  # Epic has no action for an order of DSTU2, so that its card says by hand what it has a click for
        if version is FhirVersion.DSTU2 and case.server:
            continue  # a server of DSTU2 is asked other queries than the one of the case was
        try:
            request = translated_request(case.request, version, where)
        except Untranslatable:
            continue
        if request != case.request:
            yield case, request


WHOLE, DRAFTS, RECORD = frozenset({"drafts", "record"}), frozenset({"drafts"}), frozenset({"record"})


def _answered(case: Case, request: Any) -> list[Any]:
    return [*in_process(replace(case, body=json.dumps(request).encode()))]


def _at_home(body: Any, version: FhirVersion) -> Any:
    """Leave out what is the version's own: resources in actions, the names of types, and ids made of them."""
    if isinstance(body, dict):
        return {key: _at_home(item, version) for key, item in body.items() if key not in {"uuid", "resource"}}
    if isinstance(body, list):
        return [_at_home(item, version) for item in body]
    if isinstance(body, str):
        for ours, theirs in TYPES[version].items():
            body = body.replace(f"{theirs}/", f"{ours}/")
        # What cannot be read of an entry is named as the sender wrote it.
        return body.replace("(dateWritten ", "(authoredOn ")
    return body


@pytest.mark.parametrize("where", [WHOLE, RECORD, DRAFTS], ids=["all", "record", "drafts"])
@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("share", shares(4))
def test_the_same_patient_in_another_version_gives_the_same_cards(
    version: FhirVersion, where: frozenset[str], share: slice
) -> None:
    told = _translations(version, where)[share]
    changed = [
        case.name
        for case, request in told
        if _at_home(_answered(case, request), version) != _at_home([case.status, case.expected], version)
    ]
    assert changed == []
    assert len(told) >= LEAST[version]


@pytest.mark.parametrize("version", OTHERS)
def test_a_translated_resource_is_read_with_the_model_of_its_version(version: FhirVersion) -> None:
    for case, request in _translations(version, WHOLE):
        for resource in resources(request):
            writing = writing_of(resource)
            assert (version in writing.possible, writing.mixed) == (True, False), (case.name, resource)


@pytest.mark.parametrize("version", OTHERS)
def test_every_resource_of_an_action_is_one_of_the_version_of_the_drafts(version: FhirVersion) -> None:
    kinds: set[tuple[str, str]] = set()
    for case, request in _translations(version, WHOLE):
        # A draft may say nothing of its version: then the call does.
        status, body = _answered(case, {**request, "fhirServer": f"https://ehr.example.org/{version}"})
        for card in body["cards"] if status == 200 else ():
            for action in (item for each in card.get("suggestions", ()) for item in each.get("actions", ())):
                if resource := action.get("resource"):
                    model_of(version, resource["resourceType"]).model_validate(resource)
                    kinds.add((action["type"], resource["resourceType"]))
    order = TYPES[version].get("MedicationRequest", "MedicationRequest")
    test = {FhirVersion.DSTU2: "DiagnosticOrder", FhirVersion.STU3: "ProcedureRequest"}.get(version, "ServiceRequest")
    assert kinds == {("create", order), ("update", order), ("create", test)}
