"""Contestants that take turns: every round asks each of them, so that a noisy moment of the machine hits all alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.bench import client
from tests.bench.client import Load, http
from tests.bench.model import Cost, Spread
from tests.bench.servers import PATH, Server, running

OK = frozenset({"200"})


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server and what it is asked: `count` requests of one body in a round."""

    name: str
    command: Sequence[str]
    body: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One contestant in one round; `cpu` is the CPU of the server in ms per request."""

    cpu: float
    load: Load


Turns = Mapping[str, Sequence[Turn]]


def take_turns(contestants: Sequence[Contestant], rounds: int, *, connections: int = 8) -> Turns:
    """Start the servers, warm them up, and let them take turns. A refused call ends the run: it would look fast."""
    with all_running(contestants) as servers:
        for one in contestants:
            turn(servers[one.name], one, connections)
        turns: dict[str, list[Turn]] = {one.name: [] for one in contestants}
        for number in range(rounds):
            # The order turns too: whoever comes after a heavy neighbour finds colder caches.
            start = number % len(contestants)
            for one in [*contestants[start:], *contestants[:start]]:
                turns[one.name].append(turn(servers[one.name], one, connections))
    return turns


@contextmanager
def all_running(contestants: Sequence[Contestant]) -> Iterator[Mapping[str, Server]]:
    """Run a server for each; those with the same command share one."""
    with ExitStack() as stack:
        by_command: dict[tuple[str, ...], Server] = {}
        for one in contestants:
            key = tuple(one.command)
            if key not in by_command:
                by_command[key] = stack.enter_context(running(one.command, one.body))
        yield {one.name: by_command[tuple(one.command)] for one in contestants}


def turn(server: Server, one: Contestant, connections: int) -> Turn:
    """Ask one contestant once."""
    before = server.cpu()
    load = client.run(server.port, [http(PATH, one.body)], connections=connections, count=one.count)
    used = server.cpu() - before
    if load.statuses.keys() - OK:
        raise SystemExit(f"{one.name} answered {dict(load.statuses)}: nothing can be compared.")
    return Turn(used / one.count * 1000, load)


def cost(name: str, turns: Sequence[Turn]) -> Cost:
    """Put the turns of one contestant together."""

    def spread(read: Callable[[Turn], float]) -> Spread:
        return Spread.of([read(item) for item in turns])

    return Cost(
        name,
        cpu=spread(lambda item: item.cpu),
        per_second=spread(lambda item: item.load.per_second),
        p50=spread(lambda item: item.load.percentile(50)),
        p95=spread(lambda item: item.load.percentile(95)),
        p99=spread(lambda item: item.load.percentile(99)),
        client=spread(lambda item: item.load.client),
    )


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Divide round by round."""
    return Spread.of([a / b for a, b in zip(over, under, strict=True)])
