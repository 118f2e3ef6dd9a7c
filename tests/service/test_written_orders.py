"""The orders that a suggestion writes: a create holds nothing invented, an update is the client's own draft."""

import json
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cards.model import (
    Action,
    Card,
    Code,
    Coding,
    Indicator,
    Order,
    SelectionBehavior,
    ServiceOrder,
    Suggestion,
    System,
)
from service.answer import answer, build_engine
from service.conformance.reading import empty_values
from service.discovery import SERVICES
from service.settings import Settings
from service.wire import Session, drafts_as_sent, has_update, write_response
from service.wire.nulls import without_nulls
from tests import builders

ORDER = Order("risankizumab", Code(System.RXNORM, "2166040"), "risankizumab", "MedicationRequest/old")
AS_SENT = (
    '{"resourceType":"MedicationRequest","id":"new","status":"draft","intent":"order","meta":{"lastUpdated":'
    '"2026-03-10T10:00:00.120+01:00"},"medicationCodeableConcept":{"text":"ustekinumab"},"subject":{"reference":'
    '"Patient/patient-1"},"dosageInstruction":[{"doseAndRate":[{"doseQuantity":{"value":90.00,"unit":"mg"}}]}],'
    '"dispenseRequest":{"quantity":{"value":1.10,"unit":"mL"},"numberOfRepeatsAllowed":0},"extension":[{"url":'
    '"https://ehr.example.org/ünit","valueDecimal":0.50}],"instantiatesUri":["urn:a",null],"_instantiatesUri":[null,{'
    '"extension":[{"url":"https://ehr.example.org/why","valueCode":"unknown"}]}]}'
)
# The same draft of a client that writes every field it has.
WITH_NULLS = (
    AS_SENT.replace('"id":"new",', '"id":"new","language":null,"note":[null],"encounter":{"reference":null},')
    .replace('"unit":"mg"', '"unit":"mg","code":null')
    .replace('"valueDecimal":0.50', '"valueDecimal":0.50,"_valueDecimal":null')
    .replace('"numberOfRepeatsAllowed":0', '"numberOfRepeatsAllowed":0,"validityPeriod":{"start":null}')
)


def written(*actions: Action, session: Session | None = None, **others: Any) -> Any:
    card = Card(
        key="options",
        indicator=Indicator.INFO,
        summary="One agent.",
        detail="One agent.",
        source_label="Label",
        source_url=None,
        topic=Coding("urn:example", "TOPIC", "Topic"),
        suggestions=(Suggestion("one", "One", actions),),
        **others,
    )
    body = write_response([card], lambda one, _: one.key, session or Session("patient-1"))
    return json.loads(body)["cards"][0]


def test_a_create_is_a_draft_order_by_ingredient_for_this_patient_that_names_what_it_replaces() -> None:
    (action,) = written(Action("create", "Order it", order=ORDER))["suggestions"][0]["actions"]
    assert action == {
        "type": "create",
        "description": "Order it",
        "resource": {
            "resourceType": "MedicationRequest",
            "status": "draft",
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [
                    {
                        "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                        "code": "2166040",
                        "display": "risankizumab",
                    }
                ],
                "text": "risankizumab",
            },
            "subject": {"reference": "Patient/patient-1"},
            "priorPrescription": {"reference": "MedicationRequest/old"},
        },
    }
    get_fhir_model_class("MedicationRequest").model_validate(action["resource"])


def test_a_service_order_is_text_without_a_code() -> None:
    (action,) = written(Action("create", "Order it", service=ServiceOrder("Liver enzymes")))["suggestions"][0][
        "actions"
    ]
    assert action["resource"] == {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": {"text": "Liver enzymes"},
        "subject": {"reference": "Patient/patient-1"},
    }
    get_fhir_model_class("ServiceRequest").model_validate(action["resource"])


def test_a_suggestion_without_actions_has_no_member_for_them() -> None:
    (suggestion,) = written()["suggestions"]
    assert suggestion == {"label": "One", "uuid": "options"}


@pytest.mark.parametrize("behavior", SelectionBehavior)
def test_a_card_says_how_many_of_its_suggestions_may_be_accepted(behavior: SelectionBehavior) -> None:
    assert written(selection=behavior)["selectionBehavior"] == behavior.value


def test_only_an_update_needs_the_drafts_as_they_were_sent() -> None:
    def needs(kind: str) -> bool:
        topic = Coding("urn:example", "TOPIC", "Topic")
        suggestions = (Suggestion("one", "One", (Action(kind, "Do it"),)),)
        return has_update([Card("key", Indicator.INFO, "One.", "One.", "Label", None, topic, suggestions)])

    assert [needs(kind) for kind in ("update", "delete", "create")] == [True, False, False]


def _call(draft: str = AS_SENT) -> bytes:
    """Make a call with a draft that was written by hand, so that every digit and null of it stays."""
    call = builders.order_select(
        [builders.draft("new", "ustekinumab")],
        [
            builders.condition("cd", "crohn"),
            builders.medication_request("old", "upadacitinib", authoredOn="2026-01-10"),
        ],
    )
    call["context"]["draftOrders"] = "AS SENT"
    entry = f'{{"resourceType":"Bundle","entry":[{{"resource":{draft}}}]}}'
    return json.dumps(call).replace('"AS SENT"', entry).encode()


def test_the_drafts_as_sent_keep_every_digit() -> None:
    resource = drafts_as_sent(_call())["MedicationRequest/new"]
    assert str(resource["dispenseRequest"]["quantity"]["value"]) == "1.10"


@pytest.mark.parametrize("draft", [AS_SENT, WITH_NULLS], ids=["as FHIR has it", "with nulls"])
def test_an_update_is_what_the_draft_says_byte_for_byte_and_the_order_whose_place_it_takes(draft: str) -> None:
    service = next(item for item in SERVICES if item.hook == "order-select")
    given = answer(_call(draft), service, engine=build_engine(Settings()), on=date(2026, 3, 10))
    prior = ',"priorPrescription":{"reference":"MedicationRequest/old"}}'
    assert (AS_SENT[:-1] + prior).encode() in given.body
    assert not list(empty_values(json.loads(given.body)))


def test_a_null_stays_where_it_holds_the_place_of_a_value_and_nowhere_else() -> None:
    resource = {
        "given": ["Ada", None],
        "_given": [None, {"extension": [{"url": "urn:a", "valueCode": None}], "id": None}],
        "family": [None, "Example"],
        "_family": [None, None],
        "prefix": [None, {"text": None}],
        "_suffix": None,
        "note": [],
        "code": "",
        "subject": {},
        "repeats": 0,
        "active": False,
    }
    assert without_nulls(resource) == {
        "given": ["Ada", None],
        "_given": [None, {"extension": [{"url": "urn:a"}]}],
        "family": ["Example"],
        "note": [],
        "code": "",
        "subject": {},
        "repeats": 0,
        "active": False,
    }


def test_a_client_that_wraps_its_context_in_a_list_gets_its_draft_back_too() -> None:
    call = json.loads(_call())
    call["context"] = [call["context"]]
    assert list(drafts_as_sent(json.dumps(call).encode())) == ["MedicationRequest/new"]
