"""Where the database of a site is, and one store of it per process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from os import getpid
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from service.errors import SettingsError
from service.settings import Settings
from service.store.model import FeedbackStore

FILE = "feedback.sqlite3"
PATIENT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Place:
    """The file of the site's own SQLite, or the URL of its PostgreSQL, which may hold a password."""

    file: Path
    url: SecretStr | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Name the database that the settings choose. Raises SettingsError if its driver is not installed."""
        if settings.database_url is not None and find_spec("psycopg") is None:
            raise SettingsError(
                "database_url: PostgreSQL needs psycopg, which is not installed. "
                "Install it with pip install 'upadacitinib-cds[postgresql]'."
            )
        return cls(settings.data_dir / FILE, settings.database_url)

    @property
    def is_own(self) -> bool:
        """Tell whether the database is a file of the service, which it may migrate by itself."""
        return self.url is None

    def __str__(self) -> str:
        """Name it for a reader, without user and password."""
        return f"SQLite {self.file}" if self.url is None else "PostgreSQL (database_url)"


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
