"""The verdict of a replay: each gate that it went through or not, and the exit code for continuous integration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from service.replay.burden import Burden
from service.replay.expect import Judged


class Exit(IntEnum):
    """The exit codes of a replay of recordings."""

    SAME = 0
    EXPECTED = 1
    FORBIDDEN = 2
    BURDEN = 3
    LATENCY = 4
    CORPUS = 5
    USAGE = 64


MEANING = {
    Exit.SAME: "nothing changes for clinicians",
    Exit.EXPECTED: "something changes, and all of it is allowed",
    Exit.FORBIDDEN: "a change that is not allowed",
    Exit.BURDEN: "more alerts than the limit",
    Exit.LATENCY: "slower than the limit",
    Exit.CORPUS: "the recording cannot be used",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the new side must not pass: alerts per 100 orders more than the old, and the 95th percentile in ms."""

    burden: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """One question with its answer. `code` is the exit code where it does not hold."""

    name: str
    code: Exit
    holds: bool
    told: str


def gates(judged: Sequence[Judged], burden: Burden, p95: float | None, limits: Limits) -> tuple[Gate, ...]:
    """Ask every gate, the weightiest first."""
    return tuple(_gates(judged, burden, p95, limits))


def _gates(judged: Sequence[Judged], burden: Burden, p95: float | None, limits: Limits) -> Iterator[Gate]:
    refused = sum(item.n for item in judged if item.why)
    said = f"{_count(refused, 'change')} not allowed" if refused else "no change that is not allowed"
    yield Gate("changes", Exit.FORBIDDEN, not refused, said)
    if limits.burden is not None:
        net = burden.net_per_100_orders()
        said = f"{net:+.2f} alerts per 100 orders; the limit is {limits.burden:+g}"
        yield Gate("burden", Exit.BURDEN, net <= limits.burden, said)
    if limits.p95_ms is not None:
        told = "no call was timed" if p95 is None else f"95% of the calls within {p95:.1f} ms"
        said = f"{told}; the limit is {limits.p95_ms:g} ms"
        yield Gate("latency", Exit.LATENCY, p95 is not None and p95 <= limits.p95_ms, said)


def exit_code(found: Sequence[Gate], judged: Sequence[Judged]) -> Exit:
    """Return the code of the first gate that does not hold, else whether anything changed."""
    return next((gate.code for gate in found if not gate.holds), Exit.EXPECTED if judged else Exit.SAME)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
