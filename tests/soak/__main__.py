"""Soak the service: `python -m tests.soak [--seconds N] [--workers N] [--callers N] [--seed N]`; exit code 1 failed."""

import argparse
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import sleep

from service.answer import build_engine
from service.settings import Settings
from service.store import FILE, Place
from service.store.tables import FEEDBACK, ISSUED
from tests.databases import store_at
from tests.fuzz.generated import CANARY
from tests.soak.fhir import servers
from tests.soak.load import Caller, Seen, Stalling, samples
from tests.soak.server import Server, serving

# A third of the time, but no more than the minutes after which nothing is new to a worker.
WARM_UP = 300.0
# What the resident memory of a worker may grow from then on, however long it takes. What a heap keeps of the largest
# bodies goes up and down by half of this; a request of some kilobytes that stayed would be above it within a minute.
GROWTH = 32 * 1024**2
MEGABYTE = 1024**2


@dataclass(frozen=True)
class Memory:
    """Resident memory of the largest worker over time, in seconds and bytes."""

    samples: tuple[tuple[float, int], ...]

    @property
    def settled(self) -> tuple[tuple[float, int], ...]:
        """Leave the time out in which caches fill."""
        warm = min(self.samples[-1][0] / 3, WARM_UP)
        return tuple(sample for sample in self.samples if sample[0] >= warm)

    @property
    def growth(self) -> float:
        """Give the growth after warm-up in bytes: the least of the last third against the least of the first.

        What a heap keeps of large bodies for a while comes on top, at random; what stays is in the least, too.
        """
        sizes = [size for _, size in self.settled]
        part = max(len(sizes) // 3, 1)
        return min(sizes[-part:]) - min(sizes[:part])


def main() -> int:
    """Run a soak and report it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upa-cds-soak-") as folder, servers() as bases:
        with serving(Path(folder), bases, given.workers) as server:
            seen, memory, code = _soaked(server, bases, given)
        found = [*_faults(server, seen, memory, code)]
        lines = [*_report(server, seen, memory), *(f"WRONG: {fault}" for fault in found)]
    print("\n".join([*lines, "FAILED" if found else "passed"]))  # noqa: T201
    return bool(found)


def _soaked(server: Server, bases: dict[str, str], given: argparse.Namespace) -> tuple[Seen, Memory, int]:
    """Call for so many seconds, then end the server while the calls go on; gives its exit code too."""
    offered = [{"base": base, "private": True} for base in bases.values()]
    engine = build_engine(Settings.model_validate({"fhir_servers": offered}))
    seen, over, stopping = Seen(), threading.Event(), threading.Event()
    callers = [
        Caller(given.seed * 1000 + number, server.port, bases, engine, seen, over, stopping)
        for number in range(given.callers)
    ]
    stalling = [Stalling(server.port, over) for _ in range(2)]
    sizes: list[tuple[float, int]] = []
    for thread in (*callers, *stalling):
        thread.start()
    for second in samples(over, 1.0):
        sizes.append((second, server.memory()))
        if second >= given.seconds or not any(caller.is_alive() for caller in callers):
            break
    if server.replaced():
        seen.fault("a worker ended and was replaced")
    stopping.set()
    # What was sent until now has arrived, and has to be answered.
    sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    sleep(0.5)
    over.set()
    code = server.process.wait(timeout=60)
    for thread in (*callers, *stalling):
        thread.join(timeout=90)
    return seen, Memory(tuple(sizes)), code


def _faults(server: Server, seen: Seen, memory: Memory, code: int) -> Iterator[str]:
    yield from seen.wrong
    if code != 0:
        yield f"the server ended with exit code {code}"
    if memory.growth > GROWTH:
        yield f"a worker grew by {memory.growth / MEGABYTE:.1f} MB after warm-up, more than {GROWTH / MEGABYTE:.0f} MB"
    yield from lost(server.data / FILE, seen)
    yield from _log(server)
    if not (seen.judged and seen.cards and seen.kinds["read from FHIR"]):
        yield "too little was sent to prove anything"


def lost(database: Path, seen: Seen) -> Iterator[str]:
    """Compare what was answered and what was told with what is in the database."""
    with store_at(Place(database)) as store, store.engine.connect() as connection:
        issued = {row[0] for row in connection.execute(ISSUED.select().with_only_columns(ISSUED.c.card))}
        columns = (FEEDBACK.c.card, FEEDBACK.c.outcome_at)
        told = [(row[0], row[1]) for row in connection.execute(FEEDBACK.select().with_only_columns(*columns))]
    if lost := seen.cards - issued:
        yield f"{len(lost)} of {len(seen.cards)} cards are not in the database"
    if missing := seen.judged - set(told):
        yield f"{len(missing)} of {len(seen.judged)} entries of feedback are not in the database, though answered 200"
    if len(told) != len(set(told)):
        yield f"{len(told) - len(set(told))} entries of feedback are in the database twice"
    if unknown := set(told) - seen.unsure:
        yield f"{len(unknown)} entries of feedback in the database were never sent"


def _log(server: Server) -> Iterator[str]:
    text = server.log.read_text(encoding="utf-8")
    if CANARY in text.lower():
        yield "the log repeats what was sent"
    for line in server.lines():
        if line.get("outcome") == "failed" or line.get("event") == "cards-not-recorded":
            yield f"the log says {line}"


def _report(server: Server, seen: Seen, memory: Memory) -> Iterator[str]:
    times = quantiles(seen.seconds, n=100)
    first, last = memory.settled[0][1], memory.settled[-1][1]
    per_hour = memory.growth / max(memory.settled[-1][0] - memory.settled[0][0], 1) * 3600
    yield f"{memory.samples[-1][0]:.0f} s, {len(server.workers)} workers, {seen.answers} answers"
    yield "  " + ", ".join(f"{kind} {count}" for kind, count in sorted(seen.kinds.items()))
    yield "  " + ", ".join(f"HTTP {status}: {count}" for status, count in sorted(seen.statuses.items()))
    yield f"wrong answers {len(seen.wrong)}, reads that came too late {seen.late}, shed {seen.shed}"
    yield f"cards {len(seen.cards)}, entries of feedback {len(seen.judged)}; calls refused at the end {seen.refused}"
    yield f"p50 {times[49] * 1000:.1f} ms, p99 {times[98] * 1000:.0f} ms, longest {max(seen.seconds) * 1000:.0f} ms"
    timeline = [size for _, size in memory.samples[:: max(len(memory.samples) // 10, 1)]]
    yield "largest worker over time: " + ", ".join(f"{size / MEGABYTE:.0f}" for size in timeline) + " MB"
    yield (
        f"largest worker {first / MEGABYTE:.1f} MB after warm-up, {last / MEGABYTE:.1f} MB at the end, "
        f"growth {memory.growth / MEGABYTE:.2f} MB ({per_hour / MEGABYTE:.1f} MB an hour)"
    )


if __name__ == "__main__":
    sys.exit(main())
