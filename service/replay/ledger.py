"""The sums of a whole replay, in a small database on disk: memory stays flat, and an interrupted run goes on.

Each part is added in one transaction with the number of calls behind it, so that a run that was killed is whole up to
its last part (SQLite, Atomic Commit).
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from service.errors import ServiceError
from service.replay.compare import Change, Kind
from service.replay.partial import Count, Found, Partial
from service.self_closing import SelfClosing

SAMPLES = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (kind TEXT, key BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shown (side TEXT, key BLOB, hook TEXT, n INTEGER NOT NULL, PRIMARY KEY (side, key, hook))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timed (side TEXT, bucket INTEGER, n INTEGER NOT NULL, PRIMARY KEY (side, bucket))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changed (kind TEXT, topic TEXT, pair TEXT, before TEXT, after TEXT, exchange TEXT,
    file TEXT, line INTEGER, hook TEXT, day TEXT, told TEXT);
CREATE INDEX IF NOT EXISTS changed_by ON changed (kind, topic, pair, before, after, exchange);
CREATE TABLE IF NOT EXISTS sample (kind TEXT, topic TEXT, exchange TEXT, pair TEXT, old TEXT, new TEXT,
    PRIMARY KEY (kind, topic, exchange, pair)) WITHOUT ROWID;
"""
_ADD_COUNT = "INSERT INTO counted VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
_ADD_SHOWN = "INSERT INTO shown VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
_ADD_TIMED = "INSERT INTO timed VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
_ADD_KNOWN = "INSERT OR IGNORE INTO known VALUES (?, ?)"
_ADD_CHANGED = "INSERT INTO changed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_SAMPLE = "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?, ?)"
_CHANGES = "SELECT * FROM changed ORDER BY day, exchange, topic, pair, kind, file, line"
_LOST = (
    "SELECT * FROM changed WHERE (kind IN ('REMOVED', 'DOWNGRADED', 'INCOMPLETE-REMOVED') "
    "AND before IN ('warning', 'critical')) OR kind = 'CARD-TO-ERROR' "
    "ORDER BY day, exchange, topic, pair, kind, file, line"
)


class OtherRun(ServiceError):
    """What was begun is another replay."""

    exit_code = 64


class Ledger:
    """The sums so far. Without a file they live in a temporary database that goes with the process."""

    def __init__(self, file: Path | None = None) -> None:
        """Open the sums, or begin them."""
        self._file = file
        # An empty name is a temporary database on disk (SQLite, In-memory Databases, Temporary Databases).
        self._db = sqlite3.connect(file or "", isolation_level=None, factory=SelfClosing)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def begin(self, what: dict[str, object]) -> int:
        """Return how many calls are behind; raises OtherRun where what was begun differs from `what`."""
        told = json.dumps(what, sort_keys=True)
        found = self._value("what")
        if found is not None and found != told:
            raise OtherRun(
                f"{self._file}: holds the state of another replay (other recording, sides or program). "
                "Leave out --resume to begin again."
            )
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO run VALUES ('what', ?)", (told,))
        return int(self._value("calls") or 0)

    def add(self, part: Partial) -> None:
        """Add the sums of a part; either all of it or, where the process dies, nothing."""
        with self._transaction():
            calls = int(self._value("calls") or 0) + part.calls
            self._db.execute("INSERT OR REPLACE INTO run VALUES ('calls', ?)", (str(calls),))
            self._db.executemany(_ADD_COUNT, ((json.dumps(name), n) for name, n in part.counts.items()))
            self._db.executemany(
                _ADD_KNOWN, ((json.dumps(kind), key) for kind, keys in part.distinct.items() for key in keys)
            )
            self._db.executemany(_ADD_SHOWN, ((*where, n) for where, n in part.shown.items()))
            self._db.executemany(_ADD_TIMED, ((*where, n) for where, n in part.latency.items()))
            self._add_changes(part.changes)

    def _add_changes(self, found: list[Found]) -> None:
        self._db.executemany(_ADD_CHANGED, (_row(item) for item in found))
        samples = sorted(found, key=lambda item: item.exchange)
        self._db.executemany(
            _ADD_SAMPLE,
            (
                (item.change.kind.value, item.change.topic, item.exchange, item.change.pair, *item.cards)
                for item in samples
            ),
        )
        for kind, topic in {(item.change.kind.value, item.change.topic) for item in found}:
            self._db.execute(
                "DELETE FROM sample WHERE kind = ? AND topic = ? AND (exchange, pair) NOT IN (SELECT exchange, pair "
                "FROM sample WHERE kind = ? AND topic = ? ORDER BY exchange, pair LIMIT ?)",
                (kind, topic, kind, topic, SAMPLES),
            )

    @property
    def calls(self) -> int:
        """Return how many calls were added."""
        return int(self._value("calls") or 0)

    def counts(self) -> dict[Count, int]:
        """Return every count."""
        return {tuple(json.loads(name)): n for name, n in self._db.execute("SELECT name, n FROM counted ORDER BY name")}

    def distinct(self) -> dict[Count, int]:
        """Return how many keys of each kind are known."""
        found = self._db.execute("SELECT kind, count(*) FROM known GROUP BY kind ORDER BY kind")
        return {tuple(json.loads(kind)): n for kind, n in found}

    def repeats(self, side: str) -> tuple[int, int, int, int]:
        """Return showings of pairs, different ones, those shown at signing, and of these those selected before."""
        row = self._db.execute(
            "SELECT coalesce(sum(n), 0), count(*), coalesce(sum(signed > 0), 0), "
            "coalesce(sum(signed > 0 AND selected > 0), 0) FROM (SELECT sum(n) AS n, "
            "sum(hook = 'order-sign') AS signed, sum(hook = 'order-select') AS selected FROM shown WHERE side = ? "
            "GROUP BY key)",
            (side,),
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2]), int(row[3])

    def latency(self, side: str) -> dict[int, int]:
        """Return how many calls of a side fell into each bucket."""
        return dict(self._db.execute("SELECT bucket, n FROM timed WHERE side = ? ORDER BY bucket", (side,)))

    def groups(self) -> Iterator[tuple[Change, int]]:
        """Yield the changes that are alike with their number, the weightiest class first; `told` is empty."""
        found = self._db.execute(
            "SELECT kind, topic, pair, before, after, count(*) FROM changed GROUP BY kind, topic, pair, before, after"
        ).fetchall()
        order = list(Kind)
        for kind, topic, pair, before, after, n in sorted(found, key=lambda row: (order.index(Kind(row[0])), row[1:])):
            yield Change(Kind(kind), topic, pair, before, after), n

    def changes(self) -> Iterator[Found]:
        """Yield every change, by exchange: the order of the recording does not matter."""
        yield from map(_found, self._db.execute(_CHANGES))

    def lost(self) -> Iterator[Found]:
        """Yield every warning or critical card that is gone or quieter, and every call that has no answer any more."""
        yield from map(_found, self._db.execute(_LOST))

    def samples(self) -> Iterator[tuple[Found, str, str]]:
        """Yield a few changes of each class and rule, with the cards of both sides as JSON."""
        for kind, topic, exchange, pair, old, new in self._db.execute(
            "SELECT kind, topic, exchange, pair, old, new FROM sample ORDER BY kind, topic, exchange, pair"
        ).fetchall():
            row = self._db.execute(
                "SELECT * FROM changed WHERE kind = ? AND topic = ? AND exchange = ? AND pair = ?",
                (kind, topic, exchange, pair),
            ).fetchone()
            yield _found(row), old, new

    def close(self, *, done: bool = False) -> None:
        """Let go of the database; where the replay is done, remove it."""
        self._db.close()
        if done and self._file:
            self.remove(self._file)

    @staticmethod
    def remove(file: Path) -> None:
        """Remove the sums of an earlier run."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)

    def _value(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM run WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")


def _row(item: Found) -> tuple[object, ...]:
    change = item.change
    where = (item.exchange, item.file, item.line, item.hook, item.day)
    return (change.kind.value, change.topic, change.pair, change.before, change.after, *where, json.dumps(change.told))


def _found(row: tuple[str, str, str, str, str, str, str, int, str, str, str]) -> Found:
    kind, topic, pair, before, after, exchange, file, line, hook, day, told = row
    old, new = json.loads(told)
    return Found(Change(Kind(kind), topic, pair, before, after, (old, new)), exchange, file, line, hook, day)
