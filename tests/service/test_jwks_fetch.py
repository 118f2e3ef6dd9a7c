"""Fetching a JWK Set from a peer that misbehaves."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
import requests
import responses

from service.clients.jwks_fetch import MOST_BYTES, fetch_jwks
from service.errors import KeysUnavailable

URL = "https://ehr.example.org/jwks.json"
EVIL = "https://evil.example.org/jwks.json"


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def reason(url: str = URL) -> str:
    with pytest.raises(KeysUnavailable) as caught:
        fetch_jwks(url)
    return caught.value.reason


def test_the_body_is_given_as_it_came(web: responses.RequestsMock) -> None:
    web.get(URL, body=b'{"keys": []}')
    assert fetch_jwks(URL) == b'{"keys": []}'
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
        assert len(fetch_jwks(URL)) == length
    else:
        assert reason() == "too-long"


@pytest.mark.enable_socket
def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ("127.0.0.1", 0)
    with closing(socket.create_server(here)) as proxy, closing(socket.create_server(here)) as peer:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        _answer(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert fetch_jwks(f"http://127.0.0.1:{peer.getsockname()[1]}/jwks") == b"{}"


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"]
)
def test_a_peer_that_stalls_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr("service.clients.jwks_fetch.DEADLINE_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as peer:
        _answer(peer, head, drips=True)
        assert reason(f"http://127.0.0.1:{peer.getsockname()[1]}/jwks") == "timeout"


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
