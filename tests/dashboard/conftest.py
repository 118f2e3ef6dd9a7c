"""A site whose database holds a made-up quarter, and one whose database is empty."""

from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.dashboard.seeded import TODAY, seed
from tests.databases import own_database, store_at

NOON = datetime.combine(TODAY, time(12), UTC)


@pytest.fixture(scope="package")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quarter") / "data"
    with store_at(own_database(folder)) as store:
        seed(store)
    return folder


@pytest.fixture(scope="package")
def busy(quarter: Path) -> FlaskClient:
    return create_app(Settings(data_dir=quarter), clock=lambda: NOON).test_client()


@pytest.fixture
def site_with(tmp_path: Path) -> Callable[..., FlaskClient]:
    """Make a site with an empty database and these settings."""

    def made(**settings: object) -> FlaskClient:
        folder = tmp_path / "data"
        own_database(folder)
        chosen = Settings.model_validate({"data_dir": folder, **settings})
        return create_app(chosen, clock=lambda: NOON).test_client()

    return made
