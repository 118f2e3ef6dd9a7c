"""What happens to the database at the start: our own file is migrated by a process that ends again."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from service.errors import StoreUnavailable
from service.store.model import State
from service.store.place import Place, opened


def prepare_own(place: Place) -> None:
    """Migrate the service's own file if it needs it; a database by URL is the operator's.

    A failure is no reason not to start: cards need no database, and /readyz names its state.
    """
    from service.store.engine import state_of_revision

    if place.is_own and state_of_revision(_revision(place.file)) in {State.NOT_SET_UP, State.OLDER}:
        # Alembic in this process would be inherited by every worker.
        command = [sys.executable, "-m", "service.store.migrate", str(place.file.absolute())]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - our own


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
