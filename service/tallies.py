"""Calls counted by day, client, hook, outcome and latency, and added to the database every few seconds.

A call only adds one to a number in memory. Numbers that the database does not take are kept for the next time.
"""

import logging
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service import telemetry
from service.own_thread import OwnThread
from service.store import CallKind, FeedbackStore
from service.telemetry import Counts

# Upper ends of the buckets, in milliseconds.
BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
BEYOND = 0
WRITE_SECONDS = 10.0
# Days, clients, hooks, outcomes and buckets are few; this is for a database that is away for weeks.
MOST_KINDS = 20_000
LOST = "calls-not-counted"
OUT_OF_SCOPE, COMPLETE, INCOMPLETE, REFUSED, FAILED = "out-of-scope", "complete", "incomplete", "refused", "failed"
# What became of a call; the last three were not checked.
OUTCOMES = (OUT_OF_SCOPE, COMPLETE, INCOMPLETE, REFUSED, FAILED)


def bucket_of(milliseconds: float) -> int:
    """Name the bucket of a latency by its upper end; BEYOND is past the last one."""
    place = bisect_left(BUCKETS, milliseconds)
    return BUCKETS[place] if place < len(BUCKETS) else BEYOND


@dataclass(slots=True)
class Tallies:
    """Counts the calls of one process; its thread starts with the first call, in the process that counts it."""

    store: Callable[[], FeedbackStore]
    counts: Counts = field(default_factory=Counts)
    every: float = WRITE_SECONDS
    _counted: Counter[CallKind] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: OwnThread = field(init=False)
    _failing: bool = False

    def __post_init__(self) -> None:
        self._thread = OwnThread("tallies", self._run, self.close, forked=self._forked)

    def add(self, at: datetime, client: str, hook: str, outcome: str, milliseconds: float) -> None:
        """Count one call; returns at once, whatever the database does. After the end it is counted as lost."""
        kind = CallKind(at.astimezone(UTC).date(), client, hook, outcome, bucket_of(milliseconds))
        self._thread.begin()
        with self._lock:
            before = self._counted.get(kind, 0)
            if (before or len(self._counted) < MOST_KINDS) and not self._ending.is_set():
                self._counted[kind] = before + 1
                return
        self.counts.add([LOST])

    def write(self) -> bool:
        """Add what was counted to the database, and say whether it took it; else it is kept."""
        with self._lock:
            taken, self._counted = self._counted, Counter()
        if not taken:
            return True
        try:
            self.store().add_calls(taken)
        except Exception as error:
            with self._lock:
                self._counted.update(taken)
            if not self._failing:
                telemetry.write("calls-not-written", level=logging.WARNING, **telemetry.failure(error))
            self._failing = True
            return False
        self._failing = False
        return True

    def close(self) -> None:
        """Write what is left, once; what cannot be written now is lost and counted."""
        if not self._thread.begun or self._ending.is_set():
            return
        self._ending.set()
        if not self.write():
            self.counts.add([LOST] * self._counted.total())
            telemetry.write(LOST, level=logging.WARNING, entries=self._counted.total())

    def _forked(self) -> None:
        # What the parent counted is the parent's to write.
        self._counted, self._lock, self._ending = Counter(), threading.Lock(), threading.Event()

    def _run(self) -> None:
        while not self._ending.wait(self.every):
            self.write()
