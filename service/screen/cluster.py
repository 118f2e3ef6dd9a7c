"""The tasks of a screening on a Dask cluster: more machines than one, the same result.

The scheduler gets numbers of tasks and gives back counts; what is laid down by patient stays in the work folder, which
every worker must reach under the same path. A worker that is lost costs only time: Dask gives its tasks to another, and
the result of a task is kept under its number, so none is lost or counted twice.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from service.chunks import Work, Workers
from service.errors import InvalidRequest, Unreachable, WorkerLost

_SECONDS = 15
# Tasks ahead of each thread of the cluster: none waits for work, and results do not pile up.
_AHEAD = 3
_LEAST_AHEAD = 12


def cluster(scheduler: str) -> Workers:
    """Return workers that are those of a Dask scheduler, say `tcp://10.0.0.5:8786`.

    Raises InvalidRequest where the extra `cluster` is not installed, Unreachable where no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise InvalidRequest(
            "--scheduler needs Dask: install it with pip install 'upadacitinib-cds[cluster]', on the workers too."
        ) from None

    def run(work: Work, tasks: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        with closing(_client(distributed, scheduler)) as client:
            try:
                yield from _results(distributed, client, work, tasks)
            except distributed.KilledWorker:
                raise WorkerLost(
                    "Several workers of the cluster ended over one task, perhaps for lack of memory: give them more."
                ) from None
            except distributed.client.FutureCancelledError:
                raise WorkerLost("The scheduler of the cluster ended or gave the work up: start it again.") from None

    return run


def _client(distributed: Any, scheduler: str) -> Any:
    try:
        return distributed.Client(scheduler, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"{scheduler}: no Dask scheduler answers ({type(error).__name__}). Give the address that it printed."
        ) from None


def _results(distributed: Any, client: Any, work: Work, tasks: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Hand out tasks as results come in, and yield each result once, whoever gave it."""
    waiting = iter(tasks)
    window = max(_LEAST_AHEAD, _AHEAD * sum(client.nthreads().values()))
    numbers = {_submitted(client, work, task): task for task in islice(waiting, window)}
    under_way = distributed.as_completed(list(numbers), loop=client.loop, with_results=True)
    for future, result in under_way:
        yield numbers.pop(future), result
        future.release()
        for task in islice(waiting, 1):
            numbers[more := _submitted(client, work, task)] = task
            under_way.add(more)


def _submitted(client: Any, work: Work, task: int) -> Any:
    # A task may only be done once its number is ours again: a result that the scheduler remembers is none of this run.
    return client.submit(work, task, pure=False)
