"""How many deaths of workers the service outlives."""

import pytest
from granian import Granian

from service.commands.respawning import MOST_DEATHS, WITHIN_SECONDS, Respawns
from service.commands.serve import granian_server
from service.settings import Settings

# What the loop of the server asks of each worker that died.
AGAIN_SECONDS = 5.5


class Ticks:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _is_the_end(respawns: Respawns, ticks: Ticks) -> bool:
    return bool(ticks() - respawns.get(0, 0) <= AGAIN_SECONDS)


def test_deaths_that_follow_each_other_at_once_end_the_service_only_when_there_are_many() -> None:
    ticks = Ticks()
    respawns = Respawns(ticks)
    ends = []
    for worker in range(MOST_DEATHS + 1):
        ends.append(_is_the_end(respawns, ticks))
        # As the server does where it goes on.
        respawns.clear()
        respawns[worker] = ticks()
    assert ends == [False] * MOST_DEATHS + [True]


def test_deaths_that_are_far_apart_never_end_the_service() -> None:
    ticks = Ticks()
    respawns = Respawns(ticks)
    for _ in range(5 * MOST_DEATHS):
        assert not _is_the_end(respawns, ticks)
        ticks.now += WITHIN_SECONDS / (MOST_DEATHS - 1)


def test_the_server_has_the_table_that_the_loop_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # It would configure the log of this process.
    monkeypatch.setattr("granian.server.common.configure_logging", lambda *_: None)
    ours = granian_server(Settings())
    assert isinstance(ours.respawned_wrks, Respawns)
    assert type(Granian("service").respawned_wrks) is dict
