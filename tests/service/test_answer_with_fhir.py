"""A call that brings less than it needs, answered with what a FHIR server has."""

import json
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from cards.model import Gap
from service.answer import Answer, Engine, answer, build_engine
from service.discovery import SERVICES
from service.errors import DataUnavailable, InvalidRequest
from service.fhir_access.recorded import NotRecorded, RecordedFhir
from service.settings import Client, Settings
from tests import builders as make
from tests.fakes import FakeFhir

ON = date(2026, 3, 16)
CANARY = "canary-token-2b9e"
PAIR = "upadacitinib-biologic"
ORDER = make.medication_request("o1", "infliximab")
CHART = [make.condition("c1", "crohn"), ORDER, make.dispense("x1", "prednisone", "2026-03-01", 30)]
KEYS = ["patient", *make._KEYS]


def by_reference(key: str = "m1", **others: Any) -> dict[str, Any]:
    return {"medicationCodeableConcept": None, "medicationReference": {"reference": f"Medication/{key}", **others}}


def medication(what: str, key: str = "m1", **others: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": key, "code": make.medicine(what), **others}


def server(chart: list[Any] = CHART, answers: Mapping[str, Any] = MappingProxyType({})) -> FakeFhir:
    held = make.prefetch(chart)
    found = {f"{kind}?patient=patient-1&_count=200": held[key] for key, kind in make._KEYS.items()}
    return FakeFhir({**found, "Patient/patient-1": held["patient"], **answers})


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(Settings.model_validate({"fhir_servers": [make.SERVER]}))


def request(drafts: Any = None, *, prefetch: Any = None, hook: str = "order-select", **others: Any) -> dict[str, Any]:
    orders = drafts if drafts is not None else [make.draft("d1", "upadacitinib")]
    made = {"order-select": make.order_select, "order-sign": make.order_sign}[hook](orders)
    made |= {"fhirServer": make.SERVER, "fhirAuthorization": {"access_token": CANARY, "token_type": "Bearer"}} | others
    if prefetch is None:
        del made["prefetch"]
        return made
    return made | {"prefetch": prefetch}


def answered(body: Any, engine: Engine, fhir: Any, client: Client | None = None) -> Answer:
    service = next(item for item in SERVICES if item.hook == body["hook"])
    named: dict[str, Any] = {"client": client} if client else {}
    return answer(json.dumps(body).encode(), service, engine=engine, on=ON, fhir=fhir, **named)


def test_the_record_of_the_server_counts_as_if_it_had_been_sent(engine: Engine) -> None:
    read = answered(request(), engine, server())
    sent = answered(request(prefetch=make.prefetch(CHART)), engine, FakeFhir())
    assert read.body == sent.body
    assert (read.rules, read.outcome) == ((PAIR,), "complete")
    assert read.assessment == sent.assessment


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "without", [[key] for key in ("patient", *make._KEYS)] + [["conditions", "medicationRequests"]]
)
def test_any_missing_key_is_made_good(engine: Engine, without: list[str]) -> None:
    fhir = server()
    given = answered(request(prefetch=make.prefetch(CHART, without=without)), engine, fhir)
    assert given.body == answered(request(prefetch=make.prefetch(CHART)), engine, FakeFhir()).body
    assert len(fhir.asked) == len(without)


def test_whoever_gives_the_calls_back_gets_the_same_answer(engine: Engine) -> None:
    draft, entry = make.draft("d1", "x", **by_reference("m1")), make.medication_request("o2", "x", **by_reference("m2"))
    fhir = server([*CHART, entry], {"Medication/m1": medication("upadacitinib"), "Medication/m2": "timeout"})
    first = answered(request([draft]), engine, fhir)
    again = answered(request([draft]), engine, RecordedFhir(first.fhir_calls))
    assert first.fhir_calls[0].url == "Medication/m1"
    assert first.fhir_calls[-1].url == "Medication/m2"
    assert again == first


def test_a_call_that_was_not_recorded_is_an_error_and_never_a_read(engine: Engine) -> None:
    calls = answered(request(), engine, server()).fhir_calls
    with pytest.raises(NotRecorded, match=r"there is no recorded answer.* Did you mean MedicationRequest\?"):
        answered(request(), engine, RecordedFhir(call for call in calls if "Dispense" not in call.url))


def test_an_order_that_is_none_of_ours_asks_nobody(engine: Engine) -> None:
    fhir = server()
    given = answered(request([make.draft("d1", "amoxicillin 500 mg capsule")]), engine, fhir)
    assert (given.outcome, given.fhir_calls, fhir.opened) == ("out-of-scope", (), [])


def test_a_whole_prefetch_asks_nobody(engine: Engine) -> None:
    fhir = server()
    answered(request(prefetch=make.prefetch(CHART)), engine, fhir)
    assert fhir.opened == []


def test_the_servers_of_the_client_are_those_that_may_be_read(engine: Engine) -> None:
    own = Client.model_validate({"id": "ehr", "fhir_servers": [make.SERVER]})
    assert answered(request(), build_engine(Settings()), server(), own).rules == (PAIR,)
    fhir = server()
    with pytest.raises(DataUnavailable, match=r"was not read: fhir-server-not-listed\.$"):
        answered(request(), engine, fhir, Client(id="other"))
    assert fhir.asked == []


def test_a_call_without_a_fhir_server_is_refused_as_before(engine: Engine) -> None:
    with pytest.raises(DataUnavailable) as caught:
        answered(request(fhirServer=None), engine, server())
    assert "FHIR" not in caught.value.message


def test_the_drug_of_a_draft_is_read_before_anything_else_and_alone_where_it_is_none_of_ours(engine: Engine) -> None:
    fhir = server(CHART, {"Medication/m1": medication("amoxicillin")})
    given = answered(request([make.draft("d1", "x", **by_reference())]), engine, fhir)
    assert (given.outcome, fhir.asked) == ("out-of-scope", ["Medication/m1"])
    assert [call.url for call in given.fhir_calls] == ["Medication/m1"]


@pytest.mark.parametrize("drafted", [True, False])
def test_a_medication_may_be_made_of_one_that_is_read_too(engine: Engine, drafted: bool) -> None:
    part = {"itemReference": {"reference": "Medication/m2"}}
    made_of = {"resourceType": "Medication", "id": "m1", "ingredient": [part]}
    fhir = server(CHART, {"Medication/m1": made_of, "Medication/m2": medication("infliximab", "m2")})
    ours = "upadacitinib" if not drafted else "x"
    drafts = [make.draft("d1", ours, **(by_reference() if drafted else {}))]
    entry = make.medication_request("o9", "upadacitinib" if drafted else "x", **({} if drafted else by_reference()))
    given = answered(request(drafts, prefetch=make.prefetch([make.condition("c1", "crohn"), entry])), engine, fhir)
    assert given.rules == (PAIR,)
    assert fhir.asked == ["Medication/m1", "Medication/m2"]


@pytest.mark.parametrize("said", [404, 500, "timeout", {"resourceType": "Patient", "id": "m1"}, b"<html>"])
def test_a_drug_that_cannot_be_read_is_a_card_and_no_412(engine: Engine, said: Any) -> None:
    given = answered(request([make.draft("d1", "x", **by_reference())]), engine, server(CHART, {"Medication/m1": said}))
    assert (given.outcome, given.indicators) == ("incomplete", ("info",))
    assert given.assessment
    assert given.assessment.gaps[Gap.MEDICATION_UNIDENTIFIED] == 1


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "not-done"])
def test_the_drug_of_an_entry_that_never_counts_is_not_read(engine: Engine, status: str) -> None:
    fhir = server()
    entry = make.medication_request("o9", "x", status=status, **by_reference())
    answered(request(prefetch=make.prefetch([entry])), engine, fhir)
    assert fhir.asked == []


def test_the_drug_of_another_patients_entry_is_not_read(engine: Engine) -> None:
    fhir = server()
    entry = make.medication_request("o9", "x", subject=make.reference("Patient", "other"), **by_reference())
    answered(request(prefetch=make.prefetch([entry])), engine, fhir)
    assert fhir.asked == []


def test_the_drug_of_an_entry_that_is_written_beside_the_reference_is_not_read(engine: Engine) -> None:
    fhir = server()
    entry = make.medication_request("o9", "x", **by_reference(display="METFORMIN 500 MG PO TABS"))
    answered(request(prefetch=make.prefetch([entry])), engine, fhir)
    assert fhir.asked == []


def test_the_drug_of_a_draft_that_nobody_selected_is_read_with_the_record(engine: Engine) -> None:
    drafts = [make.draft("d1", "upadacitinib"), make.draft("d2", "x", **by_reference())]
    body = make.order_select(drafts, CHART[:1], selections=["d1"])
    body |= {"fhirServer": make.SERVER, "fhirAuthorization": {"access_token": CANARY}}
    given = answered(body, engine, server(CHART, {"Medication/m1": medication("infliximab")}))
    assert given.rules == (PAIR,)


def test_a_draft_of_another_patient_is_refused_before_the_record_is_read(engine: Engine) -> None:
    fhir = server()
    with pytest.raises(InvalidRequest):
        answered(request([make.draft("d1", "upadacitinib", subject=make.reference("Patient", "other"))]), engine, fhir)
    assert fhir.asked == []


@pytest.mark.parametrize(
    ("hook", "drug", "indicator"), [("order-select", "upadacitinib", "warning"), ("order-sign", "infliximab", "info")]
)
def test_a_server_that_fails_is_a_card_and_never_a_412(engine: Engine, hook: str, drug: str, indicator: str) -> None:
    down = FakeFhir(dict.fromkeys(server().answers, 503))
    given = answered(request([make.draft("d1", drug)], hook=hook), engine, down)
    assert (given.outcome, given.indicators, given.rules) == ("incomplete", (indicator,), ())
    assert given.assessment
    assert Gap.MEDICATIONS_ABSENT not in given.assessment.gaps


@pytest.mark.fault(5)
def test_who_does_not_know_the_patient_has_no_list_of_the_patient(engine: Engine) -> None:
    given = answered(request(), engine, server([], {"Patient/patient-1": 404}))
    assert given.outcome == "incomplete"
    assert {read.problem for read in given.trace.fhir.reads} == {"status", "patient-unknown"}
    given = answered(request(), engine, server(CHART, {"Patient/patient-1": 404}))
    assert (given.outcome, given.rules) == ("incomplete", (PAIR,))


def test_what_failed_twice_keeps_what_came_with_the_call(engine: Engine) -> None:
    found = make.bundle(ORDER)
    found["entry"].append({"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}})
    prefetch = make.prefetch([]) | {"medicationRequests": found}
    given = answered(request(prefetch=prefetch), engine, FakeFhir())
    assert (given.outcome, given.rules) == ("incomplete", (PAIR,))
    healed = answered(request(prefetch=prefetch), engine, server([ORDER]))
    assert (healed.outcome, healed.rules) == ("complete", (PAIR,))


def test_an_allergy_list_with_a_page_missing_offers_nothing_by_a_click(engine: Engine) -> None:
    prefetch = make.prefetch(CHART)
    prefetch["allergies"]["link"] = [{"relation": "next", "url": "?page=2"}]
    given = answered(request(prefetch=prefetch, fhirServer=None), engine, FakeFhir())
    assert given.assessment
    assert given.assessment.gaps == {Gap.ALLERGIES_FAILED: 1}


@pytest.mark.fault(4)
def test_no_token_is_in_the_answer_or_in_what_is_kept_of_it(engine: Engine) -> None:
    given = answered(request(), engine, server())
    assert CANARY not in repr(given)
    assert CANARY.encode() not in b"".join((given.body, *(call.body for call in given.fhir_calls)))
