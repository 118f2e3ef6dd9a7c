"""Which tokens were used already: one SQLite file that all workers of a machine share.

A token is good for one call. The unique key decides, so that of two workers with the same token one loses. Kept is the
hash of (client, jti) until the token would have expired anyway; never the token. A store that cannot be used answers
503: to go on without it would accept replays. So does one whose file was removed or replaced while the service runs,
until it is started again: a new file would know none of the tokens that are still good.
"""

import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from os import getpid
from pathlib import Path
from secrets import randbelow
from typing import Protocol

from service.errors import ReplayStoreUnavailable
from service.self_closing import SelfClosing

FILE = "used-tokens.sqlite3"
BUSY_SECONDS = 1.0
# 64 MiB of 4 KiB pages hold some 500,000 tokens that have not expired. A full store refuses and never forgets.
MOST_PAGES = 16 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS used (token BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_expires ON used (expires);
"""


class ReplayStore(Protocol):
    """Remembers tokens."""

    def first_use(self, client: str, jti: str, *, expires: float, now: float) -> bool:
        """Remember a token until `expires` (seconds of the epoch); tell whether it was new.

        Raises ReplayStoreUnavailable if that cannot be told.
        """

    def check(self) -> None:
        """Raise ReplayStoreUnavailable if tokens cannot be remembered now."""


def digest(client: str, jti: str) -> bytes:
    """Give what is kept of a token, 32 bytes; what is of the client cannot pass for what is of the token."""
    return sha256(f"{len(client)}:{client}{jti}".encode()).digest()


@dataclass(slots=True)
class SqliteReplayStore:
    """The store of one machine. Safe between threads and processes, also between those that fork."""

    path: Path
    most_pages: int = MOST_PAGES
    _connection: sqlite3.Connection | None = None
    _process: int = 0
    _inode: int = 0
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def first_use(self, client: str, jti: str, *, expires: float, now: float) -> bool:
        """Remember a token; see ReplayStore."""
        with self._lock:
            try:
                return _remember(self._opened(), digest(client, jti), int(expires) + 1, int(now))
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise _unavailable() from error

    def check(self) -> None:
        """Take and give back the right to write, on a connection that does not outlive the question."""
        try:
            with closing(self._open()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM used WHERE expires < 0")
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise _unavailable() from error

    def __del__(self) -> None:
        self._close()

    def _opened(self) -> sqlite3.Connection:
        # A connection must not cross a fork: each process opens its own.
        if self._connection is None or self._process != getpid():
            self._connection, self._process = self._open(), getpid()
        elif _inode(self.path) != self._inode:
            # What is written to a file that was removed is known to nobody else.
            self._close()
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        """Open the file; raises OSError where it is another one than was opened first, also before a fork."""
        connection = _open(self.path, self.most_pages)
        made = _made(connection)
        self._made = self._made or made
        if made != self._made:
            connection.close()
            raise FileNotFoundError(f"{FILE} was removed or replaced")
        self._inode = _inode(self.path)
        return connection

    def _close(self) -> None:
        if self._connection is not None and self._process == getpid():
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None


def _open(path: Path, most_pages: int) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(
        path, factory=SelfClosing, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # What a power cut may lose in this mode are the last moments before it; a crash of ours loses nothing.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA max_page_count = {int(most_pages)}")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _made(connection: sqlite3.Connection) -> int:
    """Return the number that a file got by chance when it was made, and that tells it from any other."""
    connection.execute("BEGIN IMMEDIATE")
    (made,) = connection.execute("PRAGMA user_version").fetchone()
    if not made:
        made = randbelow(2**31 - 1) + 1
        connection.execute(f"PRAGMA user_version = {made}")
    connection.execute("COMMIT")
    return int(made)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return -1


def _remember(connection: sqlite3.Connection, token: bytes, expires: int, now: int) -> bool:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("DELETE FROM used WHERE expires < ?", (now,))
        added = connection.execute("INSERT INTO used VALUES (?, ?) ON CONFLICT DO NOTHING", (token, expires)).rowcount
        connection.execute("COMMIT")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return added == 1


def _unavailable() -> ReplayStoreUnavailable:
    return ReplayStoreUnavailable(
        f"The store of used tokens cannot be used. Ask the operator to look at {FILE} in the data folder."
    )
