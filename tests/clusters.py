"""A Dask cluster on loopback for tests: a scheduler and three workers, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

distributed: Any = import_module("distributed") if find_spec("distributed") else None
# Continuous integration installs the extra and sets this: there, no Dask is a failure and no reason to skip.
needs_dask = pytest.mark.skipif(
    distributed is None and "TEST_CLUSTER" not in os.environ,
    reason="Dask is not installed: pip install -e '.[cluster]'",
)


@contextmanager
def _dask(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    program = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *arguments],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__GIL__ENABLED": "false"},
    )
    try:
        yield program
    finally:
        program.kill()
        program.wait()


@contextmanager
def cluster_of_three(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a scheduler and three workers, and give the address of the one with the processes of the others."""
    known = folder / "scheduler.json"
    loopback = ("--host", "127.0.0.1", "--no-dashboard")
    with ExitStack() as running:
        running.enter_context(
            _dask("distributed.cli.dask_scheduler", *loopback, "--port", "0", "--scheduler-file", str(known))
        )
        address = _address(known)
        options = ("--no-nanny", "--nthreads", "1", "--local-directory", str(folder), "--death-timeout", "60")
        workers = [
            running.enter_context(_dask("distributed.cli.dask_worker", address, *loopback, *options)) for _ in range(3)
        ]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(3, timeout=120)
        yield address, workers


def _address(file: Path) -> str:
    for _ in range(600):
        if file.exists() and file.read_text().endswith("}"):
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.1)
    raise AssertionError("the scheduler did not start")


def killing(address: str, worker: subprocess.Popen[bytes], *, stopped: int, killed: int) -> Callable[[int], None]:
    """Return what, told how many tasks are done, stops a worker at one number and kills it at another.

    A stopped process holds what it has and what it is given, so that it is killed while it has work; that is asserted.
    """
    with distributed.Client(address, set_as_default=False) as client:
        name = next(name for name, pid in client.run(os.getpid).items() if pid == worker.pid)

    def told(done: int) -> None:
        if done == stopped:
            worker.send_signal(signal.SIGSTOP)
        elif done == killed:
            with distributed.Client(address, set_as_default=False) as client:
                assert client.processing()[name]
            worker.kill()
            worker.wait()

    return told


def workers_left(address: str) -> int:
    """Return how many workers the scheduler still has."""
    with distributed.Client(address, set_as_default=False) as client:
        return len(client.scheduler_info()["workers"])
