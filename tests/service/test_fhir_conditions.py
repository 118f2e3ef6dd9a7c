"""Problems, allergies and the birth date."""

from datetime import date
from typing import Any

import msgspec
import pytest

from cards import Recogniser, load_catalogue
from cards.model import AllergyFact, ConditionFact
from service.fhir import ChartReading, MedicationLibrary, Resource, read_chart
from service.fhir.modifiers import MODIFIED
from tests import builders as make
from tests.builders import Json

RECOGNISER = Recogniser(load_catalogue())
CROHN = make.concept("Crohn", make.coding(make.ICD10CM, "K50.90"))


def _chart(*resources: Json) -> ChartReading:
    delivered = [
        Resource(item["resourceType"], msgspec.Raw(msgspec.json.encode(item)), item.get("id")) for item in resources
    ]
    return read_chart(delivered, make.PATIENT, MedicationLibrary(), RECOGNISER)


def _problem(**others: Any) -> ConditionFact:
    (fact,) = _chart(make.condition("c1", "", **{"code": CROHN, **others})).conditions
    return fact


def test_a_problem_is_read_in_full() -> None:
    fact = _problem(
        onsetDateTime="2019-05",
        abatementDateTime="2024",
        recordedDate="2020-01-01",
        encounter=make.reference("Encounter", "e1"),
    )
    assert (fact.ref, fact.groups) == ("Condition/c1", ("crohns-disease",))
    assert (fact.clinical_status, fact.verification_status) == ("active", "confirmed")
    assert (fact.onset, fact.abated, fact.recorded) == (date(2019, 5, 1), date(2024, 12, 31), date(2020, 1, 1))
    assert fact.encounter == "e1"
    assert str(fact.by) == "ICD10CM K50.90"
    assert fact.doubts == ()


@pytest.mark.parametrize(
    ("when", "onset", "abated"),
    [
        ({"onsetPeriod": {"start": "2019-05-03"}}, date(2019, 5, 3), None),
        ({"abatementPeriod": {"start": "2019", "end": "2024-02"}}, None, date(2024, 2, 29)),
    ],
)
def test_periods_have_a_start_and_an_end(when: Json, onset: date | None, abated: date | None) -> None:
    fact = _problem(**when)
    assert (fact.onset, fact.abated) == (onset, abated)


@pytest.mark.parametrize("change", [{"abatementBoolean": True}, {"abatementString": "last year"}])
def test_an_end_without_a_date_is_a_doubt(change: Json) -> None:
    fact = _problem(**change)
    assert fact.abated is None
    assert fact.doubts == ("abated, date not stated",)


def test_not_abated_is_no_doubt() -> None:
    assert _problem(abatementBoolean=False).doubts == ()


def test_a_status_as_plain_text_is_the_code() -> None:
    fact = _problem(clinicalStatus="resolved", verificationStatus="refuted")
    assert (fact.clinical_status, fact.verification_status, fact.doubts) == ("resolved", "refuted", ())


def test_missing_statuses_stay_missing() -> None:
    fact = _problem(clinicalStatus=None, verificationStatus=None)
    assert (fact.clinical_status, fact.verification_status) == (None, None)


def test_a_modifier_is_a_doubt() -> None:
    assert _problem(modifierExtension=[{"url": "urn:x"}]).doubts == (MODIFIED,)


def test_a_problem_of_another_patient_is_marked() -> None:
    assert _problem(subject={"reference": "Patient/other"}).other_patient


def test_older_names_of_members_are_read() -> None:
    fact = _problem(context=make.reference("Encounter", "e9"), assertedDate="2018-01-01", encounter=None)
    assert (fact.encounter, fact.recorded) == ("e9", date(2018, 1, 1))


def test_problems_outside_the_knowledge_and_problems_in_words_are_left_out() -> None:
    other = make.concept("Myopia", make.coding(make.ICD10CM, "H52.1"))
    chart = _chart(make.condition("c1", "", code=other), make.condition("c2", "", code={"text": "Crohn's disease"}))
    assert chart.conditions == ()
    assert chart.gaps == {}


@pytest.mark.parametrize(
    ("change", "active"),
    [
        ({}, True),
        ({"clinicalStatus": {"coding": [{"code": "active"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"clinicalStatus": "inactive"}, False),
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, False),
        ({"status": "refuted"}, False),
    ],
)
def test_an_allergy_is_active_unless_it_says_otherwise(change: Json, active: bool) -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": make.reference("Patient", make.PATIENT),
        "code": {"text": "Remicade"},
    }
    assert _chart(allergy | change).allergies == (AllergyFact("AllergyIntolerance/a1", ("infliximab",), active),)


def test_a_substance_of_a_reaction_is_an_allergy() -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": make.reference("Patient", make.PATIENT),
        "reaction": [{"substance": {"coding": [make.coding(make.ATC, "L04AB02")]}}],
    }
    assert _chart(allergy).allergies[0].ingredients == ("infliximab",)


def test_allergies_to_other_things_and_of_other_patients_are_left_out() -> None:
    base = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "peanut"}}
    other = base | {"code": {"text": "infliximab"}, "patient": make.reference("Patient", "other")}
    assert _chart(base, other).allergies == ()


@pytest.mark.parametrize(
    ("person", "born"),
    [
        (make.patient(), date(1984, 2, 11)),
        (make.patient(birthDate="2008"), date(2008, 12, 31)),
        (make.patient(birthDate="unknown"), None),
        (make.patient("someone-else"), None),
    ],
)
def test_the_birth_date_is_that_of_the_patient(person: Json, born: date | None) -> None:
    assert _chart(person).birth_date == born
