"""Tokens of the sandbox page: for the page on this machine, once, for a minute, and for nobody else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.cases import read_case
from service.errors import SettingsError
from service.sandbox.tokens import CLIENT, FILE, ISSUER
from service.settings import Settings
from tests.databases import own_database
from tests.fakes import SELECT, SIGN
from tests.trust import BASE, bearer, client

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
CASE = read_case("order-select__upadacitinib-beside-current-infliximab")
HERE = "http://127.0.0.1:8000"
PAGE = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
SERVICE = "upadacitinib-combination-select"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own_database(tmp_path)
    return tmp_path


def served(folder: Path, *, later: int = 0, **settings: Any) -> FlaskClient:
    site = Settings.model_validate({"data_dir": folder, "clients": [client()], **settings})
    return create_app(site, clock=lambda: NOW + timedelta(seconds=later)).test_client()


def ask(page: FlaskClient, headers: dict[str, str] = PAGE, **how: Any) -> TestResponse:
    wanted = how.pop("wanted", {"service": SERVICE})
    return page.post("/sandbox/token", json=wanted, headers=headers, base_url=how.pop("base_url", HERE), **how)


def token(page: FlaskClient, **wanted: Any) -> str:
    given: str = ask(page, wanted={"service": SERVICE} | wanted).get_json()["token"]
    return given


def call(page: FlaskClient, given: str, path: str = SELECT) -> int:
    return page.post(path, data=CASE.body, headers=bearer(given)).status_code


def test_with_its_token_the_page_may_call_once(folder: Path) -> None:
    page = served(folder)
    given = token(page)
    assert [call(page, given), call(page, given), call(page, token(page))] == [200, 401, 200]


def test_a_token_is_for_one_address(folder: Path) -> None:
    page = served(folder)
    assert call(page, token(page), SIGN) == 401
    feedback = page.post(
        f"{SELECT}/feedback",
        json={"feedback": [{"card": "6" * 8 + "-aaaa-4aaa-8aaa-" + "6" * 12, "outcome": "accepted",
                            "outcomeTimestamp": "2026-03-16T12:00:00Z", "acceptedSuggestions": []}]},
        headers=bearer(token(page, feedback=True)),
    )  # fmt: skip
    assert feedback.status_code in (200, 400)


def test_a_token_lives_for_a_minute_and_the_leeway(folder: Path) -> None:
    page = served(folder)
    given = token(page)
    claims = jwt.decode(given, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iss"] == ISSUER
    assert claims["aud"] == f"{HERE}/cds-services/{SERVICE}"
    assert call(served(folder, later=130), given) == 401


def test_all_workers_and_the_next_start_know_the_key(folder: Path) -> None:
    given = token(served(folder))
    assert call(served(folder), given) == 200
    assert (folder / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("headers", "how"),
    [
        ({"Origin": "https://evil.example.org", "Sec-Fetch-Site": "cross-site"}, {}),
        ({"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"}, {}),
        ({"Origin": "null"}, {}),
        ({"Origin": "http://["}, {}),
        ({**PAGE, "Host": "[127.0.0.1"}, {}),
        ({"Sec-Fetch-Site": "same-origin"}, {}),
        ({**PAGE, "Sec-Fetch-Site": "same-site"}, {}),
        ({**PAGE, "X-Forwarded-For": "192.0.2.7"}, {}),
        ({**PAGE, "Forwarded": "for=192.0.2.7"}, {}),
        ({**PAGE, "Via": "1.1 proxy"}, {}),
        (PAGE, {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}),
        # A name of somebody else's that leads to this machine.
        ({"Origin": "http://evil.example.org:8000", "Sec-Fetch-Site": "same-origin"}, {"base_url": "http://evil.example.org:8000"}),
    ],
)  # fmt: skip
def test_nobody_but_the_page_on_this_machine_gets_one(folder: Path, headers: dict[str, str], how: Any) -> None:
    answer = ask(served(folder), headers, **how)
    assert answer.status_code == 403
    assert answer.get_json()["issue"][0]["code"] == "forbidden"


@pytest.mark.parametrize(
    ("wanted", "status"), [({"service": "nothing"}, 404), ({}, 400), ({"service": SERVICE, "aud": "x"}, 400), ([], 400)]
)
def test_it_is_for_a_service_that_there_is(folder: Path, wanted: Any, status: int) -> None:
    assert ask(served(folder), wanted=wanted).status_code == status


@pytest.mark.parametrize(
    "settings",
    [
        {"clients": []},
        {"sandbox": "off"},
        {"public_base_url": BASE, "sandbox": "on"},
        {"host": "0.0.0.0", "sandbox": "on"},
    ],
)
def test_elsewhere_there_are_no_tokens_and_no_key_and_old_ones_are_worth_nothing(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> None:
    other = tmp_path_factory.mktemp("other")
    own_database(other)
    assert ask(served(other, **settings)).status_code == 404
    assert not (other / FILE).exists()
    if settings.get("clients") != []:
        given = token(served(folder))
        assert call(served(folder, **settings), given) == 401


def test_the_page_is_a_client_among_the_others_with_the_profile_of_the_site(folder: Path) -> None:
    page = served(folder, profile="epic")
    answer = page.post(SELECT, data=CASE.body, headers=bearer(token(page))).get_json()
    assert {
        action["type"] for card in answer["cards"] for item in card.get("suggestions", ()) for action in item["actions"]
    } == {"delete"}
    assert page.get("/readyz").get_json()["clientsWithKeys"] == 2


def test_another_client_of_its_name_stops_the_start(folder: Path) -> None:
    with pytest.raises(SettingsError, match=f"client {CLIENT}.*Give the client another"):
        served(folder, clients=[client(id=CLIENT)])


def test_a_key_that_is_damaged_stops_the_start_and_says_what_to_do(folder: Path) -> None:
    (folder / FILE).write_bytes(b"short")
    with pytest.raises(SettingsError, match=f"the key {FILE} cannot be made or read.*sandbox = "):
        served(folder)
