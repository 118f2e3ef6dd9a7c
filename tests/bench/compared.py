"""The WSGI servers to choose from, under the same application: cost, tails, stalled clients, and the end."""

from dataclasses import dataclass

from tests.bench import calls, strain
from tests.bench.host import SERVERS
from tests.bench.model import Cost, Spread
from tests.bench.rounds import Contestant, all_running, cost, turn
from tests.bench.servers import hosted


@dataclass(frozen=True, slots=True)
class ServerFinding:
    """What one WSGI server showed.

    `stalled` is the p95 beside 20 stalled and slow calls over that without, `tail` p99 / p50 at 32 connections,
    `finished` how many of `asked` calls under way at SIGTERM were answered.
    """

    cost: Cost
    tail: Spread
    stalled: Spread
    finished: int
    asked: int


def compare_servers(rounds: int) -> list[ServerFinding]:
    """Let the servers take turns with the out-of-scope call, and try each on its own with the rest."""
    body, long = calls.out_of_scope(), calls.many_medications()
    contestants = [Contestant(name, hosted("ours", name), body, 400) for name in SERVERS]
    with all_running(contestants) as servers:
        for one in contestants:
            turn(servers[one.name], one, 8)
        turns = {one.name: [turn(servers[one.name], one, 8)] for one in contestants}
        for _ in range(rounds - 1):
            for one in contestants:
                turns[one.name].append(turn(servers[one.name], one, 8))
        tails = {name: strain.tails(server, body, 3) for name, server in servers.items()}
        stalled = {name: strain.beside_stalled(server, body, 3) for name, server in servers.items()}
    findings = []
    for one in contestants:
        finished, asked = strain.finished_at_the_end(long, one.command)
        findings.append(
            ServerFinding(cost(one.name, turns[one.name]), tails[one.name], stalled[one.name], finished, asked)
        )
    return findings
