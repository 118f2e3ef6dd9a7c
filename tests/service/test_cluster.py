"""The adapter to Dask; what runs on it is tested in tests/screen and tests/replay."""

import sys
from itertools import count
from pathlib import Path

import pytest

from service.cluster import cluster
from service.errors import InvalidRequest, Unreachable
from tests.clusters import needs_dask


def squared(task: int) -> bytes:
    return str(task * task).encode()


@needs_dask
@pytest.mark.enable_socket
@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_does_not_answer_is_said_to_before_a_task_is_laid_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.cluster._SECONDS", 1)
    tasks = count()
    with pytest.raises(Unreachable, match="no Dask scheduler answers"):
        list(cluster("tcp://127.0.0.1:9")(squared, tasks))
    assert next(tasks) == 0


def test_without_dask_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InvalidRequest, match=r"upadacitinib-cds\[cluster\]"):
        cluster("tcp://127.0.0.1:8786")


def test_the_adapter_is_small() -> None:
    file = Path(__file__).parents[2] / "service" / "cluster.py"
    assert len(file.read_text().splitlines()) < 150
