"""The order helper: there only when it is asked for, it puts drugs into a draft and says nothing else."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cards.recognise import Recogniser
from service.app import create_app
from service.discovery import ORDER_HELPER, SERVICES
from service.errors import SettingsError
from service.fhir.systems import codes
from service.settings import load_settings
from tests.clients.contract import faults
from tests.fakes import SELECT
from tests.packaged import CATALOGUE

HELPER = f"/cds-services/{ORDER_HELPER.id}"
OPENED: dict[str, Any] = {
    "hook": "order-select",
    "hookInstance": "426c861a-0a9d-49a6-ba6a-969faa29e755",
    "context": {
        "patientId": "pat-1",
        "userId": "Practitioner/COREPRACTITIONER1",
        "selections": ["MedicationRequest/request-123"],
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [
                {
                    "resource": {
                        "resourceType": "MedicationRequest",
                        "id": "request-123",
                        "status": "draft",
                        "subject": {"reference": "Patient/pat-1"},
                    }
                }
            ],
        },
    },
}


def site(tmp_path: Path, **given: object) -> FlaskClient:
    settings = load_settings({"data_dir": str(tmp_path), **given}, {})
    return create_app(settings, ready=True).test_client()


@pytest.fixture
def helped(tmp_path: Path) -> FlaskClient:
    return site(tmp_path, order_helper=True)


def announced(client: FlaskClient) -> list[str]:
    return [service["id"] for service in client.get("/cds-services").get_json()["services"]]


def test_without_the_setting_there_is_no_order_helper(tmp_path: Path) -> None:
    client = site(tmp_path)
    assert announced(client) == [service.id for service in SERVICES]
    assert client.post(HELPER, json=OPENED).status_code == 404
    assert client.post(f"{HELPER}/feedback", json={"feedback": []}).status_code == 404


def test_with_the_setting_it_is_announced_beside_the_service(helped: FlaskClient) -> None:
    assert announced(helped) == [*(service.id for service in SERVICES), "order-helper"]


@pytest.mark.parametrize("given", [{"host": "0.0.0.0"}, {"public_base_url": "https://cds.example.org"}])
def test_where_others_can_reach_the_service_the_setting_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"order-helper: .*a test tool for one machine"):
        load_settings({"order_helper": True, **given}, {})


def test_another_machine_is_told_nothing(helped: FlaskClient) -> None:
    answer = helped.post(HELPER, json=OPENED, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == 404


def test_its_cards_are_information_and_keep_the_contract(helped: FlaskClient) -> None:
    cards = helped.post(HELPER, json=OPENED).get_json()["cards"]
    assert {card["indicator"] for card in cards} == {"info"}
    assert all("Test tool" in card["summary"] for card in cards)
    assert faults({"cards": [_with_topic(card) for card in cards]}, "spec") == []


def _with_topic(card: dict[str, Any]) -> dict[str, Any]:
    """Add what our own cards have and a card need not: nobody acknowledges a test tool."""
    topic = {"system": "urn:x", "code": "X", "display": "x"}
    return {**card, "source": {**card["source"], "topic": topic}}


@pytest.mark.parametrize("jurisdiction", ["us", "eu"])
def test_every_drug_of_the_rules_with_an_ingredient_code_is_offered_once_as_what_it_is(
    tmp_path: Path, jurisdiction: str
) -> None:
    client, recogniser = site(tmp_path, order_helper=True, jurisdiction=jurisdiction), Recogniser(CATALOGUE)
    suggestions = [
        item for card in client.post(HELPER, json=OPENED).get_json()["cards"] for item in card["suggestions"]
    ]
    found = []
    for item in suggestions:
        (action,) = item["actions"]
        concept = action["resource"]["medicationCodeableConcept"]
        (coding,) = concept["coding"]
        (named,) = recogniser.medication((), (concept["text"],)).recognised
        (code,) = codes(coding["system"], coding["code"])
        (coded,) = recogniser.medication((code,), ()).recognised
        assert named.ingredient == coded.ingredient
        found.append(named.ingredient)
        assert coding["code"] == CATALOGUE.ingredients[named.ingredient].order_code
    expected = {key for key in CATALOGUE.in_scope(jurisdiction) if CATALOGUE.ingredients[key].order_code}
    assert sorted(found) == sorted(expected)
    assert len({item["uuid"] for item in suggestions}) == len(suggestions)


def test_the_draft_that_it_makes_is_what_the_service_then_sees(helped: FlaskClient) -> None:
    card = helped.post(HELPER, json=OPENED).get_json()["cards"][0]
    order = card["suggestions"][0]["actions"][0]["resource"]
    draft = OPENED["context"]["draftOrders"]["entry"][0]["resource"] | {
        "medicationCodeableConcept": order["medicationCodeableConcept"]
    }
    call = {
        **OPENED,
        "context": {
            **OPENED["context"],
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]},
        },
        "prefetch": {
            "medicationRequests": {
                "resourceType": "Bundle",
                "entry": [
                    {
                        "resource": {
                            "resourceType": "MedicationRequest",
                            "id": "infliximab",
                            "status": "active",
                            "intent": "order",
                            "medicationCodeableConcept": {"text": "infliximab"},
                            "subject": {"reference": "Patient/pat-1"},
                        }
                    }
                ],
            }
        },
    }
    summaries = [card["summary"] for card in helped.post(SELECT, json=call).get_json()["cards"]]
    assert summaries[0] == "Upadacitinib + infliximab: the US label does not recommend this combination."


def test_feedback_on_it_is_taken_and_not_kept(helped: FlaskClient) -> None:
    told = {
        "card": "7e0cf0a0-4bb5-5c53-9f6c-3b7b0a8a6f11",
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-16T12:00:00Z",
    }
    answer = helped.post(f"{HELPER}/feedback", json={"feedback": [told]})
    assert (answer.status_code, answer.get_json()) == (200, {})
    assert helped.post(f"{HELPER}/feedback", json={"feedback": "no"}).status_code == 400


def test_a_call_that_is_none_is_a_400_that_says_so(helped: FlaskClient) -> None:
    answer = helped.post(HELPER, json={"hook": "order-select"})
    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_a_browser_may_call_it_from_any_page_of_this_machine(helped: FlaskClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8080", "Access-Control-Request-Method": "POST"}
    for path in (HELPER, f"{HELPER}/feedback"):
        answer = helped.options(path, headers=headers)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, headers["Origin"])
