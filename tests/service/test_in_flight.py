"""More calls than can be answered in time: the rest is told so at once, and nothing else suffers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.errors import Overloaded
from service.in_flight import InFlight
from tests.fakes import SELECT, Shell, until
from tests.trust import BASE, NOW, bearer, client, token


@dataclass
class Slow(Shell):
    """An engine that answers when it is let go."""

    let_go: threading.Event = field(default_factory=threading.Event)

    def answer(self, *args: Any, **named: Any) -> Any:
        given = super().answer(*args, **named)
        self.let_go.wait(60)
        return given


@pytest.fixture
def slow(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow(shell.settings, now=NOW)
    monkeypatch.setattr("service.hooks.answer", made.answer)
    return made


@contextmanager
def one_under_way(slow: Slow, served: FlaskClient, **named: Any) -> Iterator[list[int]]:
    """Have one call held up in the engine; the list gets its status in the end."""
    answered: list[int] = []
    work = threading.Thread(target=lambda: answered.append(served.post(SELECT, json={}, **named).status_code))
    work.start()
    until(lambda: len(slow.asked) == 1)
    try:
        yield answered
    finally:
        slow.let_go.set()
        work.join()


@pytest.mark.fault(29)
@pytest.mark.parametrize("path", [SELECT, f"{SELECT}/feedback"])
def test_one_call_too_many_is_a_503_at_once_and_the_next_is_answered_again(slow: Slow, path: str) -> None:
    served = slow.client(max_calls_at_once=1)
    with one_under_way(slow, served) as answered:
        refused = served.post(path, json={})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.get_json()["resourceType"] == "OperationOutcome"
        assert len(slow.asked) == 1
    assert answered == [200]
    assert served.post(SELECT, json={}).status_code == 200


def test_health_discovery_and_preflights_are_never_shed_and_readiness_counts_what_was(slow: Slow) -> None:
    served = slow.client(max_calls_at_once=1)
    with one_under_way(slow, served):
        for _ in range(3):
            served.post(SELECT, json={})
        assert [served.get(path).status_code for path in ("/livez", "/readyz", "/cds-services")] == [200] * 3
        assert served.options(SELECT).status_code == 204
        assert served.get("/readyz").get_json()["calls"] == {"atOnce": 1, "underWay": 1, "shed": 3}
    assert served.get("/readyz").get_json()["calls"] == {"atOnce": 1, "underWay": 0, "shed": 3}


def test_a_call_that_is_shed_keeps_its_token_for_the_next_try(slow: Slow) -> None:
    served = slow.client(max_calls_at_once=1, public_base_url=BASE, clients=[client()])
    again = bearer(token())
    with one_under_way(slow, served, headers=bearer(token())):
        assert served.post(SELECT, json={}, headers=again).status_code == 503
    assert served.post(SELECT, json={}, headers=again).status_code == 200


@pytest.mark.parametrize("change", [{}, {"fails": RuntimeError("canary")}])
def test_a_place_is_free_again_however_the_call_ends(slow: Slow, change: dict[str, Any]) -> None:
    slow.let_go.set()
    slow.fails = change.get("fails")
    served = slow.client(max_calls_at_once=1)
    statuses = [served.post(SELECT, json={}).status_code for _ in range(5)]
    statuses += [served.post(SELECT, data=b"x", content_type="text/plain").status_code for _ in range(5)]
    assert 503 not in statuses
    assert served.get("/readyz").get_json()["calls"]["underWay"] == 0


@pytest.mark.fault(28)
def test_who_is_slow_to_send_takes_no_place_and_is_not_turned_away_afterwards() -> None:
    places = InFlight(1)
    with places.call():
        with places.waiting_for_caller(), places.call():
            pass
        with pytest.raises(Overloaded), places.call():
            pass
    assert places.seen() == {"atOnce": 1, "underWay": 0, "shed": 1}
