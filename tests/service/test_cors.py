import pytest

from tests.fakes import SELECT, Shell

EHR = "https://ehr.example.org"
CLIENTS = [{"id": "ehr", "origins": [EHR]}]
PREFLIGHTED = ["/cds-services", "/cds-services/", SELECT, "/cds-services/unknown", f"{SELECT}/feedback"]


def test_on_loopback_without_clients_any_page_may_call(shell: Shell) -> None:
    response = shell.client().post(SELECT, json={}, headers={"Origin": "http://sandbox.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "http://sandbox.example"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_with_clients_only_listed_pages_may_call(shell: Shell) -> None:
    client = shell.client(clients=CLIENTS)
    allowed = client.get("/cds-services", headers={"Origin": EHR})
    other = client.get("/cds-services", headers={"Origin": "https://evil.example"})
    assert allowed.headers["Access-Control-Allow-Origin"] == EHR
    assert "Access-Control-Allow-Origin" not in other.headers


def test_beyond_loopback_without_clients_no_page_may_call(shell: Shell) -> None:
    response = shell.client(host="0.0.0.0").get("/cds-services", headers={"Origin": EHR})
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("path", PREFLIGHTED)
def test_a_preflight_is_answered_for_every_page_that_can_be_called(shell: Shell, path: str) -> None:
    headers = {"Origin": EHR, "Access-Control-Request-Method": "POST"}
    response = shell.client(clients=CLIENTS).options(path, headers=headers)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == EHR
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]
    assert int(response.headers["Access-Control-Max-Age"]) > 0
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize(("path", "status"), [("/cds-services/unknown", 404), (SELECT, 415), ("/nowhere", 404)])
def test_an_error_answer_carries_the_headers_too(shell: Shell, path: str, status: int) -> None:
    response = shell.client().post(path, data="x", content_type="text/plain", headers={"Origin": EHR})
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == EHR


@pytest.mark.parametrize("origin", [None, EHR, "https://evil.example"])
def test_caches_are_told_that_the_answer_depends_on_the_origin(shell: Shell, origin: str | None) -> None:
    response = shell.client(clients=CLIENTS).get("/cds-services", headers={"Origin": origin} if origin else {})
    assert response.headers["Vary"] == "Origin"
