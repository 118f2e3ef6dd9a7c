"""Published hook requests that nobody of this project wrote: the service survives them and stays silent.

The folder is not part of the project. CDS_CORPUS names it: `requests/` holds hook requests, one per file, and
`medication_shapes/` single medication resources, which are tried beside an order of upadacitinib.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.discovery import SERVICES
from service.settings import Settings
from tests import builders as make

FOLDER = os.environ.get("CDS_CORPUS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CDS_CORPUS does not name a folder of published hook requests")


def recorded() -> list[Path]:
    return sorted((Path(FOLDER) / "requests").rglob("*.json")) if FOLDER else []


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data")), ready=True).test_client()


def service_for(body: bytes) -> str:
    """Name the service that this request's hook belongs to; any other hook goes to the first."""
    try:
        request: Any = json.loads(body)
    except ValueError:
        request = None
    hook = request.get("hook") if isinstance(request, dict) else None
    return next((service.id for service in SERVICES if service.hook == hook), SERVICES[0].id)


@pytest.mark.parametrize("file", recorded(), ids=lambda file: file.stem)
def test_a_published_request_gets_the_same_silent_answer_every_time(client: FlaskClient, file: Path) -> None:
    body = file.read_bytes()
    path = f"/cds-services/{service_for(body)}"
    first, second = (client.post(path, data=body, content_type="application/json") for _ in range(2))
    assert first.status_code < 500
    assert (first.status_code, first.data) == (second.status_code, second.data)
    if first.status_code == 200:
        assert first.get_json() == {"cards": []}


def test_the_corpus_is_not_empty() -> None:
    assert recorded()


def shapes() -> list[Path]:
    return sorted((Path(FOLDER) / "medication_shapes").glob("*.json")) if FOLDER else []


def _shape(file: Path) -> dict[str, Any]:
    """Read a medication resource and make it one of the patient's."""
    resource: dict[str, Any] = json.loads(file.read_bytes())
    return {**resource, "id": resource.get("id", "shape"), "subject": make.reference("Patient", make.PATIENT)}


def _cards(client: FlaskClient, request: dict[str, Any]) -> list[Any] | None:
    """Post a request twice; the cards, or None for data that could not be had."""
    path = f"/cds-services/{service_for(json.dumps(request).encode())}"
    first, second = (client.post(path, json=request) for _ in range(2))
    assert (first.status_code, first.data) == (second.status_code, second.data)
    assert first.status_code in {200, 412}
    body: Any = first.get_json()
    return list(body["cards"]) if first.status_code == 200 else None


def _topics(cards: list[Any]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in cards]


def _named(resource: dict[str, Any]) -> bool:
    """Say whether words tell the drug: these need no list of codes to see that it is none of ours."""
    text = json.dumps([value for key, value in resource.items() if key.startswith("medication")])
    return '"display"' in text or '"text"' in text


@pytest.mark.parametrize("file", shapes(), ids=lambda file: file.stem)
def test_a_published_medication_beside_upadacitinib_is_no_combination(client: FlaskClient, file: Path) -> None:
    shape = _shape(file)
    draft = make.draft("draft-upadacitinib", "upadacitinib")
    as_record = _cards(client, make.order_select([draft], [shape]))
    as_draft = _cards(client, make.order_sign([draft, {**shape, "status": "draft"}]))
    for cards in (as_record, as_draft):
        assert cards is None or set(_topics(cards)) <= {"UPADACITINIBCHECKINCOMPLETE"}
    if _named(shape):
        assert (as_record, as_draft) == ([], [])


@pytest.mark.parametrize("file", shapes(), ids=lambda file: file.stem)
def test_a_published_medication_hides_no_combination(client: FlaskClient, file: Path) -> None:
    draft, infliximab = make.draft("draft-upadacitinib", "upadacitinib"), make.medication_request("r1", "infliximab")
    cards = _cards(client, make.order_select([draft], [_shape(file), infliximab]))
    assert cards is not None
    assert _topics(cards) == ["UPADACITINIBBIOLOGIC"]
    assert cards[0]["indicator"] == "warning"


def test_the_corpus_has_medication_shapes() -> None:
    assert shapes()
