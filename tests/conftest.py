"""Fixtures of the whole suite: a site, the service with a fake engine, and its log."""

import gc
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings

from cards import Catalogue, load_catalogue
from service import telemetry
from service.cli import main
from service.settings import Settings
from service.store import Place
from service.store.sql import SqlStore
from service.telemetry import LOGGER, JsonLines
from tests.databases import make_template, new_database, own_database, postgresql_server, store_at
from tests.fakes import FakeEngine, Shell
from tests.packaged import CATALOGUE

# What a worker says when it ends, and its folder is gone, is nothing that a reader of the test report should see.
logging.getLogger(LOGGER).addHandler(logging.NullHandler())


# How long an example takes is no matter of a test: other programs run beside it.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-screenshots", action="store_true", help="Write the pictures of tests/browser/screenshots anew."
    )


def pytest_collection_finish() -> None:
    """Spare every collection of garbage the walk over thousands of tests: 6 to 18 % of the time they take."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_withheld() -> Iterator[None]:
    """Fail a test in which the code wanted to log what may not be in a log line."""
    counts, before = telemetry.WITHHELD, telemetry.WITHHELD.seen()
    yield
    assert counts.seen() == before


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what a plain run leaves out."""
    if config.option.markexpr == "not deep and not browser":
        terminalreporter.write_line("Not run: what takes long (-m deep), and what needs a browser (-m browser).")


@pytest.fixture(scope="session", autouse=True)
def _packaged_knowledge_is_read_once() -> Iterator[None]:
    """Spare hundreds of tests that make a site the reading of what nothing can change while they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "service.knowledge.load_catalogue", lambda folder=None: load_catalogue(folder) if folder else CATALOGUE
        )
        yield


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def shell(site: Settings, monkeypatch: pytest.MonkeyPatch) -> Shell:
    made = Shell(site)
    monkeypatch.setattr("service.site.build_engine", lambda settings: FakeEngine())
    monkeypatch.setattr("service.hooks.answer", made.answer)
    return made


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return CATALOGUE


@pytest.fixture
def upa_cds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Run `upa-cds` in this process: exit code (0 where it just ends), standard output, standard error."""

    def run(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["upa-cds", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        written = capsys.readouterr()
        return stopped.value.code or 0, written.out, written.err

    return run


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give the log lines written so far, as an operator's tool would parse them."""
    written: list[str] = []
    # What an earlier test left behind its calls may find only now that its database is gone.
    of_others = {thread for thread in threading.enumerate() if thread.name in {"background", "ledger", "tallies"}}

    class Remember(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if threading.current_thread() not in of_others:
                written.append(self.format(record))

    handler, logger = Remember(), logging.getLogger(LOGGER)
    handler.setFormatter(JsonLines())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written]
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def answer_with(shell: Shell) -> Callable[..., None]:
    """Change what the fake engine answers."""

    def change(**changed: Any) -> None:
        shell.gives = msgspec.structs.replace(shell.gives, **changed)

    return change


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Give the start of the URLs of a PostgreSQL that this test process runs."""
    with postgresql_server() as server:
        make_template(server)
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a migrated, empty database: each test runs on both kinds."""
    if request.param == "sqlite":
        return own_database(tmp_path / "data")
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def store(place: Place) -> Iterator[SqlStore]:
    with store_at(place) as opened:
        yield opened
