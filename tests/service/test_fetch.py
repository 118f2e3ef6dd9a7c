"""Who may be asked, and what is made of an answer, on the wire of requests."""

import traceback
from collections.abc import Iterator, Sequence

import pytest
import requests
import responses

from service.fhir_access.fetch import (
    FhirAccess,
    FhirCall,
    FhirSession,
    NoFhir,
    NoFhirAccess,
    Refusal,
    granted,
)
from service.fhir_access.http import MOST_BYTES, HttpFhir
from service.fhir_access.log import ObservedFhir
from service.fhir_server import FhirServer
from service.wire import FhirOffer

BASE = "https://ehr.example.org/fhir"
SERVER = FhirServer(base=BASE)
CANARY = "canary-token"
URL = "MedicationRequest?patient=p1"
BUNDLE = b'{"resourceType": "Bundle"}'
PUBLIC = "93.184.216.34"


def access(
    server: str | None = BASE,
    token: str | None = CANARY,
    token_type: str | None = "Bearer",
    patient: str | None = None,
    servers: Sequence[FhirServer] = (SERVER,),
    seconds: float = 5.0,
) -> FhirAccess:
    return FhirAccess(FhirOffer(server, token, token_type, patient), "p1", tuple(servers), seconds)


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def opened(offered: FhirAccess | None = None, resolved: Sequence[str] = (PUBLIC,)) -> FhirSession:
    return HttpFhir(resolve=lambda host, port: resolved).open(offered or access())


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (access(server=None), Refusal.NOT_OFFERED),
        (access(servers=()), Refusal.NOT_LISTED),
        (access(server="https://evil.example.org/fhir"), Refusal.NOT_LISTED),
        (access(server=f"{BASE}/x"), Refusal.NOT_LISTED),
        (access(token=None), Refusal.TOKEN_MISSING),
        (access(token="two words"), Refusal.TOKEN_MALFORMED),
        (access(token="line\r\nHost: evil"), Refusal.TOKEN_MALFORMED),
        (access(token="ü"), Refusal.TOKEN_MALFORMED),
        (access(token="x" * 16385), Refusal.TOKEN_MALFORMED),
        (access(token_type="MAC"), Refusal.TOKEN_NOT_BEARER),
        (access(patient="p2"), Refusal.TOKEN_OF_OTHER_PATIENT),
        (access(patient="p2", servers=[FhirServer(base=BASE, open=True)]), Refusal.TOKEN_OF_OTHER_PATIENT),
        (access(patient="p2", token=None, servers=[FhirServer(base=BASE, open=True)]), Refusal.TOKEN_OF_OTHER_PATIENT),
    ],
)
def test_a_server_is_not_read_without_a_right_to_it(offered: FhirAccess, reason: Refusal) -> None:
    with pytest.raises(NoFhirAccess) as caught:
        granted(offered)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "offered",
    [
        access(),
        access(server=f"{BASE}/"),
        access(token_type=None),
        access(token_type="bearer"),
        access(patient="p1"),
        access(patient="Patient/p1"),
        access(token="x" * 16384),
    ],
)
def test_a_listed_server_is_read_with_the_token_of_the_call(offered: FhirAccess) -> None:
    assert granted(offered) == SERVER


def test_an_open_server_is_read_with_a_token_and_without() -> None:
    server = FhirServer(base=BASE, open=True)
    assert granted(access(servers=[server])) == granted(access(token=None, servers=[server])) == server


def test_whoever_reads_nothing_says_so_where_a_server_was_offered() -> None:
    for server, reason in ((BASE, Refusal.NOT_ASKED_FOR), (None, Refusal.NOT_OFFERED)):
        with pytest.raises(NoFhirAccess) as caught:
            NoFhir().open(access(server=server))
        assert caught.value.reason is reason


def test_an_answer_is_given_as_it_came(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/{URL}", body=BUNDLE, content_type="application/fhir+json;charset=utf-8")
    assert opened().get(URL) == FhirCall("GET", URL, 200, BUNDLE)
    sent = web.calls[0].request.headers
    assert sent["Authorization"] == f"Bearer {CANARY}"
    assert sent["Accept"] == "application/fhir+json, application/json;q=0.9, application/json+fhir;q=0.8"
    assert sent["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("url", ["Patient/..", "../admin", "Patient/%2e%2e/x", "x y", "x#y"])
def test_an_address_that_would_leave_the_base_is_not_asked_for(web: responses.RequestsMock, url: str) -> None:
    assert opened().get(url) == FhirCall("GET", url, None, b"", "link-refused")
    assert len(web.calls) == 0


def test_a_page_may_be_a_query_of_the_base_itself(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}?_getpages=a", body=BUNDLE, content_type="application/json")
    assert opened().get("?_getpages=a").body == BUNDLE


def test_an_open_server_gets_no_authorization_where_the_call_has_none(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/{URL}", body=BUNDLE, content_type="application/json")
    opened(access(token=None, servers=[FhirServer(base=BASE, open=True)])).get(URL)
    assert "Authorization" not in web.calls[0].request.headers


@pytest.mark.fault(3)
@pytest.mark.parametrize("status", [201, 202, 204, 206, 400, 401, 403, 404, 410, 429, 500, 502, 503])
def test_any_other_status_than_200_is_told_and_asked_once(web: responses.RequestsMock, status: int) -> None:
    asked = web.get(f"{BASE}/{URL}", status=status, body=b"canary-body", headers={"Retry-After": "0"})
    assert opened().get(URL) == FhirCall("GET", URL, status, b"", "status")
    assert asked.call_count == 1


@pytest.mark.fault(11)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://evil.example.org/fhir", "//evil.example.org/x", f"{BASE}/elsewhere"])
def test_a_redirect_is_never_followed(web: responses.RequestsMock, status: int, target: str) -> None:
    web.get(f"{BASE}/{URL}", status=status, headers={"Location": target})
    assert opened().get(URL) == FhirCall("GET", URL, status, b"", "redirect")
    assert len(web.calls) == 1


@pytest.mark.parametrize("media_type", ["text/html", "application/fhir+xml", "text/plain", "image/png"])
def test_what_is_not_said_to_be_json_is_not_read(web: responses.RequestsMock, media_type: str) -> None:
    web.get(f"{BASE}/{URL}", body=BUNDLE, content_type=media_type)
    assert opened().get(URL) == FhirCall("GET", URL, 200, b"", "not-json")


@pytest.mark.parametrize(
    ("failure", "said", "attempts"),
    [
        (requests.ConnectionError(CANARY), "unreachable", 1),
        (requests.ConnectTimeout(CANARY), "unreachable", 2),
        (requests.exceptions.SSLError(CANARY), "tls", 1),
        (requests.ReadTimeout(CANARY), "timeout", 1),
        (requests.exceptions.ChunkedEncodingError(CANARY), "broken-off", 1),
        (requests.exceptions.ContentDecodingError(CANARY), "unreachable", 1),
        (OSError(CANARY), "unreachable", 1),
    ],
)
def test_a_failure_is_said_in_our_own_words_and_only_a_failed_connection_is_tried_once_more(
    web: responses.RequestsMock, failure: Exception, said: str, attempts: int
) -> None:
    asked = web.get(f"{BASE}/{URL}", body=failure)
    assert opened().get(URL) == FhirCall("GET", URL, None, b"", said)
    assert asked.call_count == attempts


@pytest.mark.parametrize(("length", "taken"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)])
def test_the_length_of_an_answer_is_limited(web: responses.RequestsMock, length: int, taken: bool) -> None:
    web.get(f"{BASE}/{URL}", body=b" " * length, content_type="application/json")
    assert (opened().get(URL).problem is None) is taken


def test_the_length_of_all_answers_is_limited(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/{URL}", body=b" " * (MOST_BYTES // 2), content_type="application/json")
    session = opened()
    assert [session.get(URL).problem for _ in range(3)] == [None, None, "too-long"]


@pytest.mark.fault(13)
@pytest.mark.parametrize("resolved", [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], [PUBLIC, "10.0.0.1"], []])
def test_a_name_that_leads_to_a_private_address_is_not_called(web: responses.RequestsMock, resolved: list[str]) -> None:
    asked = web.get(f"{BASE}/{URL}", body=BUNDLE)
    assert opened(resolved=resolved).get(URL).problem == "address-refused"
    assert asked.call_count == 0


def test_a_name_is_resolved_once_for_all_reads_of_a_call(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/{URL}", body=BUNDLE, content_type="application/json")
    answers = iter([[PUBLIC]])
    session = HttpFhir(resolve=lambda host, port: next(answers)).open(access())
    assert [session.get(URL).problem for _ in range(3)] == [None, None, None]


@pytest.mark.fault(12)
def test_a_name_that_cannot_be_resolved_is_unreachable(web: responses.RequestsMock) -> None:
    def fails(host: str, port: int) -> list[str]:
        raise OSError(CANARY)

    assert HttpFhir(resolve=fails).open(access()).get(URL).problem == "unreachable"


def test_nothing_is_asked_once_the_time_is_over(web: responses.RequestsMock) -> None:
    asked = web.get(f"{BASE}/{URL}", body=BUNDLE)
    now = [0.0]
    session = HttpFhir(resolve=lambda host, port: [PUBLIC], clock=lambda: now[0]).open(access(seconds=1.0))
    now[0] = 1.5
    assert session.get(URL) == FhirCall("GET", URL, None, b"", "timeout")
    assert asked.call_count == 0


@pytest.mark.fault(4)
def test_a_token_is_in_no_repr_and_in_no_traceback(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/{URL}", body=requests.ConnectionError(CANARY))
    offered = access()
    session = opened(offered)
    call = session.get(URL)
    session.close()
    assert CANARY not in repr((offered, offered.offer, session, call, vars(session)))
    with pytest.raises(NoFhirAccess) as caught:
        granted(access(token=f"{CANARY} {CANARY}"))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_an_observer_counts_from_the_first_read_to_the_end(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/{URL}", body=BUNDLE, content_type="application/json")
    times = iter([10.0, 10.25])
    seen = ObservedFhir(HttpFhir(resolve=lambda host, port: [PUBLIC]), lambda: next(times))
    assert seen.said() == {}
    session = seen.open(access())
    assert session.get(URL).body == BUNDLE
    session.close()
    assert seen.said() == {"fhir_ms": 250.0}
