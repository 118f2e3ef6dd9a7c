"""One store of a site per process, or for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import getpid

from service.store.model import FeedbackStore
from service.store.place import Place

PATIENT_SECONDS = 600


@dataclass(slots=True)
class Opener:
    """Gives the store of this process, opened at its first use: a connection must not cross a fork."""

    place: Place
    _store: FeedbackStore | None = None
    _process: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> FeedbackStore:
        """Return the store; nothing is asked of the database yet."""
        with self._lock:
            if self._store is None or self._process != getpid():
                # Some 0.2 s and 12 MB that a process without a store need not spend.
                from service.store.sql import SqlStore

                self._store, self._process = SqlStore.at(self.place), getpid()
            return self._store


@contextmanager
def opened(place: Place, *, patient: bool = False) -> Iterator[FeedbackStore]:
    """Give the store of a place for as long as the block; a `patient` one is for commands that read or delete much."""
    from service.store.sql import SqlStore

    store = SqlStore.at(place, PATIENT_SECONDS) if patient else SqlStore.at(place)
    try:
        yield store
    finally:
        store.close()
