"""A small export that the tests of this folder share, and the screening of it by one process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.chunks import Workers, in_this_process
from service.screen.run import Screening, screen
from service.settings import Settings
from tests.screen.exports import ON, Known, write_export

Screen = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Known]:
    folder = tmp_path_factory.mktemp("bulk") / "export"
    return folder, write_export(folder, 600, seed=11)


@pytest.fixture
def screened() -> Screen:
    """Screen addresses; `workers` and every member of a Screening can be given."""

    def run(
        *addresses: object, workers: Workers = in_this_process, progress: Any = None, **others: Any
    ) -> dict[str, Any]:
        chosen = {"settings": Settings(), "on": ON, "today": ON, "smallest": 1, **others}
        return screen(Screening(tuple(map(str, addresses)), **chosen), workers, progress)

    return run
