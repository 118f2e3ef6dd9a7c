"""In which FHIR version a resource is written, with which model it is read, and what each version says otherwise."""

import json
import subprocess
import sys
from datetime import date
from typing import Any

import msgspec
import pydantic
import pytest

from cards import Recogniser, load_catalogue
from cards.model import ConditionFact, MedicationFact, Outcome
from service.fhir import (
    ChartReading,
    MedicationLibrary,
    Resource,
    draft_facts,
    read_chart,
    scan_drafts,
    version_of_all,
)
from service.fhir.dstu2 import model_class
from service.fhir.versions import Writing, writing_of
from service.wire import Deviation, FhirVersion
from tests import builders as make
from tests.builders import Json

RECOGNISER = Recogniser(load_catalogue())
DSTU2, STU3, R4, R5 = FhirVersion
DRUG = make.medicine("infliximab")
ORDER = {"resourceType": "MedicationOrder", "id": "o1", "status": "active", "medicationCodeableConcept": DRUG}
R5_ORDER = {"resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": "order"} | {
    "medication": {"concept": DRUG},
    "subject": make.reference("Patient", make.PATIENT),
}
STATEMENT = {"resourceType": "MedicationStatement", "id": "s1", "status": "active", "medicationCodeableConcept": DRUG}
GIVEN = {"resourceType": "MedicationAdministration", "id": "a1", "status": "completed"}
PROBLEM = {"resourceType": "Condition", "id": "c1", "code": make.problem("crohn")}
ALLERGY = {"resourceType": "AllergyIntolerance", "id": "i1"}


def _chart(*resources: Json, hint: FhirVersion | None = None) -> ChartReading:
    read = [
        Resource(item["resourceType"], msgspec.Raw(json.dumps(item).encode()), item.get("id")) for item in resources
    ]
    return read_chart(read, make.PATIENT, MedicationLibrary(), RECOGNISER, hint)


def _fact(resource: Json) -> MedicationFact:
    (fact,) = _chart(resource).medications
    return fact


def _problem(resource: Json) -> ConditionFact:
    (fact,) = _chart(resource).conditions
    return fact


@pytest.mark.parametrize(
    ("resource", "version"),
    [
        (make.medication_request("r", "infliximab"), R4),
        (make.medication_request("r", "infliximab", category=[make.concept("community")]), R4),
        (make.medication_request("r", "infliximab", dosageInstruction=[make.dosage("x", dose=(1, "mg"))]), R4),
        (R5_ORDER, R5),
        (R5_ORDER | {"medication": {"reference": {"reference": "Medication/m"}}}, R5),
        (make.medication_request("r", "infliximab", category=make.concept("community")), STU3),
        (make.medication_request("r", "infliximab", context=make.reference("Encounter", "e")), STU3),
        (make.medication_request("r", "infliximab", dosageInstruction=[{"doseQuantity": {"value": 1}}]), STU3),
        (ORDER, DSTU2),
        (STATEMENT | {"taken": "y"}, STU3),
        (STATEMENT | {"wasNotTaken": False}, DSTU2),
        (STATEMENT | {"status": "not-taken"}, R4),
        ({**STATEMENT, "status": "recorded", "medicationCodeableConcept": None, "medication": {"concept": DRUG}}, R5),
        (GIVEN | {"occurenceDateTime": "2026-01-01"}, R5),
        (GIVEN | {"effectiveTimeDateTime": "2026-01-01"}, DSTU2),
        (GIVEN | {"notGiven": False}, STU3),
        (PROBLEM | {"clinicalStatus": "active", "assertedDate": "2026-01-01"}, STU3),
        (PROBLEM | {"clinicalStatus": "active", "subject": make.reference("Patient", "p")}, STU3),
        (PROBLEM | {"clinicalStatus": "active", "patient": make.reference("Patient", "p")}, DSTU2),
        (PROBLEM | {"clinicalStatus": make.concept("active")}, R4),
        (PROBLEM | {"participant": []}, R5),
        (ALLERGY | {"substance": DRUG}, DSTU2),
        (ALLERGY | {"code": DRUG, "clinicalStatus": "active"}, STU3),
        ({"resourceType": "ProcedureRequest", "intent": "order"}, STU3),
        ({"resourceType": "ProcedureRequest", "orderedOn": "2026-01-01"}, DSTU2),
        ({"resourceType": "ServiceRequest", "code": {"concept": {"text": "x"}}}, R5),
    ],
)
def test_a_version_is_found_by_the_shape(resource: Json, version: FhirVersion) -> None:
    assert (writing_of(resource).version, writing_of(resource).mixed) == (version, False)


def test_what_versions_write_alike_is_that_of_the_call_and_else_r4() -> None:
    alike = make.medication_request("r", "infliximab")
    assert [writing_of(alike, hint).version for hint in (None, STU3, R4, R5, DSTU2)] == [R4, STU3, R4, R4, R4]
    problem = make.condition("c", "crohn")
    assert [writing_of(problem, hint).version for hint in (None, R5, STU3)] == [R4, R5, R4]


def test_a_shape_is_believed_before_the_call() -> None:
    """The public sandbox sends the R4 shape to an R5 server too."""
    assert writing_of(R5_ORDER, R4).version is R5
    assert writing_of(ORDER, R4).version is DSTU2


def test_an_r4_call_with_the_category_and_the_dose_of_stu3_is_r4_and_loses_neither() -> None:
    """Epic's published R4 sample has both."""
    order = make.medication_request(
        "r",
        "upadacitinib",
        category=make.concept("community"),
        dosageInstruction=[
            {"timing": make.dosage("x")["timing"], "doseQuantity": make.quantity(15, "mg"), "asNeededBoolean": False}
        ],
    )
    assert (writing_of(order, R4).version, writing_of(order, R4).mixed) == (R4, True)
    assert writing_of(order).version is STU3
    for hint in (R4, None):
        (fact,) = _chart(order, hint=hint).medications
        assert [step.daily_mg for step in fact.steps] == [15]
        assert fact.doubts == ()


@pytest.mark.parametrize(
    "resource",
    [
        R5_ORDER | {"reasonCode": [make.problem("crohn")]},
        R5_ORDER | {"reasonCodeableConcept": make.problem("crohn")},
        ORDER | {"reasonCode": [make.problem("crohn")]},
        ORDER | {"reason": [{"concept": make.problem("crohn")}]},
        make.medication_request("r", "infliximab", reason=[{"concept": make.problem("crohn")}]),
        make.medication_request("r", "infliximab", reasonCodeableConcept=make.problem("crohn")),
        make.medication_request("r", "infliximab", context={}, statusReason={}, reasonCode=[make.problem("crohn")]),
    ],
)
def test_a_mixture_within_a_resource_loses_nothing(resource: Json) -> None:
    assert writing_of(resource).mixed
    assert _fact(resource).reason_groups == ("crohns-disease",)


@pytest.mark.parametrize(
    "change",
    [
        {"occurenceDateTime": "2026-10-01"},
        {"occurrenceDateTime": "2026-10-01"},
        {"effectiveTimeDateTime": "2026-10-01"},
        {"effectiveTimePeriod": {"start": "2026-10-01"}, "dosage": {"quantity": make.quantity(15, "mg")}},
    ],
)
@pytest.mark.parametrize(
    "drug",
    [
        {"medicationCodeableConcept": make.medicine("upadacitinib")},
        {"medication": {"concept": make.medicine("upadacitinib")}},
    ],
)
def test_a_dose_has_its_day_however_the_versions_mix(drug: Json, change: Json) -> None:
    fact = _fact({**GIVEN, **drug, **change})
    assert fact.given == date(2026, 10, 1)
    assert [step.daily_mg for step in fact.steps] == ([15] if "dosage" in change else [])


def test_a_dstu2_order_is_read_in_full() -> None:
    fact = _fact(
        ORDER
        | {
            "status": "stopped",
            "patient": make.reference("Patient", make.PATIENT),
            "dateWritten": "2026-01-05",
            "dateEnded": "2026-02-01",
            "reasonEnded": make.concept(
                "Inefficacy",
                make.coding("http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason", "altchoice"),
            ),
            "reasonCodeableConcept": make.problem("crohn"),
            "dosageInstruction": [
                {"timing": {"repeat": {"frequency": 1, "period": 8, "periodUnits": "wk"}}, "route": {"text": "iv"}}
            ],
            "dispenseRequest": make.dispense_request(56, 0),
            "priorPrescription": make.reference("MedicationOrder", "o0"),
        }
    )
    assert (fact.ref, fact.status, fact.intent) == ("MedicationOrder/o1", "stopped", None)
    assert (fact.authored, fact.status_changed, fact.end) == (date(2026, 1, 5), date(2026, 2, 1), date(2026, 2, 1))
    assert (fact.interval_days, fact.supply_days, fact.reason_groups) == (56, 56, ("crohns-disease",))
    assert fact.prior_prescription == "MedicationOrder/o0"
    assert fact.doubts == ()


@pytest.mark.parametrize("name", ["boundsQuantity", "boundsDuration"])
def test_a_duration_of_dstu2_ends_the_order(name: str) -> None:
    repeat = {name: make.quantity(12, "wk"), "frequency": 1, "period": 1, "periodUnits": "d"}
    fact = _fact(ORDER | {"dateWritten": "2026-01-01", "dosageInstruction": [{"timing": {"repeat": repeat}}]})
    assert fact.end == date(2026, 3, 26)


@pytest.mark.parametrize(
    ("change", "status", "not_taken"),
    [
        ({"wasNotTaken": True}, "active", True),
        ({"wasNotTaken": "true"}, "active", True),
        ({"wasNotTaken": False}, "active", False),
        ({"taken": "n"}, "active", True),
        ({"taken": "unk"}, "active", False),
        ({"status": "intended", "taken": "na"}, "intended", False),
    ],
)
def test_a_statement_before_r4_says_beside_its_status_whether_it_is_taken(
    change: Json, status: str, not_taken: bool
) -> None:
    fact = _fact(STATEMENT | change)
    assert (fact.status, fact.not_taken) == (status, not_taken)


@pytest.mark.parametrize(
    ("code", "status", "not_taken"),
    [
        (None, "recorded", False),
        ("taking", "recorded", False),
        ("taking-not-as-directed", "recorded", False),
        ("not-taking", "recorded", True),
        ("stopped", "stopped", False),
        ("stopped-not-as-directed", "stopped", False),
        ("on-hold-as-directed", "on-hold", False),
        ("unknown", "unknown", False),
    ],
)
def test_an_r5_statement_says_by_its_adherence_whether_it_is_taken(
    code: str | None, status: str, not_taken: bool
) -> None:
    said = {"adherence": {"code": {"coding": [{"code": code}]}}} if code else {}
    r5 = {"resourceType": "MedicationStatement", "id": "s", "status": "recorded", "medication": {"concept": DRUG}}
    fact = _fact(r5 | {"subject": make.reference("Patient", make.PATIENT)} | said)
    assert (fact.status, fact.not_taken, fact.doubts) == (status, not_taken, ())


def test_the_reason_of_an_r5_stop_is_an_outcome() -> None:
    adherence = {"code": {"coding": [{"code": "stopped"}]}, "reason": make.concept("Lack of efficacy")}
    fact = _fact(
        {"resourceType": "MedicationStatement", "id": "s", "status": "recorded", "medication": {"concept": DRUG}}
        | {"subject": make.reference("Patient", make.PATIENT), "adherence": adherence}
    )
    assert [item.outcome for item in fact.outcomes] == [Outcome.LACK_OF_EFFICACY]


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        (GIVEN | {"medicationCodeableConcept": DRUG, "wasNotGiven": True}, "not-done"),
        (GIVEN | {"medicationCodeableConcept": DRUG, "notGiven": True}, "not-done"),
        (GIVEN | {"medicationCodeableConcept": DRUG, "notGiven": False}, "completed"),
        (make.dispense("d", "infliximab", "2026-01-01", notDone=True), "declined"),
        (make.dispense("d", "infliximab", "2026-01-01", notDone=False), "completed"),
        (make.dispense("d", "infliximab", "2026-01-01", status="entered-in-error", notDone=True), "entered-in-error"),
    ],
)
def test_what_was_not_given_or_not_handed_over_has_the_status_for_it(resource: Json, status: str) -> None:
    assert _fact(resource).status == status


def test_what_was_not_given_stays_so_where_its_model_refuses_the_rest() -> None:
    chart = _chart(GIVEN | {"medicationCodeableConcept": DRUG, "wasNotGiven": True, "contained": [{"resourceType": 5}]})
    assert Deviation.RESOURCE_CODES_ONLY in chart.deviations
    assert chart.medications[0].status == "not-done"


@pytest.mark.parametrize(
    ("change", "clinical", "recorded"),
    [
        ({"clinicalStatus": "relapse", "patient": {}, "dateRecorded": "2026-01-02"}, "relapse", date(2026, 1, 2)),
        ({"clinicalStatus": "resolved", "assertedDate": "2026-01-02T10:00:00Z"}, "resolved", date(2026, 1, 2)),
        ({"clinicalStatus": "remission", "assertedDate": "2026-01"}, "remission", date(2026, 1, 1)),
    ],
)
def test_a_problem_before_r4_has_codes_for_statuses(change: Json, clinical: str, recorded: date) -> None:
    fact = _problem(PROBLEM | {"verificationStatus": "confirmed"} | change)
    assert (fact.clinical_status, fact.verification_status, fact.recorded) == (clinical, "confirmed", recorded)


@pytest.mark.parametrize(
    "change", [{"encounter": {"reference": "Encounter/e1"}}, {"context": {"reference": "Encounter/e1"}}]
)
def test_the_encounter_of_a_problem_is_found_in_its_version(change: Json) -> None:
    assert _problem(PROBLEM | change).encounter == "e1"


@pytest.mark.parametrize(
    ("change", "active"),
    [
        ({"substance": DRUG, "status": "confirmed"}, True),
        ({"substance": DRUG, "status": "unconfirmed"}, True),
        ({"substance": DRUG, "status": "refuted"}, False),
        ({"substance": DRUG, "status": "inactive"}, False),
        ({"code": DRUG, "clinicalStatus": "active", "verificationStatus": "confirmed"}, True),
        ({"code": DRUG, "clinicalStatus": "resolved", "verificationStatus": "confirmed"}, False),
        ({"code": DRUG, "clinicalStatus": "active", "verificationStatus": "entered-in-error"}, False),
    ],
)
def test_an_allergy_before_r4_is_active_unless_it_says_otherwise(change: Json, active: bool) -> None:
    (fact,) = _chart(ALLERGY | change).allergies
    assert fact.active == active


@pytest.mark.parametrize(
    "medication",
    [
        {"product": {"ingredient": [{"item": {"reference": "#s", "display": "upadacitinib"}}]}},
        {"ingredient": [{"itemReference": {"reference": "#s", "display": "upadacitinib"}}]},
        {"ingredient": [{"itemCodeableConcept": make.medicine("upadacitinib")}]},
        {"ingredient": [{"item": {"concept": make.medicine("upadacitinib")}}]},
        {"ingredient": [{"item": {"reference": {"display": "upadacitinib"}}}]},
    ],
)
def test_the_ingredients_of_a_medication_are_found_in_every_version(medication: Json) -> None:
    contained = [{"resourceType": "Medication", "id": "m", **medication}]
    draft = ORDER | {
        "medicationCodeableConcept": None,
        "medicationReference": {"reference": "#m"},
        "contained": contained,
    }
    drafts = scan_drafts([draft], make.PATIENT, MedicationLibrary(), RECOGNISER)
    assert drafts.ingredients == {"upadacitinib"}


@pytest.mark.parametrize(
    "form", [{"form": {"text": "cream"}}, {"doseForm": {"text": "cream"}}, {"product": {"form": {"text": "cream"}}}]
)
def test_a_cream_is_a_cream_in_every_version(form: Json) -> None:
    medication = {"resourceType": "Medication", "id": "m", "code": make.medicine("ruxolitinib generic"), **form}
    medication["code"] = {"text": "ruxolitinib"}
    draft = {"resourceType": "MedicationOrder", "medicationReference": {"reference": "#m"}, "contained": [medication]}
    drafts = scan_drafts([draft], make.PATIENT, MedicationLibrary(), RECOGNISER)
    assert drafts.ingredients == frozenset()


def test_a_site_of_dstu2_says_where_the_drug_goes() -> None:
    skin = {"dosageInstruction": [{"siteCodeableConcept": {"text": "skin, topical"}, "route": {"text": "topical"}}]}
    draft = {"resourceType": "MedicationOrder", "medicationCodeableConcept": {"text": "ruxolitinib"}, **skin}
    assert scan_drafts([draft], make.PATIENT, MedicationLibrary(), RECOGNISER).ingredients == frozenset()


@pytest.mark.parametrize(
    ("status", "orders"),
    [("draft", True), ("suspended", True), ("rejected", False), ("aborted", False), ("revoked", False)],
)
@pytest.mark.parametrize("kind", ["ServiceRequest", "ProcedureRequest"])
def test_an_infusion_is_ordered_as_a_service_in_every_version(kind: str, status: str, orders: bool) -> None:
    code = {"coding": [make.coding(make.HCPCS, "J1745")]}
    draft = {"resourceType": kind, "id": "p", "status": status, "code": code}
    (item,) = scan_drafts([draft], make.PATIENT, MedicationLibrary(), RECOGNISER).items
    assert [each.ingredient for each in item.recognised] == ["infliximab"]
    assert item.orders == orders


@pytest.mark.parametrize("dosage", [{"asNeeded": True}, {"asNeededFor": [{"text": "pain"}]}])
def test_an_r5_dose_as_needed_is_no_dose_level(dosage: Json) -> None:
    stated = {**make.dosage("", dose=(15, "mg")), **dosage}
    order = R5_ORDER | {"medication": {"concept": make.medicine("upadacitinib")}, "dosageInstruction": [stated]}
    assert _fact(order).steps == ()
    plain = R5_ORDER | {"medication": {"concept": make.medicine("upadacitinib")}}
    assert len(_fact(plain | {"dosageInstruction": [make.dosage("", dose=(15, "mg"))]}).steps) == 1


@pytest.mark.parametrize(
    ("resource", "kind", "doubts"),
    [
        ({**ORDER, "status": 5}, "MedicationOrder", ("status not readable",)),
        (
            {**ORDER, "dateWritten": "2026-01-05T10:00:00"},
            "MedicationOrder",
            ("dateWritten read as a date without its time",),
        ),
        ({**R5_ORDER, "intent": None}, "MedicationRequest", ("intent missing",)),
        ({**R5_ORDER, "subject": None}, "MedicationRequest", ()),
        ({**R5_ORDER, "authoredOn": "yesterday"}, "MedicationRequest", ("authoredOn not readable",)),
    ],
)
def test_what_a_model_of_another_version_refuses_is_repaired_and_marked(
    resource: Json, kind: str, doubts: tuple[str, ...]
) -> None:
    assert _fact(resource).doubts == doubts


def test_a_refused_resource_never_shows_its_values() -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        model_class("MedicationOrder").model_validate({"note": "Jane Roe", "medicationCodeableConcept": {"text": 7}})
    assert "Jane" not in str(refused.value)


def test_dstu2_takes_one_medication_and_no_element_of_another_version() -> None:
    model = model_class("MedicationOrder")
    model.model_validate(ORDER)
    for wrong in (
        {"medicationReference": {"reference": "Medication/m"}},
        {"authoredOn": "2026-01-01"},
        {"intent": "order"},
    ):
        with pytest.raises(pydantic.ValidationError):
            model.model_validate(ORDER | wrong)
    with pytest.raises(pydantic.ValidationError):
        model.model_validate({"status": "active"})


R4_ONLY, EITHER = Writing(frozenset({R4})), Writing(frozenset({STU3, R4}))
STU3_OR_2 = Writing(frozenset({DSTU2, STU3}))


@pytest.mark.parametrize(
    ("drafts", "record", "hint", "version"),
    [
        ([], [], None, R4),
        ([EITHER], [], None, R4),
        ([EITHER], [], STU3, STU3),
        ([EITHER], [STU3_OR_2], None, STU3),
        ([EITHER], [STU3_OR_2, R4_ONLY], None, R4),
        ([R4_ONLY], [STU3_OR_2], STU3, R4),
        ([EITHER, R4_ONLY], [STU3_OR_2], None, R4),
        ([writing_of(R5_ORDER)], [R4_ONLY], R4, R5),
        ([writing_of(ORDER), writing_of(R5_ORDER)], [], None, DSTU2),
    ],
)
def test_the_drafts_say_in_which_version_to_answer_and_the_record_where_they_leave_it_open(
    drafts: list[Writing], record: list[Writing], hint: FhirVersion | None, version: FhirVersion
) -> None:
    assert version_of_all(drafts, record, hint) is version


@pytest.mark.parametrize(
    ("call", "loaded"),
    [
        ("make.medication_request('r', 'infliximab')", {"R4B"}),
        ("{**make.statement('s', 'infliximab'), 'taken': 'y'}", {"R4B", "STU3"}),
        (
            "{'resourceType': 'MedicationOrder', 'id': 'o', 'medicationCodeableConcept': make.medicine('infliximab')}",
            {"R4B"},
        ),
        (
            "{'resourceType': 'MedicationRequest', 'id': 'r', 'medication': {'concept': make.medicine('infliximab')}}",
            {"R4B", "R5"},
        ),
    ],
)
def test_the_models_of_a_version_are_loaded_when_a_resource_of_it_is_read_first(call: str, loaded: set[str]) -> None:
    program = f"""
import json, sys
from datetime import date
from service.answer import answer, build_engine
from service.discovery import SERVICES
from service.settings import Settings
from tests import builders as make
call = make.order_select([make.draft('d', 'upadacitinib')], [make.condition('c', 'crohn')])
call['prefetch']['others'] = make.bundle({call})
body = json.dumps(call).encode()
given = answer(body, SERVICES[0], engine=build_engine(Settings()), on=date(2026, 3, 16))
assert given.outcome == 'complete' and given.indicators, given
names = [name for name in sys.modules if name.startswith('fhir.resources.')]
found = {{'R4B': any('.R4B.' in n for n in names), 'STU3': any('.STU3' in n for n in names),
         'R5': 'fhir.resources.medicationrequest' in names}}
print(json.dumps([name for name, here in found.items() if here]))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(json.loads(ran.stdout)) == loaded


def test_drafts_of_several_versions_are_counted() -> None:
    def deviations(*drafts: Any) -> tuple[Deviation, ...]:
        return draft_facts(scan_drafts(drafts, make.PATIENT, MedicationLibrary(), RECOGNISER)).deviations

    assert deviations(ORDER, R5_ORDER) == (Deviation.DRAFTS_OF_SEVERAL_VERSIONS,)
    assert deviations(R5_ORDER, R5_ORDER) == ()
