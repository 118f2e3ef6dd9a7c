"""How the suite calls: a cap, a deadline, no redirects, no credentials of the user but the token."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from requests.adapters import BaseAdapter
from werkzeug.wrappers import Request, Response

from service.conformance.client import LONGEST_ANSWER, Client, base_url
from tests.conformance.reference_service import session_of

URL = "https://reference.example.org/cds-services"


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://cds.example.org/a/cds-services", "https://cds.example.org/a"),
        ("https://cds.example.org/a/cds-services/", "https://cds.example.org/a"),
        ("https://cds.example.org/my-cds-services", "https://cds.example.org/my-cds-services"),
    ],
)
def test_the_address_may_end_with_the_discovery_page(given: str, base: str) -> None:
    assert base_url(given) == base


def test_a_redirect_is_told_and_not_followed(mocked: responses.RequestsMock) -> None:
    mocked.get(URL, status=307, headers={"Location": "https://elsewhere.example.org"})
    given = Client(token=lambda _: "secret").get(URL)
    assert (given.status, given.told) == (307, "HTTP 307, a redirect")
    assert len(mocked.calls) == 1


def test_an_answer_over_the_cap_is_cut_and_not_read(mocked: responses.RequestsMock) -> None:
    mocked.get(URL, body=b"1" * (2 * LONGEST_ANSWER))
    given = Client().get(URL)
    assert given.unreadable == f"longer than {LONGEST_ANSWER} bytes"
    assert given.json is None
    assert len(given.body) < LONGEST_ANSWER * 1.1


class Dripping(BaseAdapter):
    """Answers without an end, a chunk at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        given = requests.Response()
        given.status_code, given.request, given.raw = 200, request, self
        return given

    def read(self, size: int) -> bytes:
        self.chunks += 1
        return b"1" * size

    def close(self) -> None:
        """Nothing is open."""


def test_an_answer_that_drips_in_is_left_at_the_deadline() -> None:
    session, dripping, ticks = requests.Session(), Dripping(), count()
    session.mount("https://", dripping)
    given = Client(session=session, seconds=3, monotonic=lambda: float(next(ticks))).get(URL)
    assert given.unreadable == "not complete within 3 s"
    assert dripping.chunks < 10


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (requests.ConnectTimeout(), "no answer within 10 s"),
        (requests.ReadTimeout(), "no answer within 10 s"),
        (requests.exceptions.SSLError("certificate of the patient's EHR"), "no usable answer (SSLError)"),
        (requests.ConnectionError("refused"), "no usable answer (ConnectionError)"),
    ],
)
def test_no_answer_is_evidence_and_no_error(mocked: responses.RequestsMock, error: Exception, told: str) -> None:
    mocked.get(URL, body=error)
    given = Client().get(URL)
    assert (given.status, given.told) == (None, told)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "an empty body"),
        (b"<p>", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b"[" * 200_000, "nested too deep"),
    ],
)
def test_what_is_no_json_is_said_to_be_none(mocked: responses.RequestsMock, body: bytes, why: str) -> None:
    mocked.get(URL, body=body)
    assert Client().get(URL).unreadable == why


def test_only_the_token_authenticates_and_not_the_netrc_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine reference.example.org login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str | None] = []

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        seen.append(Request(environ).headers.get("Authorization"))
        return Response("{}", mimetype="application/json")(environ, start_response)

    session = session_of(application)
    Client(session=session).get(URL)
    Client(session=session, token=lambda _: "one").get(URL)
    assert seen == [None, "Bearer one"]


def test_a_proxy_of_the_environment_is_not_used_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    session, used = requests.Session(), []

    def remember(*_: Any, **__: Any) -> None:
        used.append(session.trust_env)
        raise requests.ConnectionError

    monkeypatch.setattr(session, "request", remember)
    for url in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", URL):
        Client(session=session).get(url)
    assert used == [False, False, False, True]
