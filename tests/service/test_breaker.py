"""A FHIR server that is down is left alone, said so, and asked again after a while."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.fhir_access.breaker import FAILURES, PAUSE_SECONDS, Breaker
from service.fhir_access.fetch import FhirAccess, NoFhirAccess
from service.fhir_access.remaining import Remaining
from service.fhir_server import FhirServer
from service.settings import Settings
from service.wire import FhirOffer
from tests import builders as make
from tests.fakes import SELECT, FakeFhir

LogLines = Callable[[], list[dict[str, Any]]]
OTHER = "https://other.example.org/fhir"
URL, SECOND = "Patient/patient-1", "Condition?patient=patient-1"
PAUSED = "server-paused"


@dataclass
class Ward:
    """One server behind a breaker, on a clock of its own."""

    fhir: FakeFhir = field(default_factory=FakeFhir)
    now: float = 100.0

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.fhir, lambda: self.now)

    def gives(self, *answers: Any) -> None:
        self.fhir.answers = dict(zip((URL, SECOND), answers, strict=False))

    def call(self, *urls: str, base: str = make.SERVER) -> list[str | None]:
        session = self.breaker.open(access(base))
        try:
            return [session.get(url).problem for url in urls or (URL,)]
        finally:
            session.close()

    def calls(self, number: int, *urls: str) -> None:
        for _ in range(number):
            assert PAUSED not in self.call(*urls)


def access(base: str) -> FhirAccess:
    servers = tuple(FhirServer(base=one) for one in (make.SERVER, OTHER))
    return FhirAccess(FhirOffer(base, "token", "Bearer"), "patient-1", servers, 1.0)


BODY: dict[str, Any] = make.order_select([make.draft("d1", "upadacitinib")]) | {
    "prefetch": {"patient": make.patient()},
    "fhirServer": make.SERVER,
    "fhirAuthorization": {"access_token": "canary-1c5e", "token_type": "Bearer"},
}


def served(site: Settings, fhir: FakeFhir) -> FlaskClient:
    settings = Settings.model_validate(site.model_dump() | {"fhir_servers": [make.SERVER]})
    return create_app(settings, clock=lambda: datetime(2026, 3, 16, tzinfo=UTC), fhir=fhir).test_client()


@pytest.fixture
def ward() -> Ward:
    return Ward()


@pytest.mark.fault(1, 3)
@pytest.mark.parametrize("answer", ["timeout", "unreachable", "broken-off", "tls", 500, 502, 503, 429])
def test_after_five_calls_without_an_answer_the_next_is_told_at_once(ward: Ward, answer: Any) -> None:
    ward.gives(answer)
    ward.calls(FAILURES)
    asked = len(ward.fhir.asked)
    assert ward.call(URL, SECOND) == [PAUSED, PAUSED]
    assert len(ward.fhir.asked) == asked
    assert ward.fhir.closed == len(ward.fhir.opened)


@pytest.mark.parametrize("answer", [401, 403, 404, "too-long", "not-json", "redirect", make.bundle()])
def test_a_server_that_says_anything_at_all_is_not_paused(ward: Ward, answer: Any) -> None:
    ward.gives(answer)
    ward.calls(3 * FAILURES)


@pytest.mark.parametrize("answer", ["address-refused", "link-refused"])
def test_what_was_never_asked_says_nothing_of_the_server(ward: Ward, answer: str) -> None:
    ward.gives(answer)
    ward.calls(3 * FAILURES)
    ward.gives("timeout")
    ward.calls(FAILURES)
    assert ward.call() == [PAUSED]


def test_one_query_that_fails_beside_one_that_is_answered_pauses_nothing(ward: Ward) -> None:
    ward.gives("timeout", make.bundle())
    ward.calls(3 * FAILURES, URL, SECOND)


def test_failures_count_only_in_a_row(ward: Ward) -> None:
    for _ in range(3):
        ward.gives("timeout")
        ward.calls(FAILURES - 1)
        ward.gives(make.patient())
        ward.calls(1)


def test_one_call_asks_after_the_pause_and_the_others_wait_for_what_it_finds(ward: Ward) -> None:
    ward.gives("timeout")
    ward.calls(FAILURES)
    ward.now += PAUSE_SECONDS - 1
    assert ward.call() == [PAUSED]
    ward.now += 1
    probe = ward.breaker.open(access(make.SERVER))
    assert ward.call() == [PAUSED]
    ward.gives(make.patient())
    assert probe.get(URL).problem is None
    probe.close()
    ward.calls(2)


def test_a_probe_that_fails_begins_the_pause_again(ward: Ward) -> None:
    ward.gives("timeout")
    ward.calls(FAILURES)
    for _ in range(3):
        ward.now += PAUSE_SECONDS
        assert ward.call() == ["timeout"]
        assert ward.call() == [PAUSED]


def test_a_probe_that_asks_nothing_leaves_its_place_to_the_next_call(ward: Ward) -> None:
    ward.gives("timeout")
    ward.calls(FAILURES)
    ward.now += PAUSE_SECONDS
    ward.breaker.open(access(make.SERVER)).close()
    assert ward.call() == ["timeout"]


def test_a_probe_that_never_comes_back_holds_the_server_up_for_one_pause(ward: Ward) -> None:
    ward.gives("timeout")
    ward.calls(FAILURES)
    ward.now += PAUSE_SECONDS
    ward.breaker.open(access(make.SERVER))
    ward.now += PAUSE_SECONDS
    assert ward.call() == ["timeout"]


def test_calls_that_began_before_the_pause_do_not_prolong_it(ward: Ward) -> None:
    ward.gives("timeout")
    late = [ward.breaker.open(access(make.SERVER)) for _ in range(FAILURES)]
    ward.calls(FAILURES)
    ward.now += PAUSE_SECONDS - 1
    for session in late:
        session.get(URL)
        session.close()
    ward.now += 1
    assert ward.call() == ["timeout"]


def test_each_base_has_a_pause_of_its_own(ward: Ward) -> None:
    ward.gives("timeout")
    ward.calls(FAILURES)
    assert ward.call(base=f"{make.SERVER}/") == [PAUSED]
    assert ward.call(base=OTHER) == ["timeout"]
    assert ward.breaker.paused == 1


def test_a_call_without_a_right_to_the_server_is_refused_as_ever(ward: Ward) -> None:
    with pytest.raises(NoFhirAccess):
        ward.breaker.open(access("https://evil.example.org/fhir"))


def test_a_call_that_has_no_time_left_says_nothing_of_the_server(ward: Ward) -> None:
    ward.gives("timeout")
    for _ in range(3 * FAILURES):
        session = Remaining(ward.breaker, waited=5.0).open(access(make.SERVER))
        assert session.get(URL).problem == "timeout"
        session.close()
    assert ward.fhir.opened[-1].seconds == 0


@pytest.mark.parametrize(("waited", "left"), [(0.0, 1.2), (0.5, 0.7), (3.0, 0.0)])
def test_what_a_call_waited_for_its_keys_is_not_left_for_its_reads(
    site: Settings, monkeypatch: pytest.MonkeyPatch, waited: float, left: float
) -> None:
    times = iter((10.0, 10.0 + waited))
    monkeypatch.setattr("service.hooks.monotonic", lambda: next(times))
    fhir = FakeFhir()
    served(site, fhir).post(SELECT, json=BODY)
    assert [round(item.seconds, 6) for item in fhir.opened] == [left]


@pytest.mark.fault(1)
def test_a_pause_is_a_card_at_once_and_told_in_log_and_readiness(site: Settings, log_lines: LogLines) -> None:
    fhir = FakeFhir(dict.fromkeys((f"{kind}?patient=patient-1&_count=200" for kind in make._KEYS.values()), 503))
    client = served(site, fhir)
    given = [client.post(SELECT, json=BODY) for _ in range(FAILURES + 1)]
    assert len(fhir.opened) == FAILURES + 1
    assert len({response.data for response in given}) == 1
    assert "not completed" in given[-1].get_json()["cards"][0]["summary"]
    assert len(fhir.asked) == FAILURES * (len(fhir.asked) // FAILURES)
    line = [line for line in log_lines() if line["event"] == "call"][-1]
    assert line["fhir_problems"] == [PAUSED]
    (told,) = (line for line in log_lines() if line["event"] == "fhir-server-paused")
    assert (told["level"], told["server"]) == ("warning", make.SERVER)
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["fhirServersPaused"]) == (200, 1)
    assert ready.get_json()["deviations"][PAUSED] >= 1
    assert "canary" not in json.dumps(log_lines())
