"""Which tokens were used already, for several machines behind one address: one table of the site's PostgreSQL.

As in the store of one machine the unique key decides, only hashes are kept, and a store that cannot be used is a 503.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from os import getpid

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from service.clients.jti import digest
from service.errors import ReplayStoreUnavailable
from service.store import Place
from service.store.engine import open_engine
from service.store.tables import USED

# What has expired is of no use to anybody; each process clears some of it away from time to time.
CLEAR_SECONDS = 60
CLEARED_AT_ONCE = 10_000


@dataclass(slots=True)
class SharedReplayStore:
    """The store of all machines of a site. Safe between threads and processes, also between those that fork."""

    place: Place
    _engine: Engine | None = None
    _process: int = 0
    _clear_after: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def first_use(self, client: str, jti: str, *, expires: float, now: float) -> bool:
        """Remember a token; see ReplayStore."""
        new = insert(USED).values(token=digest(client, jti), expires=int(expires) + 1)
        try:
            with self._opened().begin() as connection:
                added = connection.execute(new.on_conflict_do_nothing().returning(USED.c.token)).first()
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable() from error
        if self._is_time(now):
            # What is not cleared away now will be later.
            with suppress(SQLAlchemyError, OSError):
                self._clear(int(now))
        return added is not None

    def check(self) -> None:
        """Take a token of nobody and give it back."""
        try:
            with self._opened().connect() as connection:
                connection.execute(insert(USED).values(token=b"", expires=0).on_conflict_do_nothing())
                connection.rollback()
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable() from error

    def close(self) -> None:
        """Close the connections of this process; those of another are left to it."""
        if self._engine is not None:
            self._engine.dispose(close=self._process == getpid())
            self._engine = None

    def __del__(self) -> None:
        self.close()

    def _opened(self) -> Engine:
        with self._lock:
            # A connection must not cross a fork: each process opens its own.
            if self._engine is None or self._process != getpid():
                self._engine, self._process = open_engine(self.place), getpid()
            return self._engine

    def _is_time(self, now: float) -> bool:
        with self._lock:
            if now < self._clear_after:
                return False
            self._clear_after = now + CLEAR_SECONDS
            return True

    def _clear(self, now: int) -> None:
        """Delete expired tokens that no other process is deleting."""
        old = select(USED.c.token).where(USED.c.expires < now).limit(CLEARED_AT_ONCE).with_for_update(skip_locked=True)
        with self._opened().begin() as connection:
            connection.execute(delete(USED).where(USED.c.token.in_(old)))


def _unavailable() -> ReplayStoreUnavailable:
    return ReplayStoreUnavailable(
        "The store of used tokens cannot be used. Ask the operator to look at the PostgreSQL of database_url, "
        "and whether upa-cds db upgrade was run."
    )
