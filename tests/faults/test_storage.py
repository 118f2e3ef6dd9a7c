"""The folder of the service goes away, or its disk is full, while it runs: cards go on, and what is lost is told."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from service.app import SITE, create_app, warm
from service.settings import Settings
from service.store import FILE
from tests import builders as make
from tests.databases import own_database
from tests.fakes import SELECT, until
from tests.trust import BASE, NOW, bearer, client, token


def site(data: Path, **changed: Any) -> Iterator[FlaskClient]:
    own_database(data)
    app = create_app(Settings.model_validate({"data_dir": data, **changed}), clock=lambda: NOW, ready=True)
    yield app.test_client()
    app.extensions[SITE].ledger.close(0.1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_site(data: Path) -> Iterator[FlaskClient]:
    yield from site(data)


@pytest.fixture
def secured_site(data: Path) -> Iterator[FlaskClient]:
    yield from site(data, public_base_url=BASE, clients=[client()])


def order() -> dict[str, Any]:
    return make.order_select([make.draft("d1", "upadacitinib")], [make.medication_request("o1", "infliximab")])


def feedback() -> dict[str, Any]:
    when = datetime(2026, 3, 16, tzinfo=UTC).isoformat()
    return {"feedback": [{"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": when}]}


@pytest.mark.fault(22)
def test_a_data_folder_that_is_removed_costs_the_records_and_no_card(open_site: FlaskClient, data: Path) -> None:
    first = open_site.post(SELECT, json=order())
    until(lambda: open_site.get("/readyz").get_json()["feedback"]["waiting"] == 0)
    shutil.rmtree(data)
    again = open_site.post(SELECT, json=order())
    assert (again.status_code, again.data) == (200, first.data)
    refused = open_site.post(f"{SELECT}/feedback", json=feedback())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    ready = open_site.get("/readyz")
    assert (ready.status_code, ready.get_json()["feedback"]["database"] != "usable") == (200, True)


@pytest.mark.fault(22)
def test_a_folder_that_comes_back_is_used_again_without_a_restart(open_site: FlaskClient, data: Path) -> None:
    shutil.move(data / FILE, data / "aside")
    assert open_site.post(f"{SELECT}/feedback", json=feedback()).status_code == 503
    shutil.move(data / "aside", data / FILE)
    assert open_site.post(f"{SELECT}/feedback", json=feedback()).status_code == 200


@pytest.mark.fault(23)
def test_without_the_folder_no_token_can_be_told_from_a_used_one_so_nothing_is_served(
    secured_site: FlaskClient, data: Path
) -> None:
    warm(secured_site.application)
    assert secured_site.post(SELECT, json=order(), headers=bearer(token())).status_code == 200
    shutil.rmtree(data)
    refused = secured_site.post(SELECT, json=order(), headers=bearer(token()))
    assert refused.status_code == 503
    assert json.loads(refused.data)["resourceType"] == "OperationOutcome"
    ready = secured_site.get("/readyz")
    assert (ready.status_code, ready.get_json()["replayStore"]) == (503, "cannot be used")
