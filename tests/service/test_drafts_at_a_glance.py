"""A glance at the drafts may end a call only where the first look would end it too."""

from typing import Any

import pytest

from cards import Recogniser, load_catalogue
from service import wire
from service.cases import Case, case_names, read_case
from service.discovery import SERVICES
from service.errors import InvalidRequest
from service.fhir import MedicationLibrary, are_other_drugs, scan_drafts
from tests import builders as make
from tests.builders import RXNORM, coding, concept

RECOGNISER = Recogniser(load_catalogue())
LOCAL = "https://ehr.example.org/formulary"


def _order(drug: Any = None, **others: Any) -> dict[str, Any]:
    return make.draft("draft-1", "", medicationCodeableConcept=drug, **others)


OTHER = concept("Amoxicillin 500 MG", coding(RXNORM, "308182", "amoxicillin 500 MG Oral Capsule"))


def test_an_order_by_code_and_name_of_another_drug_is_told_at_a_glance() -> None:
    assert are_other_drugs([_order(OTHER)], RECOGNISER)
    assert are_other_drugs([_order(concept("Amoxicillin"))], RECOGNISER)


def test_what_orders_no_drug_is_passed_over() -> None:
    assert are_other_drugs([], RECOGNISER)
    assert are_other_drugs([{"resourceType": "DeviceRequest"}, _order(OTHER)], RECOGNISER)


@pytest.mark.parametrize(
    "order",
    [
        _order(make.medicine("upadacitinib 15")),
        _order(concept("Something", coding(LOCAL, "7", "Rinvoq 15 mg"))),
        _order(concept("", coding(LOCAL, "7"))),
        _order({}),
        _order(None),
        _order(OTHER, medicationReference={"reference": "Medication/1"}),
        _order(None, medicationReference={"reference": "Medication/1"}),
        _order(None, medication={"concept": OTHER}),
        _order([OTHER]),
        _order("Amoxicillin"),
        {"resourceType": "ServiceRequest", "code": OTHER},
    ],
    ids=range(11),
)
def test_what_a_glance_leaves_open_is_looked_at(order: dict[str, Any]) -> None:
    assert not are_other_drugs([order], RECOGNISER)
    assert not are_other_drugs([_order(OTHER), order], RECOGNISER)


def test_in_every_recorded_case_the_first_look_agrees() -> None:
    wrong = [name for name in case_names() if not _agrees(read_case(name))]
    assert wrong == []


def _agrees(case: Case) -> bool:
    service = next(service for service in SERVICES if service.hook == case.hook)
    try:
        request = wire.read_request(case.body, service)
    except InvalidRequest:
        return True
    if not are_other_drugs(request.drafts, RECOGNISER):
        return True
    library = MedicationLibrary.of_drafts(request.drafts, request.full_urls)
    drafts = scan_drafts(request.drafts, request.patient, library, RECOGNISER, request.fhir_version)
    return not (drafts.ingredients or drafts.unresolved or drafts.unidentified)
