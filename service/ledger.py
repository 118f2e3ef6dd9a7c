"""Issued cards on their way into the database: a bounded queue, and one thread that writes.

A call only puts its cards into the queue, and never waits. What finds no place there, or cannot be written before the
process ends, is counted: a lost record costs a statistic, a late card could cost more.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, Full, Queue
from time import monotonic

from service import telemetry
from service.errors import StoreUnavailable
from service.issued import Issued
from service.own_thread import OwnThread
from service.pseudonyms import Pseudonyms
from service.store import FeedbackStore, IssuedCard
from service.telemetry import Counts

LONGEST_QUEUE = 2000
LARGEST_BATCH = 100
# A transaction costs as much as the cards of five calls. So long a call's cards wait for those of the next.
GATHERING_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Less than the server grants a worker that is to stop.
FLUSH_SECONDS = 5.0
SWEEP_SECONDS = 600.0
WAITING = timedelta(hours=24)
LOST, UNMATCHED = "cards-not-recorded", "feedback-without-card-dropped"


@dataclass(frozen=True, slots=True)
class IssuedCall:
    """The cards of one answer; `patient` and `user` are as the call had them, and go no further than the queue."""

    client: str
    service: str
    hook: str
    at: datetime
    knowledge_version: str
    knowledge_sha256: str
    cards: tuple[Issued, ...]
    patient: str = field(repr=False)
    user: str | None = field(repr=False)


@dataclass(slots=True)
class Ledger:
    """Writes issued cards behind the back of the calls; one per process, whose thread starts with the first cards."""

    store: Callable[[], FeedbackStore]
    pseudonyms: Pseudonyms
    clock: Callable[[], datetime]
    counts: Counts = field(default_factory=Counts)
    longest_queue: int = LONGEST_QUEUE
    gathering: float = GATHERING_SECONDS
    failing: bool = False
    _queue: Queue[IssuedCall | None] = field(init=False)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: OwnThread = field(init=False)
    _unwritten: int = 0

    def __post_init__(self) -> None:
        self._queue = Queue(self.longest_queue)
        self._thread = OwnThread("ledger", self._run, self.close, forked=self._forked)

    def put(self, call: IssuedCall) -> None:
        """Take the cards of an answer; returns at once, whatever the database does."""
        self.start()
        if self._ending.is_set() or not self._placed(call):
            self._lose(len(call.cards))

    def start(self) -> None:
        """Start the thread of this process, if it does not run yet."""
        self._thread.begin()

    def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Write what is in the queue, for as long as that; then count what is left. Nothing is taken afterwards."""
        if not self._thread.begun or self._ending.is_set():
            return
        self._ending.set()
        # Wakes the thread where it waits; where the queue is full it does not.
        with suppress(Full):
            self._queue.put_nowait(None)
        if not self._thread.join(seconds):
            self._lose(self._unwritten + sum(len(call.cards) for call in self._left()))
        if lost := self.counts.seen().get(LOST):
            telemetry.write(LOST, level=logging.WARNING, entries=lost)

    @property
    def waiting(self) -> int:
        """Return how many answers are in the queue."""
        return self._queue.qsize()

    def _forked(self) -> None:
        # What the parent has queued is the parent's to write.
        self._queue, self._ending, self._unwritten = Queue(self.longest_queue), threading.Event(), 0

    def _placed(self, call: IssuedCall) -> bool:
        try:
            self._queue.put_nowait(call)
        except Full:
            return False
        return True

    def _lose(self, cards: int) -> None:
        self.counts.add([LOST] * cards)

    def _left(self) -> Iterator[IssuedCall]:
        while True:
            try:
                call = self._queue.get_nowait()
            except Empty:
                return
            if call is not None:
                yield call

    def _run(self) -> None:
        swept: float | None = None
        while not (self._ending.is_set() and self._queue.empty()):
            if calls := list(self._next()):
                self._write(calls)
            if not self._ending.is_set() and (swept is None or monotonic() - swept > SWEEP_SECONDS):
                self._sweep()
                swept = monotonic()

    def _next(self) -> Iterator[IssuedCall]:
        """Wait for the cards of one answer and for those of the moment after it; give none if nothing comes."""
        try:
            for number in range(LARGEST_BATCH):
                if call := self._queue.get(block=number == 0, timeout=SWEEP_SECONDS):
                    yield call
                if number == 0 and self.waiting < LARGEST_BATCH - 1:
                    # Ends at once where the process does.
                    self._ending.wait(self.gathering)
        except Empty:
            return

    def _write(self, calls: list[IssuedCall]) -> None:
        """Write until it is done: meanwhile the queue fills, and what finds no place is counted."""
        self._unwritten, pause = sum(len(call.cards) for call in calls), FIRST_PAUSE
        while not self._written(calls):
            if self._ending.wait(pause):
                if not self._written(calls):
                    self._lose(self._unwritten)
                break
            pause = min(2 * pause, LONGEST_PAUSE)
        self._unwritten = 0

    def _written(self, calls: list[IssuedCall]) -> bool:
        try:
            self.store().add_cards([row for call in calls for row in rows(call, self.pseudonyms)])
        except Exception as error:
            self._failed(error)
            return False
        self.failing = False
        return True

    def _failed(self, error: Exception) -> None:
        if not self.failing:
            # Once, and not once a try: the state is at /readyz.
            telemetry.write("feedback-database-unusable", level=logging.ERROR, **telemetry.failure(_cause(error)))
        self.failing = True

    def _sweep(self) -> None:
        """Drop the feedback whose card did not come within a day."""
        try:
            dropped = self.store().drop_unmatched(self.clock() - WAITING)
        except Exception as error:
            self._failed(error)
            return
        self.failing = False
        if dropped:
            self.counts.add([UNMATCHED] * dropped)
            telemetry.write(UNMATCHED, level=logging.WARNING, entries=dropped)


def rows(call: IssuedCall, pseudonyms: Pseudonyms) -> Iterator[IssuedCard]:
    """Yield what is kept of the cards of an answer. Raises OSError without a key for the pseudonyms."""
    for card in call.cards:
        yield IssuedCard(
            client=call.client,
            card=card.uuid,
            rule=card.rule,
            indicator=card.indicator,
            hook=call.hook,
            service=call.service,
            shown=card.shown,
            knowledge_version=call.knowledge_version,
            knowledge_sha256=call.knowledge_sha256,
            patient=pseudonyms.patient(call.client, call.patient),
            user=pseudonyms.user(call.client, call.user) if call.user else None,
            issued_at=call.at,
            ingredients=card.ingredients,
            suggestions=card.suggestions,
        )


def _cause(error: Exception) -> BaseException:
    return (error.__cause__ or error) if isinstance(error, StoreUnavailable) else error
