"""The six goals, each measured as a ratio within one run wherever it can be one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench import calls, client, inside, strain
from tests.bench.client import http
from tests.bench.model import Cost, Figure, Spread
from tests.bench.rounds import Contestant, Turn, Turns, cost, ratio, take_turns
from tests.bench.servers import PATH, hosted, running, service

FLOOR, READ_ONLY, SPLIT, EVERYTHING = "floor", "read-only", "split", "everything"
OUT, IN = "out of scope", "in scope"
MEMORY_MB, START_SECONDS = 130, 1.5


@dataclass(slots=True)
class Findings:
    """What was measured so far."""

    costs: list[Cost] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def compare(rounds: int) -> Findings:
    """Goals 1, 2 and 6: the two paths beside the floor, and the decision alone."""
    out, ours = calls.out_of_scope(), calls.in_scope()
    contestants = [
        Contestant(FLOOR, hosted("floor"), out, 400),
        Contestant(READ_ONLY, hosted("read-only"), out, 1500),
        Contestant(SPLIT, hosted("split"), out, 1000),
        Contestant(EVERYTHING, hosted("everything"), ours, 40),
        Contestant(OUT, service(), out, 600),
        Contestant(IN, service(), ours, 200),
    ]
    turns = take_turns(contestants, rounds)
    floor = _cpu(turns[FLOOR])
    evaluated = inside.evaluate_times(ours, rounds)
    speed = ratio([item.load.per_second for item in turns[OUT]], [item.load.per_second for item in turns[FLOOR]])
    p99 = Spread.of([item.load.percentile(99) for item in turns[OUT]])
    return Findings(
        [cost(name, items) for name, items in turns.items()],
        [
            Figure(1, "out of scope: CPU / floor", "x", ratio(_cpu(turns[OUT]), floor), 0.6, 0.5),
            Figure(1, "out of scope: answers per second / floor, 8 connections", "x", speed, 1.5, at_least=True),
            Figure(1, "out of scope: p99 at 8 connections", "ms", p99, 20),
            Figure(2, "in scope, 3 of ours: CPU / floor", "x", ratio(_cpu(turns[IN]), floor), 1.6, 1.2),
            Figure(
                2,
                "in scope: CPU / all through fhir.resources",
                "x",
                ratio(_cpu(turns[IN]), _cpu(turns[EVERYTHING])),
                _part(12),
            ),
            Figure(6, "cards.evaluate, 50 resources: CPU / floor", "x", ratio(evaluated, floor), 0.4),
        ],
    )


def growth(rounds: int) -> Findings:
    """Goal 3: what a larger record and a larger catalogue cost."""
    command = service()
    sizes = [
        Contestant(f"{name} x{size}", command, make(orders=30 * size, problems=20 * size), max(4, 100 // size))
        for name, make in ((OUT, calls.out_of_scope), (IN, calls.in_scope))
        for size in (1, 10, 50)
    ]
    many = Contestant("5,000 medications", command, calls.many_medications(), 4)
    turns = take_turns([*sizes, many], max(3, rounds // 3), connections=1)
    figures = [
        Figure(3, f"{name}, record x{size}: CPU / x1", "x", _grown(turns, name, size), size)
        for name in (OUT, IN)
        for size in (10, 50)
    ]
    figures.append(Figure(3, "5,000 medications, 10 of ours: CPU", "ms", Spread.of(_cpu(turns[many.name])), 150))
    for name, body in ((OUT, calls.out_of_scope()), (IN, calls.in_scope())):
        times = inside.catalogue_times(body, rounds)
        figures.append(Figure(3, f"{name}, catalogue x10: CPU / x1", "x", ratio(*times), 1.1))
    return Findings([cost(name, items) for name, items in turns.items()], figures)


def start(rounds: int) -> Findings:
    """Goal 4, first half: seconds from the command to the first answer, and memory of a worker then."""
    started: list[float] = []
    for _ in range(max(3, rounds // 3)):
        with running(service(), calls.in_scope()) as server:
            started.append(server.started)
    return Findings(figures=[Figure(4, "first answer after the start", "s", Spread.of(started), START_SECONDS)])


def memory(_: int) -> Findings:
    """Goal 4, second half: memory of the largest worker over 50,000 mixed requests, and its slope after 10,000."""
    bodies = [calls.out_of_scope()] * 5 + [calls.in_scope(), calls.unreadable(), calls.without_medications()]
    mixed = [http(PATH, body) for body in bodies]
    seen: list[float] = []
    with running(service(), calls.out_of_scope()) as server:
        for _ in range(5):
            client.run(server.port, mixed, connections=8, count=10_000)
            seen.append(server.memory())
    return Findings(
        figures=[
            Figure(4, "largest worker after 50,000 mixed requests", "MB", Spread.of(seen[-1:]), MEMORY_MB),
            Figure(4, "its growth from 10,000 to 50,000", "MB", Spread.of([seen[-1] - seen[0]]), 1.0),
        ]
    )


def under_strain(rounds: int) -> Findings:
    """Goal 5: many connections, stalled ones, and the end."""
    body = calls.out_of_scope()
    with running(service(), body) as server:
        tails = strain.tails(server, body, rounds)
        stalled = strain.beside_stalled(server, body, rounds)
    finished, asked = strain.finished_at_the_end(calls.many_medications(), service())
    return Findings(
        figures=[
            Figure(5, "32 connections: p99 / p50", "x", tails, 10),
            Figure(5, "p95 beside 20 stalled and slow calls / without", "x", stalled, 1.25),
            Figure(
                5,
                f"SIGTERM: calls under way that were answered, of {asked}",
                "",
                Spread.of([finished]),
                asked,
                at_least=True,
            ),
        ]
    )


def _cpu(turns: Sequence[Turn]) -> list[float]:
    return [item.cpu for item in turns]


def _grown(turns: Turns, name: str, size: int) -> Spread:
    return ratio(_cpu(turns[f"{name} x{size}"]), _cpu(turns[f"{name} x1"]))


def _part(of: int) -> float:
    return round(1 / of, 4)


SECTIONS: Mapping[str, Callable[[int], Findings]] = {
    "compare": compare,
    "growth": growth,
    "start": start,
    "memory": memory,
    "strain": under_strain,
}
