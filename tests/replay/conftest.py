"""A recorded hundred calls, a candidate and the command, which the tests of replays share."""

import shutil
from collections.abc import Callable
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path

import pytest

from service.answer import Engine, build_engine
from service.recording.format import Exchange
from service.settings import Settings
from tests.replay.traffic import CLINIC, answered, traffic, write

Run = Callable[..., tuple[object, str, str]]


@pytest.fixture(scope="session")
def exchanges() -> tuple[Exchange, ...]:
    """Record a hundred calls of a clinic that prescribes a lot of upadacitinib."""
    return tuple(answered(islice(traffic(7, CLINIC), 100)))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return build_engine(Settings())


@pytest.fixture
def packaged_knowledge_is_loaded_once(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    """Spare each test the second that the packaged knowledge takes; a candidate is read as it is."""
    real = build_engine
    plain = Settings()
    monkeypatch.setattr("service.replay.sides.build_engine", lambda chosen: engine if chosen == plain else real(chosen))


@pytest.fixture
def recording(tmp_path: Path, exchanges: tuple[Exchange, ...]) -> Path:
    return write(tmp_path / "week.ndjson.gz", exchanges)


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    folder = tmp_path / "candidate"
    with as_file(files("cards") / "knowledge") as place:
        shutil.copytree(place, folder)
    return folder
