"""Bring the database to the state that this program needs. Only here Alembic is imported; no worker comes here."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from service.errors import StoreUnavailable
from service.store.engine import open_engine, state_of
from service.store.model import State
from service.store.place import Place

# Another start of the service may be migrating the same file.
BUSY_SECONDS = 30
# Of PostgreSQL's advisory locks: a number that only this migration takes.
_LOCK = 7_291_402_113


def upgrade(place: Place) -> State:
    """Migrate to the newest revision and return the state that the database was in.

    A database of a newer program stays as it is. Raises StoreUnavailable.
    """
    if place.is_own:
        _make_file(place.file)
    engine = open_engine(place, busy_seconds=BUSY_SECONDS, make=True)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            before = state_of(connection)
            if before is State.NEWER:
                raise StoreUnavailable(State.NEWER)
            if before is not State.USABLE:
                command.upgrade(_config(connection), "head")
            return before
    except DBAPIError as error:
        raise StoreUnavailable(State.UNUSABLE) from error
    finally:
        engine.dispose()


def _make_file(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise StoreUnavailable(State.UNUSABLE) from error


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    try:
        upgrade(Place(Path(sys.argv[1])))
    except StoreUnavailable:
        # The state of the database says it, to whoever asks next.
        sys.exit(1)
