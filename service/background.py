"""Work that an answer must not wait for: a bounded queue, one thread, what is lost is counted, flushed at the exit."""

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from service.own_thread import OwnThread

Item = TypeVar("Item")

FULL = "queue-full"
FAILED = "failed"
UNFINISHED = "unfinished"
FLUSH_SECONDS = 5.0


class Background(Generic[Item]):
    """Hands items to `work` in a thread of this process, in the order in which they were given.

    The queue holds items up to a sum of weights (`capacity`). What does not fit, what `work` raises on, and what is
    left when the process ends is lost, and `lost` is told why and how many. The thread is started by the first item, in
    the process that gives it, so an object made before a fork works in each worker. `close` is called when a worker
    ends, also by SIGTERM; `closed` then, once everything is done.
    """

    def __init__(
        self,
        work: Callable[[Item], object],
        *,
        capacity: int,
        lost: Callable[[str, int], object],
        closed: Callable[[], object] = lambda: None,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._work, self._capacity, self._lost, self._closed = work, capacity, lost, closed
        self._flush_seconds = flush_seconds
        self._items: deque[tuple[Item, int]] = deque()
        self._weight = 0
        self._busy = False
        self._expected = 0
        self._ending = False
        self._changed = threading.Condition()
        self._thread = OwnThread("background", self._run, self.close, forked=self._forked)

    def expect(self) -> None:
        """Announce an item, so that an exit before it is given waits for it, within the time for the flush."""
        with self._changed:
            self._expected += 1
            self._thread.begin()

    def give(self, item: Item, weight: int = 1, *, expected: bool = False) -> bool:
        """Queue an item and say whether it found room. Never waits for the work, never raises for it."""
        with self._changed:
            self._expected -= expected
            fits = self._weight + weight <= self._capacity and not self._ending
            if fits:
                self._items.append((item, weight))
                self._weight += weight
                self._thread.begin()
            self._changed.notify_all()
        if not fits:
            self._lost(FULL, 1)
        return fits

    def flush(self, seconds: float) -> bool:
        """Wait until everything that was given is done, for so long at most; say whether it is."""
        end = monotonic() + seconds
        with self._changed:
            while self._under_way() and (left := end - monotonic()) > 0:
                self._changed.wait(left)
            return not self._under_way()

    def close(self) -> None:
        """Finish what is queued within the time for it, count what is left, and take no more."""
        if self._ending:
            return
        done = self.flush(self._flush_seconds)
        with self._changed:
            self._ending = True
            left = self._under_way()
            self._items.clear()
            self._changed.notify_all()
        if left:
            self._lost(UNFINISHED, left)
        if done:
            self._closed()

    def _under_way(self) -> int:
        return len(self._items) + self._busy + self._expected

    def _forked(self) -> None:
        self._items = deque()
        self._weight, self._busy, self._expected, self._ending = 0, False, 0, False
        self._changed = threading.Condition()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._items:
                    if self._ending:
                        return
                    self._changed.wait()
                item, weight = self._items.popleft()
                self._busy = True
            try:
                self._work(item)
            except Exception:
                # It is counted, and the next one is tried.
                self._lost(FAILED, 1)
            with self._changed:
                self._busy = False
                self._weight -= weight
                self._changed.notify_all()
