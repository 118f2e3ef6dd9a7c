"""How many calls a worker has under way: beyond that a call is refused at once, since to be late helps nobody.

A clinician waits at the screen for each call. Where more arrive than can be answered, those that are let in are
answered in time, and the others hear so while there is still time to ask again.
"""

import threading
from contextlib import AbstractContextManager

from service.errors import Overloaded


class InFlight:
    """Lets at most `most` calls in. A call that is let in is never turned away later: its token is used by then."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = self._shed = 0
        self._lock = threading.Lock()
        # Each call asks for both, and neither knows which call has it.
        self._place, self._wait = _Place(self), _Wait(self)

    def seen(self) -> dict[str, int]:
        """Give how many calls are let in at once, how many are under way, and how many were refused so far."""
        with self._lock:
            return {"atOnce": self._most, "underWay": self._under_way, "shed": self._shed}

    def under_way(self) -> tuple[int, int]:
        """Give how many calls are under way, and the most there may be."""
        return self._under_way, self._most

    def call(self) -> AbstractContextManager[None]:
        """Hold a place for the length of a call. Raises Overloaded where there is none."""
        return self._place

    def waiting_for_caller(self) -> AbstractContextManager[None]:
        """Give the place up while the caller's own bytes are on the way: who stalls keeps nobody out."""
        return self._wait

    def take(self) -> None:
        """Take a place. Raises Overloaded where there is none."""
        with self._lock:
            if self._under_way >= self._most:
                self._shed += 1
                raise Overloaded
            self._under_way += 1

    def add(self, calls: int) -> None:
        """Count a place taken again, 1, or given up, -1."""
        with self._lock:
            self._under_way += calls


class _Place(AbstractContextManager[None]):
    def __init__(self, places: InFlight) -> None:
        self._places = places

    def __enter__(self) -> None:
        self._places.take()

    def __exit__(self, *_: object) -> None:
        self._places.add(-1)


class _Wait(AbstractContextManager[None]):
    def __init__(self, places: InFlight) -> None:
        self._places = places

    def __enter__(self) -> None:
        self._places.add(-1)

    def __exit__(self, *_: object) -> None:
        self._places.add(1)
