"""Calls that are no calls of ours: each is refused by its status, with an OperationOutcome that says what to do."""

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings
from tests import builders as make
from tests.fakes import SELECT, SIGN

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
LIMIT = 10 * 1024**2
BIOLOGIC = make.medication_request("o1", "infliximab")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    settings = Settings(data_dir=tmp_path_factory.mktemp("requests"))
    return create_app(settings, clock=lambda: NOW, ready=True).test_client()


def pair(**changed: Any) -> dict[str, Any]:
    """Give an order-select of upadacitinib beside infliximab, and change it."""
    return make.order_select([make.draft("d1", "upadacitinib")], [BIOLOGIC]) | changed


def context(**changed: Any) -> dict[str, Any]:
    return {**pair()["context"], **changed}


def refused(response: TestResponse, status: int) -> str:
    assert response.status_code == status
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    return str(issue["diagnostics"])


def topics(response: TestResponse) -> list[str]:
    assert response.status_code == 200
    return [card["source"]["topic"]["code"] for card in response.get_json()["cards"]]


def post(client: FlaskClient, body: bytes | Mapping[str, Any], path: str = SELECT, **headers: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, data=data, headers={"Content-Type": "application/json", **named})


WHOLE = json.dumps(pair()).encode()


@pytest.mark.fault(33)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"x"', 400),
        (WHOLE[:-1], 400),
        (WHOLE.replace(b'"context":', b'"extension": NaN, "context":'), 400),
        (WHOLE.replace(b'"context":', b'"hook": "order-sign", "context":'), 400),
        (b"\xef\xbb\xbf" + WHOLE, 400),
        (WHOLE.decode().encode("utf-16"), 400),
        (WHOLE.replace(b'"context":', b'"extension": ' + b"[" * 200_000 + b"]" * 200_000 + b', "context":'), 400),
        (b'{"context": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400),
        (WHOLE.replace(b'"context":', b'"extension": "\\ud800", "context":'), 400),
        (b" " * (LIMIT + 1), 413),
    ],
    ids=lambda value: value if isinstance(value, int) else f"{value[:24]!r}",
)
def test_a_body_that_is_no_request_is_refused_and_never_a_500(client: FlaskClient, body: bytes, status: int) -> None:
    assert len(refused(post(client, body), status)) < 400


@pytest.mark.fault(33)
def test_a_compressed_body_is_refused_before_it_could_grow(client: FlaskClient) -> None:
    said = refused(post(client, gzip.compress(b" " * 50_000_000), Content_Encoding="gzip"), 415)
    assert "Send it without Content-Encoding" in said


@pytest.mark.fault(34)
@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        (pair(hook="order-sign"), SELECT, 400),
        (pair(hook="patient-view"), SIGN, 400),
        (pair(hook="medication-prescribe"), SELECT, 400),
        (pair(), "/cds-services/upadacitinib", 404),
        (pair(), "/cds-services/upadacitinib/feedback", 404),
    ],
)
def test_a_hook_that_is_not_the_services_is_a_400_and_an_unknown_service_a_404(
    client: FlaskClient, body: dict[str, Any], path: str, status: int
) -> None:
    refused(post(client, body, path), status)


@pytest.mark.fault(34)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_than_post_is_a_405_that_names_the_right_ones(client: FlaskClient, method: str) -> None:
    response = client.open(SELECT, method=method)
    refused(response, 405)
    assert {item.strip() for item in response.headers["Allow"].split(",")} == {"POST", "OPTIONS"}


@pytest.mark.fault(35)
def test_a_call_that_is_sent_again_gets_the_same_bytes(client: FlaskClient) -> None:
    assert post(client, pair()).data == post(client, pair()).data
    other = pair(hookInstance="00000000-0000-4000-8000-00000000000f")
    assert post(client, pair()).get_json()["cards"][0]["uuid"] != post(client, other).get_json()["cards"][0]["uuid"]


@pytest.mark.fault(35)
def test_a_hook_instance_that_is_missing_is_refused_and_one_that_is_no_uuid_is_served_and_counted(
    client: FlaskClient,
) -> None:
    without = {key: value for key, value in pair().items() if key != "hookInstance"}
    assert "hookInstance" in refused(post(client, without), 400)
    before = client.get("/readyz").get_json()["deviations"]
    assert topics(post(client, pair(hookInstance="call-7"))) == topics(post(client, pair()))
    after = client.get("/readyz").get_json()["deviations"]
    assert {name for name in after if after[name] != before.get(name, 0)} == {"hook-instance-not-uuid"}


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    "changed",
    [
        {"patientId": "Patient/patient-1"},
        {"userId": None},
        {"selections": None},
        {"selections": ["MedicationRequest/gone", "MedicationRequest/d1"]},
        {"draftOrders": make.bundle(*[make.draft("d1", "upadacitinib")] * 2)},
    ],
)
def test_what_can_only_mean_one_thing_gets_the_same_cards(client: FlaskClient, changed: dict[str, Any]) -> None:
    meant = context(**changed)
    body = pair(context={key: value for key, value in meant.items() if value is not None})
    assert topics(post(client, body)) == topics(post(client, pair()))


@pytest.mark.fault(36)
@pytest.mark.parametrize("drafts", ["orders", 7, None])
def test_drafts_that_are_no_bundle_are_refused(client: FlaskClient, drafts: Any) -> None:
    assert "draftOrders" in refused(post(client, pair(context=context(draftOrders=drafts))), 400)


@pytest.mark.fault(36)
def test_no_draft_at_all_is_checked_and_has_nothing_to_say(client: FlaskClient) -> None:
    assert topics(post(client, pair(context=context(draftOrders=make.bundle(), selections=[])))) == []


@pytest.mark.fault(36)
def test_five_hundred_orders_make_as_many_cards_as_rules(client: FlaskClient) -> None:
    orders = [make.draft(f"d{number}", "upadacitinib" if number % 2 else "infliximab") for number in range(500)]
    body = make.order_sign(orders)
    response = post(client, body, SIGN)
    assert topics(response).count("UPADACITINIBBIOLOGIC") == 1
    assert len(response.get_json()["cards"]) <= 3
    assert all(len(card.get("detail", "")) <= 2500 for card in response.get_json()["cards"])
