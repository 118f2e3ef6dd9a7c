"""What happens to the database at the start: our own file is migrated by a process that ends again."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from service.errors import StoreUnavailable
from service.store.model import State
from service.store.opening import opened
from service.store.place import Place


@contextmanager
def own_migrated(place: Place) -> Iterator[None]:
    """Migrate the service's own file if it needs it, beside what the block does; a database by URL is the operator's.

    A failure is no reason not to start: cards need no database, and /readyz names its state.
    """
    from service.store.engine import state_of_revision

    if place.is_own and state_of_revision(_revision(place.file)) in {State.NOT_SET_UP, State.OLDER}:
        # Alembic in this process would be inherited by every worker.
        command = [sys.executable, "-m", "service.store.migrate", str(place.file.absolute())]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet):  # noqa: S603 - our own
            yield
    else:
        yield


def state_at(place: Place) -> State:
    """Look at a database over a connection that no worker inherits."""
    try:
        with opened(place) as store:
            store.check()
    except StoreUnavailable as error:
        return State(error.state)
    return State.USABLE


def _revision(file: Path) -> str | None:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return None
    return str(found[0]) if found else None
