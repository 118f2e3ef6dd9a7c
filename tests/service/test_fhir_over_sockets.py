"""Reads from a server that misbehaves, over real sockets of this machine.

No test measures time: a server that never ends would do so for FOR_EVER, and whoever waited for it would be seen.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from time import monotonic
from typing import Any

import pytest
from cryptography import x509

from service.answer import Answer, Engine, answer, build_engine
from service.discovery import SERVICES
from service.fhir_access.fetch import FhirAccess, FhirSession
from service.fhir_access.http import HttpFhir
from service.fhir_server import FhirServer
from service.settings import Settings
from service.wire import FhirOffer
from tests import builders as make
from tests import fake_fhir
from tests.fake_fhir import FOR_EVER, FakeFhirServer, Script, reply
from tests.service.test_tls import write_certificate

pytestmark = pytest.mark.enable_socket

ON = date(2026, 3, 16)
SIGN = next(item for item in SERVICES if item.hook == "order-sign")
URL = "MedicationRequest?patient=patient-1&_count=200"
CANARY = "canary-token-7d1f"
CHART = [make.patient(), make.condition("c1", "crohn"), make.medication_request("o1", "infliximab")]
QUERIES = sorted(
    [
        "AllergyIntolerance?patient=patient-1&_count=200",
        "Condition?patient=patient-1&_count=200",
        "MedicationAdministration?patient=patient-1&_count=200",
        "MedicationDispense?patient=patient-1&_count=200",
        URL,
        "MedicationStatement?patient=patient-1&_count=200",
        "Patient/patient-1",
    ]
)
Start = Callable[..., FakeFhirServer]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as running:
        yield lambda *args, **named: running.enter_context(FakeFhirServer(*args, **named))


@pytest.fixture(autouse=True)
def nobody_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A busy machine may take its time to shake hands.
    monkeypatch.setattr("service.fhir_access.http.CONNECT_SECONDS", 5.0)
    began = monotonic()
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith(("guarded-get", "fhir-read"))]
    for thread in left:
        thread.join(FOR_EVER / 3)
    assert not any(thread.is_alive() for thread in left)
    assert monotonic() - began < FOR_EVER / 2


def session(base: str, *, seconds: float = 5.0, resolve: Any = None, **options: Any) -> FhirSession:
    server = FhirServer(base=base, **{"private": True, **options})
    access = FhirAccess(FhirOffer(base, CANARY, "Bearer"), "patient-1", (server,), seconds)
    return (HttpFhir(resolve=resolve) if resolve else HttpFhir()).open(access)


def problem(base: str, url: str = URL, **options: Any) -> str | None:
    opened = session(base, **options)
    try:
        return opened.get(url).problem
    finally:
        opened.close()


def answers(chart: list[Any]) -> dict[str, Script]:
    """Script a server that has a chart."""
    held = make.prefetch(chart)
    targets = {key: f"{kind}?patient=patient-1&_count=200" for key, kind in make._KEYS.items()}
    targets["patient"] = "Patient/patient-1"
    return {target: reply(held[key]) for key, target in targets.items()}


def called(base: str, engine_settings: Mapping[str, Any] | None = None, **changed: Any) -> Answer:
    """Answer a call that brings nothing but its draft and this server."""
    request = make.order_sign([make.draft("d1", "upadacitinib")])
    del request["prefetch"]
    request |= {
        "fhirServer": base,
        "fhirAuthorization": {"access_token": CANARY, "token_type": "Bearer", "expires_in": 300},
        **changed,
    }
    settings = {"fhir_seconds": 4.0, "fhir_servers": [{"base": base, "private": True}], **(engine_settings or {})}
    return answer(json.dumps(request).encode(), SIGN, engine=_engine(settings), on=ON)


def _engine(settings: Mapping[str, Any]) -> Engine:
    return build_engine(Settings.model_validate(settings))


def summary(given: Answer) -> list[tuple[str, str]]:
    return [(card["indicator"], card["source"]["topic"]["code"]) for card in json.loads(given.body)["cards"]]


NOT_COMPLETED = [("warning", "UPADACITINIBCHECKINCOMPLETE")]


@pytest.mark.fault(14)
def test_what_is_read_gives_the_same_bytes_as_what_is_sent(start: Start) -> None:
    server = start(answers(CHART))
    sent = make.order_sign([make.draft("d1", "upadacitinib")], CHART)
    by_prefetch = answer(json.dumps(sent).encode(), SIGN, engine=_engine({}), on=ON)
    by_reading = called(server.base)
    assert by_reading.body == by_prefetch.body
    assert (by_reading.outcome, by_reading.rules) == ("complete", by_prefetch.rules)
    assert server.targets == QUERIES
    assert {item.headers["authorization"] for item in server.seen} == {f"Bearer {CANARY}"}
    assert {item.headers["host"] for item in server.seen} == {f"127.0.0.1:{server.port}"}


@pytest.mark.fault(1, 2, 3, 4, 8)
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (fake_fhir.silent, "timeout"),
        (fake_fhir.DRIPPING_HEAD, "timeout"),
        (fake_fhir.DRIPPING_BODY, "timeout"),
        (fake_fhir.reset, "broken-off"),
        (lambda connection, _: connection.close(), "unreachable"),
        (fake_fhir.endless, "too-long"),
        (fake_fhir.gzipped(b" " * 50_000_000), "too-long"),
        (reply(b" " * 50_000_000), "too-long"),
        (reply(b"<html>busy</html>", media_type="text/html"), "not-json"),
        *((reply({}, status), "status") for status in (400, 401, 403, 404, 429, 500, 502, 503)),
    ],
)
def test_a_peer_that_misbehaves_is_left_by_the_deadline_with_a_word(start: Start, script: Script, said: str) -> None:
    server = start({URL: script})
    # Time matters only where the peer would take all of it.
    assert problem(server.base, seconds=1.0 if said == "timeout" else 20.0) == said
    assert len(server.seen) == 1


@pytest.mark.fault(1, 2, 3, 4, 5, 6, 7)
@pytest.mark.parametrize(
    "script",
    [
        fake_fhir.silent,
        fake_fhir.DRIPPING_HEAD,
        fake_fhir.DRIPPING_BODY,
        fake_fhir.reset,
        reply({}, 503, Retry_After="0"),
        reply({}, 401),
        reply({}, 404),
        reply(b"<html>", media_type="text/html"),
        reply(b"<html>"),
        reply(b'{"resourceType": "Bundle", "entry": ['),
        reply(b'{"resourceType": "Bundle", "resourceType": "Bundle"}'),
        reply(b"null"),
        reply(b""),
        reply(b"\xff\xfe{}"),
        reply({"resourceType": "OperationOutcome", "issue": []}),
        reply({"resourceType": "MedicationRequest", "id": "o1"}),
        reply([]),
    ],
)
def test_a_server_that_answers_nothing_of_use_gives_a_card_and_never_silence(start: Start, script: Script) -> None:
    server = start(dict.fromkeys(QUERIES, script))
    given = called(server.base, {"fhir_seconds": 1.0})
    assert (given.outcome, summary(given)) == ("incomplete", NOT_COMPLETED)
    assert server.targets == QUERIES
    assert CANARY.encode() not in given.body
    assert CANARY not in repr(given)


@pytest.mark.fault(8)
def test_one_query_that_fails_leaves_the_others_and_is_said(start: Start) -> None:
    server = start(answers(CHART) | {"MedicationDispense?patient=patient-1&_count=200": fake_fhir.silent})
    given = called(server.base, {"fhir_seconds": 2.0})
    assert given.rules == ("upadacitinib-biologic",)
    assert "Part of the record could not be read" in json.loads(given.body)["cards"][0]["detail"]


def test_a_compressed_answer_that_nobody_asked_for_is_read_all_the_same(start: Start) -> None:
    server = start({URL: fake_fhir.gzipped(json.dumps(make.bundle()).encode())})
    assert problem(server.base) is None


@pytest.mark.fault(11)
def test_a_redirect_is_not_followed_and_the_other_server_sees_nothing(start: Start) -> None:
    evil = start()
    server = start({URL: reply({}, 302, Location=f"{evil.base}/{URL}")})
    assert problem(server.base) == "redirect"
    assert evil.seen == []


@pytest.mark.fault(10)
@pytest.mark.parametrize("where", ["{evil}/MedicationRequest", "//127.0.0.1:{port}/fhir/x", "{base}:{port}/x"])
def test_a_next_link_elsewhere_is_not_followed_and_the_other_server_sees_nothing(start: Start, where: str) -> None:
    evil = start()
    script: dict[str, Script] = {}
    server = start(script)
    link = where.format(evil=evil.base, port=evil.port, base=server.base.rpartition(":")[0])
    script |= answers(CHART) | {URL: reply(make.bundle() | {"link": [{"relation": "next", "url": link}]})}
    given = called(server.base)
    assert summary(given) == NOT_COMPLETED
    assert [read.problem for read in given.trace.fhir.reads if read.problem] == ["link-refused"]
    assert evil.seen == []
    assert server.targets == QUERIES


@pytest.mark.fault(10, 19)
def test_pages_are_read_to_the_last_one(start: Start) -> None:
    script: dict[str, Script] = {}
    server = start(script)
    first = make.bundle() | {"link": [{"relation": "next", "url": f"{server.base}?page=2"}]}
    second = make.bundle() | {"link": [{"relation": "next", "url": "MedicationRequest?page=3"}]}
    script |= {URL: reply(first), "?page=2": reply(second), "MedicationRequest?page=3": reply(make.bundle(CHART[2]))}
    given = called(server.base)
    assert given.rules == ("upadacitinib-biologic",)
    assert [call.url for call in given.fhir_calls if "MedicationR" in call.url or "page" in call.url] == [
        URL,
        "?page=2",
        "MedicationRequest?page=3",
    ]


@pytest.mark.fault(12)
def test_a_connection_that_is_refused_is_tried_twice_at_most() -> None:
    with FakeFhirServer() as gone:
        base = gone.base
    given = called(base)
    assert summary(given) == NOT_COMPLETED
    assert {call.problem for call in given.fhir_calls} == {"unreachable"}


@pytest.mark.fault(12)
def test_a_certificate_of_an_unknown_authority_is_refused_and_a_known_one_is_taken(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = write_certificate(tmp_path_factory.mktemp("here"))
    server = start(certificate=files)
    assert problem(server.base) == "tls"
    assert server.seen == []
    assert problem(server.base, ca_file=files[0]) is None
    assert len(server.seen) == 1


def test_a_name_is_connected_by_its_checked_address_and_proves_itself_by_its_name(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = write_certificate(tmp_path_factory.mktemp("name"), x509.DNSName("fhir.example.org"))
    server = start(certificate=files)
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    base = f"https://fhir.example.org:{server.port}/fhir"
    assert problem(base, resolve=resolve, ca_file=files[0]) is None
    assert asked == [("fhir.example.org", server.port)]
    assert server.seen[0].headers["host"] == f"fhir.example.org:{server.port}"
    other = f"https://other.example.org:{server.port}/fhir"
    assert problem(other, resolve=lambda host, port: ["127.0.0.1"], ca_file=files[0]) == "tls"


@pytest.mark.fault(13)
def test_a_name_that_leads_here_is_refused_where_the_site_has_not_allowed_it(start: Start) -> None:
    server = start()
    base = f"https://fhir.example.org:{server.port}/fhir"
    assert problem(base, resolve=lambda host, port: ["127.0.0.1"], private=False) == "address-refused"
    assert server.seen == []


def test_the_next_address_of_a_name_is_tried_where_the_first_cannot_be_connected(start: Start) -> None:
    server = start()
    base = f"http://localhost:{server.port}/fhir"
    assert problem(base, resolve=lambda host, port: ["::1", "127.0.0.1"]) is None


@pytest.mark.fault(12)
def test_a_name_server_that_is_silent_is_left_by_the_deadline() -> None:
    released = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        released.wait(FOR_EVER)
        return ["127.0.0.1"]

    assert problem("https://fhir.example.org/fhir", resolve=resolve, seconds=0.2) == "timeout"
    released.set()


def test_a_proxy_of_the_environment_is_not_used(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = start(), start()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert problem(server.base) is None
    assert proxy.seen == []


def test_a_cookie_of_the_server_is_not_sent_back(start: Start) -> None:
    server = start({URL: reply(Set_Cookie="canary=1; Path=/")})
    opened = session(server.base)
    for _ in range(2):
        assert opened.get(URL).problem is None
    opened.close()
    assert all("cookie" not in item.headers for item in server.seen)


def test_an_order_that_is_none_of_ours_reads_nothing(start: Start) -> None:
    server = start()
    given = called(
        server.base,
        context={"patientId": "patient-1", "draftOrders": make.bundle(make.draft("d1", "amoxicillin 500 mg capsule"))},
    )
    assert given.outcome == "out-of-scope"
    assert server.seen == []


def test_a_server_that_is_not_listed_sees_nothing(start: Start) -> None:
    listed, server = start(), start()
    with pytest.raises(Exception, match="fhir-server-not-listed"):
        called(server.base, {"fhir_servers": [{"base": listed.base, "private": True}]})
    assert server.seen == listed.seen == []
