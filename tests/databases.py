"""Databases for tests: SQLite in a folder of the test, and a real PostgreSQL of this machine that ends with the tests.

Without PostgreSQL its tests are skipped and say so; with REQUIRE_POSTGRESQL set in the environment they fail.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import randrange
from tempfile import TemporaryDirectory
from urllib.parse import quote
from uuid import uuid4

import pytest
from pydantic import SecretStr

from service.store import FILE, Place
from service.store.migrate import upgrade
from service.store.sql import SqlStore

REQUIRED = "REQUIRE_POSTGRESQL"
TEMPLATE = "upa_cds_template"
_NAMES = ("PGPORT", "PGUSER", "PGPASSWORD")


def own_database(folder: Path) -> Place:
    """Make a migrated SQLite in a folder."""
    place = Place(folder / FILE)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_migrated_file(), place.file)
    return place


@cache
def _migrated_file() -> Path:
    folder = TemporaryDirectory(prefix="upa-cds-tests-")
    _KEPT.append(folder)
    upgrade(Place(Path(folder.name) / FILE))
    return Path(folder.name) / FILE


_KEPT: list[TemporaryDirectory[str]] = []


def unavailable(reason: str) -> None:
    """Skip, or fail where PostgreSQL is required."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but {reason}")
    pytest.skip(reason)


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a PostgreSQL until the end of the block; gives the start of its URLs, up to the name of the database."""
    if shutil.which("pg_virtualenv") is None:
        unavailable("PostgreSQL is not installed: pg_virtualenv (Debian: postgresql, postgresql-common) is missing")
    server, told = _started()
    try:
        if told is None:
            unavailable("pg_virtualenv could not start a PostgreSQL")
        else:
            # By address: to look up a name is a use of the network, which tests have not.
            port, user, password = told
            yield f"postgresql://{user}:{quote(password)}@127.0.0.1:{port}"
    finally:
        server.communicate(timeout=60)


def _started() -> tuple[subprocess.Popen[str], list[str] | None]:
    """Start a cluster on a port of its own; another test process may have taken the same one, so twice."""
    for _ in range(2):
        report = " ".join(f'"${name}"' for name in _NAMES)
        # The shell lives until its input ends; then the cluster is taken away.
        within = ["sh", "-c", f"echo up {report}; cat"]
        port = randrange(20_000, 30_000)  # sockets are blocked in tests: a free port cannot be asked for
        server = subprocess.Popen(
            ["pg_virtualenv", "-t", "-o", "fsync=off", "-c", f"--port={port}", *within],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdout is not None
        told = next((line.split()[1:] for line in server.stdout if line.startswith("up ")), None)
        if told is not None:
            break
    return server, told


def run_sql(url: str, statement: str) -> None:
    """Run one statement outside of a transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def new_database(server: str, *, template: str | None = TEMPLATE) -> Place:
    """Make a database of its own name, migrated unless `template` is None."""
    name = f"t_{uuid4().hex}"
    run_sql(f"{server}/postgres", f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    return Place(Path(os.devnull), SecretStr(f"{server}/{name}"))


def make_template(server: str) -> None:
    """Make the migrated database that others are copied from."""
    run_sql(f"{server}/postgres", f"CREATE DATABASE {TEMPLATE}")
    upgrade(Place(Path(os.devnull), SecretStr(f"{server}/{TEMPLATE}")))


@contextmanager
def store_at(place: Place) -> Iterator[SqlStore]:
    """Open a store and close its connections afterwards."""
    store = SqlStore.at(place)
    try:
        yield store
    finally:
        store.close()
