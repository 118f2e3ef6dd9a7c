"""What every answer tells a browser, whatever it is an answer to; and where warnings lead."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.errors import SettingsError
from service.every_answer import NO_PAGE, TWO_YEARS
from service.settings import Settings, load_settings
from tests.fakes import SELECT

EVERYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data"))).test_client()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cds-services", 200),
        ("GET", "/livez", 200),
        ("GET", "/openapi.json", 200),
        ("POST", SELECT, 400),
        ("POST", "/cds-services/nobody", 404),
        ("DELETE", SELECT, 405),
        ("OPTIONS", SELECT, 204),
        ("GET", "/nowhere", 404),
    ],
)
def test_an_answer_that_is_no_page_is_kept_by_nobody_and_shown_in_no_frame(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert EVERYWHERE.items() <= dict(response.headers).items()
    assert response.headers["Content-Security-Policy"] == NO_PAGE
    assert "Strict-Transport-Security" not in response.headers


def test_a_page_has_a_policy_of_its_own(client: FlaskClient) -> None:
    response = client.get("/evidence")
    assert EVERYWHERE.items() <= dict(response.headers).items()
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Security-Policy"] != NO_PAGE


def test_a_refused_caller_gets_the_same_headers(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    refused = app.test_client().post(SELECT, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert refused.status_code == 401
    assert EVERYWHERE.items() <= dict(refused.headers).items()


def test_where_tls_is_ours_browsers_are_told_to_stay_with_it(tmp_path: Path) -> None:
    tls = Settings(data_dir=tmp_path, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    assert create_app(tls).test_client().get("/livez").headers["Strict-Transport-Security"] == TWO_YEARS


@pytest.mark.parametrize("address", ["http://intranet.example.org/", "intranet", "https://me:canary@example.org/"])
def test_a_page_to_report_problems_is_an_https_address_without_a_password(address: str) -> None:
    with pytest.raises(SettingsError, match="UPA_CDS_REPORT_PROBLEM_URL") as refused:
        load_settings(environ={"UPA_CDS_REPORT_PROBLEM_URL": address})
    assert "canary" not in json.dumps(refused.value.problems)
