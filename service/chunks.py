"""Work in chunks: a stage is a row of tasks, each task gives bytes, and what is done stays done.

A task is its number in the plan of the stage, and must give the same bytes whoever does it and however often. Results
are kept under that number and read back in the order of the plan, so the outcome depends neither on the workers nor on
the order in which they finish, and a task that is done twice counts once.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import BinaryIO

from service.errors import WorkerLost

Work = Callable[[int], bytes]
Workers = Callable[[Work, Sequence[int]], Iterator[tuple[int, bytes]]]
"""Does tasks, in any order, and gives each number with its result. `Work` must travel to another process."""
_ENDING_WINDOW = 2


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that exists whole or not at all, readable by its user only."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


@dataclass(frozen=True, slots=True)
class Ledger:
    """The finished tasks of one stage of `count` tasks: a file each, named by the number of the task."""

    folder: Path
    count: int

    def todo(self) -> list[int]:
        """Return the tasks that have no result yet, in the order of the plan."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [task for task in range(self.count) if not self._file(task).exists()]

    def keep(self, task: int, result: bytes) -> None:
        """Keep the result of a task; keeping it again changes nothing."""
        with whole_file(self._file(task)) as file:
            file.write(result)

    def results(self) -> Iterator[bytes]:
        """Yield the results in the order of the plan, one at a time."""
        for task in range(self.count):
            yield self._file(task).read_bytes()

    def _file(self, task: int) -> Path:
        return self.folder / f"{task:08}"


def finish(ledger: Ledger, work: Work, workers: Workers, done: Callable[[int], object]) -> None:
    """Do what a stage has left, and tell `done` how many tasks are finished, at once and after each."""
    todo = ledger.todo()
    finished = ledger.count - len(todo)
    done(finished)
    for task, result in workers(work, todo) if todo else ():
        ledger.keep(task, result)
        finished += 1
        done(finished)


def in_this_process(work: Work, tasks: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Do the tasks here, one after the other."""
    for task in tasks:
        yield task, work(task)


def processes(jobs: int) -> Workers:
    """Return workers that are `jobs` processes of this machine, or this process where one is enough."""
    if jobs == 1:
        return in_this_process

    def run(work: Work, tasks: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        pool = ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn"), initializer=_as_worker)
        try:
            yield from _windowed(pool, work, tasks, jobs * _ENDING_WINDOW)
        except BrokenProcessPool:
            raise WorkerLost(
                "A worker process was ended from outside, perhaps for lack of memory: use fewer --jobs."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return run


def _windowed(pool: ProcessPoolExecutor, work: Work, tasks: Sequence[int], window: int) -> Iterator[tuple[int, bytes]]:
    """Hand out a few tasks ahead of the oldest that is under way: neither tasks nor results pile up."""
    under_way: deque[tuple[int, Future[bytes]]] = deque()
    for task in tasks:
        under_way.append((task, pool.submit(work, task)))
        if len(under_way) == window:
            oldest, future = under_way.popleft()
            yield oldest, future.result()
    for task, future in under_way:
        yield task, future.result()


def _as_worker() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
