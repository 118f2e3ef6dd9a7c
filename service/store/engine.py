"""Connections to the database, and what state it is in. Nothing here waits for long."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from service.errors import StoreUnavailable
from service.self_closing import SelfClosing
from service.store.model import State
from service.store.place import Place
from service.store.tables import REVISIONS

BUSY_SECONDS = 2
READING = "reading"
VERSION_TABLE = "alembic_version"
FILE_ID = "file-id"


def open_engine(place: Place, *, busy_seconds: int = BUSY_SECONDS, make: bool = False) -> Engine:
    """Give an engine; nothing is connected yet. A file that is missing is made only with `make`."""
    return _sqlite(place, busy_seconds, make=make) if place.url is None else _postgresql(place, busy_seconds, make=make)


def _sqlite(place: Place, busy_seconds: int, *, make: bool) -> Engine:
    address = f"file:{quote(str(place.file.absolute()))}?mode={'rwc' if make else 'rw'}"

    def connect() -> sqlite3.Connection:
        if not make and not place.file.exists():
            raise StoreUnavailable(State.NOT_SET_UP)
        # Transactions are begun below: the module's own way is to begin too late.
        connection = sqlite3.connect(
            address, factory=SelfClosing, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        # What was answered with 200 survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine(
        "sqlite+pysqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_timeout=busy_seconds,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def remember(_: object, record: ConnectionPoolEntry) -> None:
        record.info[FILE_ID] = _file_id(place.file)

    @event.listens_for(engine, "checkout")
    def compare(_: object, record: ConnectionPoolEntry, __: object) -> None:
        # What is written to a file that was removed or replaced is kept by nobody: connect anew, or fail.
        if record.info[FILE_ID] != _file_id(place.file):
            raise DisconnectionError

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes cannot wait for its turn; one that says so at once can.
        reads = connection.get_execution_options().get(READING)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _file_id(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _postgresql(place: Place, busy_seconds: int, *, make: bool) -> Engine:
    assert place.url is not None  # noqa: S101 - the caller looked
    url = make_url(place.url.get_secret_value()).set(drivername="postgresql+psycopg")
    milliseconds = busy_seconds * 1000
    # A migration may take its time; only for its turn it waits no longer than others.
    longest = 0 if make else milliseconds
    return create_engine(
        url,
        pool_timeout=busy_seconds,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": busy_seconds,
            "tcp_user_timeout": milliseconds,
            "options": f"-c statement_timeout={longest} -c lock_timeout={milliseconds}",
        },
    )


def state_of(connection: Connection) -> State:
    """Compare the revision of a database with the program's."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return State.NOT_SET_UP
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608 - ours
    return state_of_revision(found[0] if found else None)


def state_of_revision(revision: str | None) -> State:
    """Tell what a revision means to this program; one that it does not know was made by a later one."""
    if revision is None:
        return State.NOT_SET_UP
    if revision not in REVISIONS:
        return State.NEWER
    return State.USABLE if revision == REVISIONS[-1] else State.OLDER
