"""Published hook requests that nobody of this project wrote: the service survives them and stays silent.

The folder is not part of the project. CDS_CORPUS names it: `requests/` holds hook requests, one per file.
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
