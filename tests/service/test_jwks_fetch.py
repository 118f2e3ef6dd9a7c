"""Fetching a JWK Set from a peer that misbehaves."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from cryptography import x509

from service.addresses import Resolve, resolve
from service.clients.jwks_fetch import MOST_BYTES, fetch_jwks, key_address
from service.errors import KeysUnavailable
from service.trust import Trust
from tests.fake_fhir import FakeFhirServer, reply
from tests.service.test_tls import write_certificate

URL = "https://ehr.example.org/jwks.json"
EVIL = "https://evil.example.org/jwks.json"
PUBLIC = "93.184.215.14"


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def fetched(url: str = URL, resolve: Resolve = lambda host, port: [PUBLIC], **options: Any) -> bytes:
    address = key_address(Trust.model_validate({"issuers": ["a"], "jwks_url": url, **options}))
    assert address is not None
    return fetch_jwks(address, resolve)


def here(peer: socket.socket) -> str:
    return f"http://127.0.0.1:{peer.getsockname()[1]}/jwks"


def reason(*arguments: Any, **options: Any) -> str:
    with pytest.raises(KeysUnavailable) as caught:
        fetched(*arguments, **options)
    return caught.value.reason


def test_the_body_is_given_as_it_came(web: responses.RequestsMock) -> None:
    web.get(URL, body=b'{"keys": []}')
    assert fetched() == b'{"keys": []}'
    sent = web.calls[0].request.headers
    assert sent["Accept-Encoding"] == "identity"
    assert "Authorization" not in sent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(web: responses.RequestsMock, status: int) -> None:
    web.get(URL, status=status, headers={"Location": EVIL})
    evil = web.get(EVIL, body=b"{}")
    assert reason() == "redirect"
    assert evil.call_count == 0


@pytest.mark.parametrize("status", [204, 401, 404, 500, 503])
def test_any_other_status_than_200_is_no_key_set(web: responses.RequestsMock, status: int) -> None:
    web.get(URL, status=status)
    assert reason() == f"status {status}"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (requests.ConnectionError("canary"), "unreachable"),
        (requests.exceptions.SSLError("canary"), "tls"),
        (requests.ReadTimeout("canary"), "timeout"),
        (requests.exceptions.ContentDecodingError("canary"), "unreachable"),
    ],
)
def test_a_failure_is_said_in_our_own_words(web: responses.RequestsMock, failure: Exception, said: str) -> None:
    web.get(URL, body=failure)
    assert reason() == said


@pytest.mark.parametrize(("length", "taken"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)])
def test_the_length_is_limited(web: responses.RequestsMock, length: int, taken: bool) -> None:
    web.get(URL, body=b" " * length)
    if taken:
        assert len(fetched()) == length
    else:
        assert reason() == "too-long"


@pytest.mark.fault(13)
@pytest.mark.parametrize("leads_to", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_a_name_that_leads_inside_is_not_called_unless_the_site_says_so(
    web: responses.RequestsMock, leads_to: str
) -> None:
    asked = web.get(URL, body=b"{}")
    assert reason(URL, lambda host, port: [PUBLIC, leads_to]) == "address-refused"
    assert asked.call_count == 0
    if leads_to.startswith("169"):
        assert reason(URL, lambda host, port: [leads_to], jwks_private=True) == "address-refused"
    else:
        assert fetched(URL, lambda host, port: [leads_to], jwks_private=True) == b"{}"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "10.0.0.1"])
def test_whoever_writes_an_address_has_said_where_it_leads(host: str) -> None:
    address = key_address(Trust(issuers=("a",), jwks_url=f"https://{host}:8443/jwks?a=b"))
    assert address is not None
    assert (address.private, address.port, address.host) == (True, 8443, host.strip("[]"))


@pytest.mark.enable_socket
def test_a_name_is_connected_by_its_checked_address_and_proves_itself_by_its_name(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, x509.DNSName("ehr.example.org"))
    with FakeFhirServer({"jwks?all=1": reply({"keys": []}, media_type="application/json")}, files) as server:
        url = f"https://ehr.example.org:{server.port}/jwks?all=1"
        inside = {"jwks_private": True, "jwks_ca_file": files[0]}
        assert json.loads(fetched(url, lambda host, port: ["127.0.0.1"], **inside)) == {"keys": []}
        assert reason(url, lambda host, port: ["127.0.0.1"], jwks_private=True) == "tls"
        assert [item.headers["host"] for item in server.seen] == [f"ehr.example.org:{server.port}"]


def test_a_name_that_is_not_known_is_unreachable() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise OSError("canary")

    assert reason(URL, fails) == "unreachable"


@pytest.mark.enable_socket
def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    free = ("127.0.0.1", 0)
    with closing(socket.create_server(free)) as proxy, closing(socket.create_server(free)) as peer:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        _answer(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert fetched(here(peer), resolve) == b"{}"


@pytest.mark.fault(24)
@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"]
)
def test_a_peer_that_stalls_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr("service.clients.jwks_fetch.DEADLINE_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as peer:
        _answer(peer, head, drips=True)
        assert reason(here(peer), resolve) == "timeout"


def _answer(peer: socket.socket, answer: bytes, *, drips: bool = False) -> None:
    """Answer one connection from a thread; one that drips sends a byte at a time and does not end."""

    def serve() -> None:
        with suppress(OSError):
            connection, _ = peer.accept()
            with closing(connection):
                connection.recv(65536)
                connection.sendall(answer)
                stop = threading.Event()
                while drips and not stop.wait(0.05):
                    connection.sendall(b"x")

    threading.Thread(target=serve, daemon=True).start()
