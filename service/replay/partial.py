"""What a part of a replay adds up to: counts, distinct keys and changes, which merge in any order to the same whole."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from service.replay.compare import Change

OLD, NEW = "old", "new"
SIDES = (OLD, NEW)
# Buckets of the latency curve: each is 5% wider than the one before, the first ends at 10 microseconds.
_FIRST_MS, _GROWTH = 0.01, 1.05

Count: TypeAlias = tuple[str, ...]
"""What is counted, from the general to the particular: ("cards", side, indicator, topic, hook)."""


@dataclass(frozen=True, slots=True)
class Found:
    """One change with the call that it was found in; `cards` are the cards of both sides, as JSON."""

    change: Change
    exchange: str
    file: str
    line: int
    hook: str
    day: str
    cards: tuple[str, str] = ("[]", "[]")


@dataclass(slots=True)
class Partial:
    """The sums of some calls. `distinct` are hashed keys by kind, `shown` how often a pair was shown to whom, where."""

    calls: int = 0
    counts: Counter[Count] = field(default_factory=Counter)
    distinct: dict[Count, set[bytes]] = field(default_factory=dict)
    shown: Counter[tuple[str, bytes, str]] = field(default_factory=Counter)
    latency: Counter[tuple[str, int]] = field(default_factory=Counter)
    changes: list[Found] = field(default_factory=list)

    def note(self, kind: Count, keys: Iterable[bytes]) -> None:
        """Add keys of a kind."""
        self.distinct.setdefault(kind, set()).update(keys)

    def time(self, side: str, ms: float | None) -> None:
        """Add how long a side took over one call."""
        if ms is not None:
            self.latency[side, bucket(ms)] += 1


def key(*parts: str) -> bytes:
    """Return a short hash: equal for equal parts, and no identifier of anybody."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).digest()


def bucket(ms: float) -> int:
    """Return the number of the bucket of a latency."""
    return 0 if ms <= _FIRST_MS else math.ceil(math.log(ms / _FIRST_MS, _GROWTH))


def bucket_end(number: int) -> float:
    """Return the upper end of a bucket, in milliseconds."""
    return _FIRST_MS * _GROWTH**number
