"""How many calls a worker has under way: beyond that a call is refused at once, since to be late helps nobody.

A clinician waits at the screen for each call. Where more arrive than can be answered, those that are let in are
answered in time, and the others hear so while there is still time to ask again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import Overloaded


class InFlight:
    """Lets at most `most` calls in. A call that is let in is never turned away later: its token is used by then."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = self._shed = 0
        self._lock = threading.Lock()

    def seen(self) -> dict[str, int]:
        """Give how many calls are let in at once, how many are under way, and how many were refused so far."""
        with self._lock:
            return {"atOnce": self._most, "underWay": self._under_way, "shed": self._shed}

    def under_way(self) -> tuple[int, int]:
        """Give how many calls are under way, and the most there may be."""
        return self._under_way, self._most

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold a place for the length of a call. Raises Overloaded where there is none."""
        with self._lock:
            if self._under_way >= self._most:
                self._shed += 1
                raise Overloaded
            self._under_way += 1
        try:
            yield
        finally:
            self._add(-1)

    @contextmanager
    def waiting_for_caller(self) -> Iterator[None]:
        """Give the place up while the caller's own bytes are on the way: who stalls keeps nobody out."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def _add(self, calls: int) -> None:
        with self._lock:
            self._under_way += calls
