"""A client of CDS Hooks 3.0: what it adds is tolerated, and it gets nothing that it would not understand."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.calls import Json, cards, changed, recorded, served
from tests.clients.contract import suggestions
from tests.fakes import SELECT
from tests.trust import BASE

CALLS = {
    "order-select": "order-select__upadacitinib-beside-current-infliximab",
    "order-sign": "order-sign__both-about-to-be-signed",
    "patient-view": "patient-view__upadacitinib-and-infliximab-in-force",
}
AUTHORIZATION = {
    "access_token": "",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/Patient.rs patient/MedicationRequest.rs",
    "subject": "cds-service",
    "patient": "patient-1",
}
ADDED: dict[str, Any] = {
    "an unknown member at the root": lambda call: call.update(workflow={"step": 1}),
    "an extension at the root": lambda call: call.update(extension={"org.example.ui": {"dark": True}}),
    "an unknown member of the context": lambda call: call["context"].update(episodeOfCareId="e-1", tasks=[]),
    "a null member of the context": lambda call: call["context"].update(encounterId=None),
    "fhirAuthorization null": lambda call: call.update(fhirAuthorization=None),
    "fhirAuthorization without a token": lambda call: call.update(fhirAuthorization=AUTHORIZATION),
    "fhirServer null": lambda call: call.update(fhirServer=None),
    "an unknown prefetch key": lambda call: call["prefetch"].update(practitioner=None),
    "fields of another hook": lambda call: call["context"].update(
        dispatchedOrders=["ServiceRequest/1"], medications={}
    ),
}


@pytest.mark.parametrize("hook", CALLS)
@pytest.mark.parametrize("added", ADDED)
def test_what_a_client_adds_changes_nothing(hook: str, added: str) -> None:
    plain = recorded(CALLS[hook])
    assert cards(plain) != []
    assert cards(changed(plain, ADDED[added])) == cards(plain)


@pytest.mark.parametrize("version", ["none", "2.0.1", "3.0.0"])
def test_the_version_is_announced_only_where_the_site_wants_it(tmp_path: Path, version: str) -> None:
    services = served(tmp_path, announce_version=version).get("/cds-services").get_json()["services"]
    assert [service.get("version", "none") for service in services] == [version] * 3


FAILURES: dict[str, tuple[str, Json | bytes, int]] = {
    "a context that is missing": (SELECT, {"hook": "order-select"}, 400),
    "no JSON": (SELECT, b"{", 400),
    "an unknown service": ("/cds-services/unknown", {}, 404),
    "data that nobody sent": (SELECT, recorded("order-select__in-scope-without-prefetch"), 412),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_has_an_operation_outcome(tmp_path: Path, failure: str) -> None:
    path, body, status = FAILURES[failure]
    content = {"data": body} if isinstance(body, bytes) else {"json": body}
    answer = served(tmp_path).post(path, content_type="application/json", **content)
    assert answer.status_code == status
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["diagnostics"]


def test_no_member_of_3_0_is_in_a_response_that_a_client_of_2_0_reads(tmp_path: Path) -> None:
    answer = served(tmp_path, public_base_url=BASE).post(SELECT, json=recorded(CALLS["order-select"]))
    assert answer.status_code == 200
    assert "systemActions" not in answer.get_json()
    assert all("actionSelectionBehavior" not in item for item in suggestions(answer.get_json()))
