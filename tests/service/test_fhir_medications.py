"""What a medication fact says of the resource that it was read from."""

from datetime import date
from typing import Any

import msgspec
import pytest

from cards import Recogniser, load_catalogue
from cards.model import Code, Gap, MedicationFact, System
from service.errors import InvalidRequest
from service.fhir import ChartReading, MedicationLibrary, Resource, read_chart
from service.fhir.modifiers import MODIFIED
from service.wire import Deviation
from tests import builders as make
from tests.builders import Json

RECOGNISER = Recogniser(load_catalogue())


def _resource(resource: Json) -> Resource:
    raw = msgspec.Raw(msgspec.json.encode(resource))
    key = resource.get("id")
    return Resource(resource["resourceType"], raw, key if isinstance(key, str) else None)


def _chart(*resources: Json) -> ChartReading:
    return read_chart(map(_resource, resources), make.PATIENT, MedicationLibrary(), RECOGNISER)


def _fact(resource: Json) -> MedicationFact:
    (fact,) = _chart(resource).medications
    return fact


def _request(**others: Any) -> MedicationFact:
    return _fact(make.medication_request("r1", "adalimumab", **others))


def test_a_request_is_read_in_full() -> None:
    fact = _request(
        status="active",
        intent="plan",
        authoredOn="2026-01-05T23:30:00-08:00",
        meta={"lastUpdated": "2026-02-01T00:00:00Z"},
        dosageInstruction=[make.dosage("2 weeks", every=(2, "wk"), start="2026-01-10", end="2026-12")],
        dispenseRequest=make.dispense_request(84, 3, validityPeriod={"end": "2026-06-30"}),
        priorPrescription={"reference": "https://ehr.example.org/fhir/MedicationRequest/r0"},
        reasonCode=[make.problem("crohn")],
        reasonReference=[make.reference("Condition", "c1")],
    )
    assert (fact.ref, fact.id, fact.status, fact.intent) == ("MedicationRequest/r1", "r1", "active", "plan")
    assert fact.authored == date(2026, 1, 5)
    assert fact.last_updated == date(2026, 2, 1)
    assert (fact.start, fact.end) == (date(2026, 1, 10), date(2026, 12, 31))
    assert (fact.supply_days, fact.repeats, fact.validity_end) == (84, 3, date(2026, 6, 30))
    assert fact.interval_days == 14
    assert fact.prior_prescription == "MedicationRequest/r0"
    assert [code.system for code in fact.reasons] == [System.ICD10CM]
    assert fact.reason_refs == ("Condition/c1",)
    assert fact.doubts == ()


def test_the_reason_is_put_into_its_condition_group() -> None:
    fact = _request(reasonCode=[make.concept("Crohn", make.coding(make.ICD10CM, "K50.90"))])
    assert fact.reason_groups == ("crohns-disease",)


def test_a_contained_reason_is_a_reason() -> None:
    contained = [{"resourceType": "Condition", "id": "c", "code": {"coding": [make.coding(make.ICD10CM, "K50.90")]}}]
    fact = _request(contained=contained, reasonReference=[{"reference": "#c"}])
    assert fact.reasons == (Code(System.ICD10CM, "K50.90"),)
    assert fact.reason_refs == ()


ENDING = make.dosage("a", start="2026-01-01", end="2026-03-01")
LATER = make.dosage("b", start="2026-03-01", end="2026-06-01")
OPEN = make.dosage("c", start="2026-06-01")


@pytest.mark.parametrize(
    ("dosages", "end"),
    [
        ([], None),
        ([ENDING], date(2026, 3, 1)),
        ([LATER, ENDING], date(2026, 6, 1)),
        ([ENDING, OPEN], None),
        ([ENDING, {"text": "as needed", "asNeededBoolean": True}], None),
        ([ENDING | {"asNeededBoolean": True}], date(2026, 3, 1)),
        ([ENDING, "unreadable"], None),
    ],
)
def test_a_request_ends_only_when_every_dosage_ends(dosages: list[Any], end: date | None) -> None:
    assert _request(dosageInstruction=dosages).end == end


@pytest.mark.parametrize(
    ("bounds", "end"),
    [
        ({"boundsDuration": make.quantity(12, "wk")}, date(2026, 3, 26)),
        ({"boundsDuration": {"value": 84, "unit": "days"}}, date(2026, 3, 26)),
        ({"boundsRange": {"low": make.quantity(1, "d"), "high": make.quantity(84, "d")}}, date(2026, 3, 26)),
        ({"boundsRange": {"low": make.quantity(1, "d")}}, None),
        ({"boundsDuration": {"value": 84}}, None),
        ({"boundsDuration": make.quantity(10**9, "a")}, None),
    ],
)
def test_a_duration_counts_from_the_start_of_therapy(bounds: Json, end: date | None) -> None:
    dosage = {"timing": {"repeat": bounds}}
    assert _request(authoredOn="2026-01-01", dosageInstruction=[dosage]).end == end
    started = {"timing": {"repeat": bounds, "event": ["2026-01-01"]}}
    fact = _request(authoredOn="2025-01-01", dosageInstruction=[started])
    assert (fact.start, fact.end) == (date(2026, 1, 1), end)


@pytest.mark.parametrize(
    ("every", "days"),
    [((2, "wk"), 14), ((8, "wk"), 56), ((1, "mo"), 30), ((3, "d"), 3), ((1, "d"), None), ((12, "h"), None)],
)
def test_the_dosing_interval_is_read_from_two_days_on(every: tuple[int, str], days: int | None) -> None:
    assert _request(dosageInstruction=[make.dosage("x", every=every)]).interval_days == days


def test_two_doses_in_a_period_are_no_interval() -> None:
    repeat = {"frequency": 2, "period": 1, "periodUnit": "wk"}
    assert _request(dosageInstruction=[{"timing": {"repeat": repeat}}]).interval_days is None


@pytest.mark.parametrize(
    ("supply", "days"),
    [
        (make.quantity(30, "d"), 30),
        (make.quantity(4, "wk"), 28),
        (make.quantity(1, "mo"), 30),
        (make.quantity(1, "a"), 365),
        (make.quantity(36, "h"), 2),
        (make.quantity(48, "h"), 2),
        ({"value": 30, "unit": "Days"}, 30),
        ({"value": 30}, None),
        ({"value": -3, "unit": "d"}, None),
        ({"unit": "d"}, None),
    ],
)
def test_a_supply_is_counted_in_days(supply: Json, days: int | None) -> None:
    assert _request(dispenseRequest={"expectedSupplyDuration": supply}).supply_days == days


@pytest.mark.parametrize(
    ("dose", "supplied", "daily"),
    [
        ((1, "{pill}"), (30, "tablet"), 1.0),
        ((2, "{tbl}"), (60, "{tbl}"), 2.0),
        ((40, "mg"), (2, "{pen}"), None),
        ((1, "mL"), (30, "ML"), 1.0),
    ],
)
def test_daily_units_are_counted_only_in_the_unit_of_the_supply(
    dose: tuple[float, str], supplied: tuple[float, str], daily: float | None
) -> None:
    fact = _request(
        dosageInstruction=[make.dosage("x", dose=dose)],
        dispenseRequest={"quantity": make.quantity(*supplied)},
    )
    assert (fact.quantity, fact.daily_units) == (supplied[0], daily)


def test_daily_units_of_the_day_add_up() -> None:
    morning, night = make.dosage("morning", dose=(2, "{tbl}")), make.dosage("night", dose=(1, "{tbl}"))
    supply = {"quantity": make.quantity(90, "{tbl}")}
    assert _request(dosageInstruction=[morning, night], dispenseRequest=supply).daily_units == 3
    steps = [morning | {"sequence": 1}, night | {"sequence": 2}]
    assert _request(dosageInstruction=steps, dispenseRequest=supply).daily_units is None


def test_a_statement_has_a_period_and_a_day_of_assertion() -> None:
    fact = _fact(
        make.statement(
            "s1", "infliximab", effectivePeriod={"start": "2025", "end": "2026-02"}, dateAsserted="2026-03-04"
        )
    )
    assert (fact.start, fact.end, fact.asserted) == (date(2025, 1, 1), date(2026, 2, 28), date(2026, 3, 4))


@pytest.mark.parametrize(
    "change",
    [
        {"status": "not-taken"},
        {"taken": "n"},
        {"status": "recorded", "adherence": {"code": {"coding": [{"code": "not-taking"}]}}},
    ],
)
def test_a_statement_can_say_that_it_is_not_taken(change: Json) -> None:
    assert _fact(make.statement("s1", "infliximab", **change)).not_taken


@pytest.mark.parametrize(
    ("when", "given"),
    [
        ({"effectiveDateTime": "2026-10-01T10:00:00Z"}, date(2026, 10, 1)),
        ({"effectivePeriod": {"start": "2026-10-01", "end": "2026-10-02"}}, date(2026, 10, 2)),
        ({"effectivePeriod": {"start": "2026-10-01"}}, date(2026, 10, 1)),
        ({"occurenceDateTime": "2026-10-01"}, date(2026, 10, 1)),
        ({"effectiveDateTime": "2026-10"}, date(2026, 10, 1)),
        ({}, None),
    ],
)
def test_an_administration_is_given_on_a_day(when: Json, given: date | None) -> None:
    assert _fact(make.administration("a1", "infliximab", None, **when)).given == given


def test_a_dispense_is_given_when_it_was_handed_over() -> None:
    fact = _fact(make.dispense("d1", "azathioprine", "2026-10-02", 30, whenPrepared="2026-10-01"))
    assert (fact.given, fact.supply_days) == (date(2026, 10, 2), 30)
    assert _fact(make.dispense("d1", "azathioprine", None, whenPrepared="2026-10-01")).given == date(2026, 10, 1)


def test_r5_shapes_are_read() -> None:
    order = make.medication_request("r1", "", medicationCodeableConcept=None, statusChanged="2026-05-06")
    fact = _fact(
        order
        | {
            "status": "stopped",
            "medication": {"concept": make.medicine("adalimumab")},
            "reason": [{"concept": make.problem("crohn")}, {"reference": {"reference": "Condition/c1"}}],
        }
    )
    assert [item.ingredient for item in fact.recognised] == ["adalimumab"]
    assert fact.status_changed == date(2026, 5, 6)
    assert (len(fact.reasons), fact.reason_refs, fact.doubts) == (1, ("Condition/c1",), ())


def test_one_object_in_place_of_a_list_is_no_doubt_but_counted() -> None:
    chart = _chart(
        make.medication_request("r1", "adalimumab", reasonCode=make.problem("crohn"), dosageInstruction=ENDING)
    )
    (fact,) = chart.medications
    assert (len(fact.reasons), fact.end, fact.doubts) == (1, date(2026, 3, 1), ())
    assert chart.deviations == (Deviation.RESOURCE_TYPES,)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"status": None}, "status missing"),
        ({"intent": None}, "intent missing"),
        ({"status": 7}, "status not readable"),
        ({"authoredOn": "Invalid date"}, "authoredOn not readable"),
        ({"authoredOn": "2026-02-30"}, "authoredOn not readable"),
        ({"dosageInstruction": [{"timing": "daily"}]}, "dosageInstruction[0].timing not readable"),
        (
            {"dosageInstruction": [make.dosage("x", start="Invalid date", end="2026-01-01")]},
            "dosageInstruction[0].timing.repeat.boundsPeriod.start not readable",
        ),
        ({"doNotPerform": "perhaps"}, "doNotPerform not readable"),
        (
            {"dispenseRequest": {"numberOfRepeatsAllowed": -1}},
            "dispenseRequest.numberOfRepeatsAllowed not readable",
        ),
        ({"medicationReference": {"reference": "Medication/x"}}, "medication given twice"),
        ({"meta": {"lastUpdated": "yesterday"}}, "meta.lastUpdated not readable"),
        ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, MODIFIED),
        ({"implicitRules": "urn:rules"}, MODIFIED),
        ({"dosageInstruction": [ENDING | {"modifierExtension": [{"url": "urn:x"}]}]}, MODIFIED),
        ({"subject": {"reference": "urn:uuid:1234"}}, "subject cannot be compared with the patient"),
    ],
)
def test_what_the_model_refuses_is_repaired_and_said(change: Json, doubt: str) -> None:
    fact = _request(**change) if None not in change.values() else _fact(_without(change))
    assert doubt in fact.doubts
    assert [item.ingredient for item in fact.recognised] == ["adalimumab"]


def _without(change: Json) -> Json:
    order = make.medication_request("r1", "adalimumab")
    return {name: value for name, value in order.items() if name not in change}


@pytest.mark.parametrize("name", ["status", "intent"])
def test_a_missing_member_is_read_as_none_not_as_its_placeholder(name: str) -> None:
    assert getattr(_fact(_without({name: None})), name) is None


@pytest.mark.parametrize("value", ["2026-01-05T10:00:00", "2026-01-05 10:00", "2026-01-05T10:00Z"])
def test_a_time_that_fhir_does_not_allow_costs_the_time_and_not_the_date(value: str) -> None:
    fact = _request(authoredOn=value)
    assert fact.authored == date(2026, 1, 5)
    assert fact.doubts == ("authoredOn read as a date without its time",)


def test_a_repaired_resource_is_counted() -> None:
    assert _chart(_without({"intent": None})).deviations == (Deviation.RESOURCE_REPAIRED,)


def test_a_resource_that_no_repair_helps_still_counts_by_its_drug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.fhir.parse.MOST_ROUNDS", 0)
    chart = _chart(make.medication_request("r1", "adalimumab", status="stopped", authoredOn="soon"))
    (fact,) = chart.medications
    assert [item.ingredient for item in fact.recognised] == ["adalimumab"]
    assert fact.status == "stopped"
    assert fact.doubts == ("MedicationRequest not readable; only its drug or problem is known",)
    assert chart.deviations == (Deviation.RESOURCE_CODES_ONLY,)


def test_a_medication_with_a_modifier_makes_its_order_doubtful() -> None:
    medication = {
        "resourceType": "Medication",
        "id": "m1",
        "code": make.medicine("adalimumab"),
        "modifierExtension": [{"url": "urn:x"}],
    }
    order = make.medication_request("r1", "", medicationCodeableConcept=None)
    fact = _chart(order | {"medicationReference": {"reference": "Medication/m1"}}, medication).medications[0]
    assert fact.doubts == (MODIFIED,)


def test_doubts_never_repeat_the_record() -> None:
    fact = _request(authoredOn="Jane Doe", status={"Jane": "Doe"}, dosageInstruction=["Jane Doe"])
    assert "Jane" not in " ".join(fact.doubts)


def test_a_repeated_key_in_a_resource_of_ours_is_refused() -> None:
    raw = msgspec.Raw(
        b'{"resourceType": "MedicationRequest", "id": "1", "status": "active", "status": "stopped",'
        b' "medicationCodeableConcept": {"text": "adalimumab"}}'
    )
    with pytest.raises(InvalidRequest, match="status twice"):
        read_chart([Resource("MedicationRequest", raw, "1")], make.PATIENT, MedicationLibrary(), RECOGNISER)


def test_drugs_outside_the_catalogue_are_neither_facts_nor_gaps() -> None:
    chart = _chart(make.medication_request("r1", "metformin"), make.statement("s1", "paracetamol"))
    assert (chart.medications, chart.gaps) == ((), {})
    assert chart.counts == {"MedicationRequest": 1, "MedicationStatement": 1}


@pytest.mark.parametrize(
    "drug",
    [
        {},
        {"medicationReference": {"reference": "Medication/gone"}},
        {"medicationCodeableConcept": {"coding": [{"system": "urn:formulary", "code": "778123"}]}},
    ],
)
def test_a_medication_that_nothing_names_keeps_its_status_and_dates(drug: Json) -> None:
    stopped = {"status": "stopped", "authoredOn": "2025-01-13", "statusChanged": "2025-02-03"}
    order = make.medication_request("r1", "", **{"medicationCodeableConcept": None, **stopped, **drug})
    (fact,) = _chart(order).unidentified
    assert (fact.recognised, fact.status, fact.authored) == ((), "stopped", date(2025, 1, 13))
    assert fact.status_changed == date(2025, 2, 3)


def test_a_medication_that_nothing_names_and_that_repeats_a_key_is_a_gap() -> None:
    raw = b'{"resourceType": "MedicationRequest", "id": "r1", "status": "stopped", "status": "active"}'
    resource = Resource("MedicationRequest", msgspec.Raw(raw), "r1")
    chart = read_chart([resource], make.PATIENT, MedicationLibrary(), RECOGNISER)
    assert (chart.unidentified, chart.gaps) == ((), {Gap.MEDICATION_UNIDENTIFIED: 1})


def test_a_code_of_a_known_system_that_is_not_ours_is_no_gap() -> None:
    concept = {"coding": [make.coding(make.RXNORM, "861007")]}
    assert _chart(make.medication_request("r1", "", medicationCodeableConcept=concept)).gaps == {}


@pytest.mark.parametrize(
    ("dosage", "systemic"),
    [
        ({"text": "Instill 1 drop in both eyes twice daily"}, False),
        ({"text": "Instill 1 drop in both eyes twice daily", "route": {"text": "oral"}}, True),
        ({"text": "Take one capsule by mouth; stop the eye drops"}, True),
        ({"text": "1 mg twice daily"}, True),
    ],
)
def test_the_words_of_a_dosage_say_where_a_drug_goes_only_where_nothing_else_does(dosage: Json, systemic: bool) -> None:
    concept = {"coding": [make.coding(make.RXNORM, "3008", "cyclosporine")]}
    fact = _request(medicationCodeableConcept=concept, dosageInstruction=[dosage])
    assert [(item.ingredient, item.systemic) for item in fact.recognised] == [("cyclosporine", systemic)]


def test_a_resource_that_is_no_json_object_is_a_gap() -> None:
    resource = Resource("MedicationRequest", msgspec.Raw(b"[1]"))
    chart = read_chart([resource], make.PATIENT, MedicationLibrary(), RECOGNISER)
    assert chart.gaps == {Gap.MEDICATION_UNREADABLE: 1}


def test_the_same_resource_delivered_twice_counts_once() -> None:
    order = make.medication_request("r1", "adalimumab")
    assert len(_chart(order, order).medications) == 1
    assert len(_chart(order, order | {"status": "stopped"}).medications) == 2


def test_a_resource_without_an_id_is_named_by_its_place() -> None:
    order = make.medication_request("", "adalimumab", id=None)
    fact = _fact(order)
    assert (fact.ref, fact.id) == ("MedicationRequest/#chart-0", None)


@pytest.mark.fault(39)
def test_a_resource_of_another_patient_is_marked() -> None:
    assert _request(subject={"reference": "Patient/other"}).other_patient


def test_a_name_that_differs_from_the_code_is_a_disagreement() -> None:
    concept = {"coding": [make.coding(make.RXNORM, "2196900")], "text": "adalimumab"}
    fact = _fact(make.medication_request("r1", "", medicationCodeableConcept=concept))
    assert [item.ingredient for item in fact.recognised] == ["upadacitinib"]
    assert fact.disagreement == "adalimumab"


def test_a_missing_subject_is_this_patient_and_no_doubt() -> None:
    fact = _fact(_without({"subject": None}))
    assert not fact.other_patient
    assert fact.doubts == ()
