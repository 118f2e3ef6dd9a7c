"""Replay as a stream: calls in parts to one or several processes, their sums in order into the ledger."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice

from service.replay.calls import Call, Corpus
from service.replay.chunk import Plan, sides, sums
from service.replay.ledger import Ledger
from service.replay.partial import Partial

PART = 200
# Enough parts under way that no process waits, and few enough that memory stays flat.
_AHEAD = 3

Map = Callable[[Plan, Iterable[tuple[Call, ...]]], Iterator[Partial]]
"""Answers parts and gives their sums in the same order."""


def stream(
    calls: Corpus,
    plan: Plan,
    ledger: Ledger,
    *,
    each: Map,
    progress: Callable[[int, int], object] = lambda _calls, _position: None,
) -> None:
    """Answer every call that the ledger does not hold yet and add the sums, part by part.

    `progress` is told how many calls are behind and the position of the last one in the corpus.
    """
    positions: deque[int] = deque()

    def parts() -> Iterator[tuple[Call, ...]]:
        rest = islice(calls, ledger.calls, None)
        while part := tuple(islice(rest, PART)):
            positions.append(part[-1].position)
            yield part

    for part in each(plan, parts()):
        ledger.add(part)
        progress(ledger.calls, positions.popleft())


def in_turn(plan: Plan, parts: Iterable[tuple[Call, ...]]) -> Iterator[Partial]:
    """Answer the parts in this process."""
    for part in parts:
        yield sums(plan, part)


def by_processes(jobs: int) -> Map:
    """Answer the parts in so many processes, a few parts ahead."""

    def each(plan: Plan, parts: Iterable[tuple[Call, ...]]) -> Iterator[Partial]:
        # Spawned, since a fork beside the thread of a progress bar may stand still for good.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(plan,))
        try:
            yield from _in_order(pool, plan, parts, jobs * _AHEAD)
        finally:
            pool.shutdown(cancel_futures=True)

    return each


def _in_order(
    pool: ProcessPoolExecutor, plan: Plan, parts: Iterable[tuple[Call, ...]], ahead: int
) -> Iterator[Partial]:
    waiting: deque[Future[Partial]] = deque()
    for part in parts:
        waiting.append(pool.submit(sums, plan, part))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin(plan: Plan) -> None:
    """Make ready before the first part; end with the process that waits for the sums, also where it is killed."""
    threading.Thread(target=_follow, name="follow-parent", daemon=True).start()
    sides(plan)


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
