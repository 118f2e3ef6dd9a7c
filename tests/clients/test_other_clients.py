"""The CRD request generator and HealthChain: two programs that call CDS services in tests, each in its own way."""

from pathlib import Path
from typing import Any

import pytest

from service.errors import DataUnavailable
from tests.clients.calls import Json, cards, changed, recorded, said, served
from tests.fakes import SELECT, SIGN
from tests.trust import BASE, bearer, client, jwks, pair, seconds, token

CALL = "order-sign__monitoring-in-rheumatoid-arthritis"
FIXED_INSTANCE = "00000000-0000-4000-8000-000000000001"


def _generated(call: Json) -> None:
    """Write a call as the CRD request generator does: order-sign alone, and no look at discovery."""
    call["hookInstance"] = FIXED_INSTANCE
    call["context"] |= {"userId": "Practitioner/example", "encounterId": "enc89284"}
    call["fhirServer"] = "http://127.0.0.1:8080/fhir"
    call["fhirAuthorization"] = {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/Patient.read",
        "subject": "cds-service",
    }
    call["extension"] = {"davinci-crd.configuration": {"alt-drug": True}}
    found = [entry for value in call["prefetch"].values() for entry in value.get("entry", [])]
    call["prefetch"] = {"medicationRequestBundle": {"resourceType": "Bundle", "type": "collection", "entry": found}}


def test_a_call_of_the_crd_request_generator_is_answered_like_any_other() -> None:
    call = recorded(CALL)
    generated = changed(call, _generated)
    assert [(indicator, summary) for indicator, summary, _ in said(cards(generated))] == [
        (indicator, summary) for indicator, summary, _ in said(cards(call))
    ]
    assert len(cards(generated)) == 2


def test_its_fixed_hook_instance_still_tells_two_patients_apart() -> None:
    first = changed(recorded(CALL), _generated)
    text = first["context"]["patientId"]
    second = changed(first, lambda made: made.update(_of_patient(made, text, "someone-else")))
    uuids = [{card["uuid"] for card in cards(call)} for call in (first, second)]
    assert not uuids[0] & uuids[1]


def _of_patient(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _of_patient(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_of_patient(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def test_an_empty_access_token_is_no_access_and_no_error() -> None:
    """Near miss: without any medication list it is the 412 of a client that gave no access at all."""
    call = changed(recorded("order-select__in-scope-without-prefetch"), lambda made: made.update(_no_token()))
    with pytest.raises(DataUnavailable, match="prefetch holds no medication list"):
        cards(call)


def _no_token() -> Json:
    return {"fhirServer": "http://127.0.0.1:8080/fhir", "fhirAuthorization": {"access_token": ""}}


def test_its_token_of_a_day_and_rs256_are_served_where_the_site_allows_them(tmp_path: Path) -> None:
    signer = pair("generator", algorithm="RS256")
    given: Json = {"id": "generator", "issuers": ["http://127.0.0.1:8080/fhir"], "jwks": jwks(signer)}
    call = changed(recorded(CALL), _generated)

    def answer(folder: str, **allowed: Any) -> int:
        site = served(tmp_path / folder, public_base_url=BASE, clients=[client(**given, **allowed)])
        signed = token(signer, iss=given["issuers"][0], aud=BASE + SIGN, exp=int(seconds(86_400)))
        return site.post(SIGN, json=call, headers=bearer(signed)).status_code

    assert answer("allowed", algorithms=["RS256"], max_lifetime_seconds=86_400) == 200
    assert answer("default") == 401


def test_a_client_that_sends_no_token_or_the_word_null_is_served_on_this_machine_alone(tmp_path: Path) -> None:
    call = changed(recorded(CALL), _generated)
    headers: list[dict[str, str]] = [{}, {"Authorization": "Bearer null"}, {"Authorization": "null"}]
    open_here = served(tmp_path / "open")
    secured = served(tmp_path / "secured", public_base_url=BASE, clients=[client()])
    assert [open_here.post(SIGN, json=call, headers=header).status_code for header in headers] == [200] * 3
    assert [secured.post(SIGN, json=call, headers=header).status_code for header in headers] == [401] * 3


def test_a_context_that_healthchain_stripped_of_its_orders_is_a_400_that_says_what_is_missing(tmp_path: Path) -> None:
    call = changed(recorded(CALL), lambda made: [made["context"].pop(key) for key in ("draftOrders", "encounterId")])
    call["hook"] = "order-select"
    answer = served(tmp_path).post(SELECT, json=call)
    assert answer.status_code == 400
    assert "context.draftOrders is missing" in answer.get_json()["issue"][0]["diagnostics"]


def test_every_override_reason_has_the_system_that_healthchain_demands() -> None:
    reasons = [reason for card in cards(recorded(CALL)) for reason in card.get("overrideReasons", [])]
    assert reasons
    assert all(reason["system"] for reason in reasons)
