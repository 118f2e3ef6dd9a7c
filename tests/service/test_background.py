import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.background import FAILED, FULL, UNFINISHED, Background


def test_items_are_done_in_their_order_and_in_another_thread() -> None:
    done: list[tuple[int, bool]] = []
    queue = Background[int](
        lambda item: done.append((item, threading.current_thread() is threading.main_thread())),
        capacity=100,
        lost=lambda reason, count: pytest.fail(reason),
    )
    assert all(queue.give(number) for number in range(20))
    assert queue.flush(10)
    assert done == [(number, False) for number in range(20)]


def test_what_does_not_fit_is_refused_at_once_and_counted() -> None:
    lost: list[tuple[str, int]] = []
    started, go = threading.Event(), threading.Event()

    def work(item: str) -> None:
        started.set()
        go.wait(10)

    queue = Background[str](work, capacity=5, lost=lambda reason, count: lost.append((reason, count)))
    assert queue.give("a", 3)
    started.wait(10)
    assert queue.give("b", 2)
    assert not queue.give("c", 1)
    assert lost == [(FULL, 1)]
    go.set()
    assert queue.flush(10)
    assert queue.give("d", 5)
    assert queue.flush(10)


def test_an_item_that_fails_is_counted_and_the_next_one_is_done() -> None:
    lost: list[tuple[str, int]] = []
    done: list[int] = []

    def work(item: int) -> None:
        if item == 1:
            raise OSError
        done.append(item)

    queue = Background[int](work, capacity=10, lost=lambda reason, count: lost.append((reason, count)))
    for number in range(3):
        queue.give(number)
    assert queue.flush(10)
    assert done == [0, 2]
    assert lost == [(FAILED, 1)]


def test_closing_finishes_the_queue_and_what_comes_later_is_refused() -> None:
    done: list[object] = []
    lost: list[tuple[str, int]] = []
    queue = Background[int](
        done.append, capacity=10, lost=lambda *told: lost.append(told), closed=lambda: done.append("closed")
    )
    queue.give(1)
    queue.close()
    queue.close()
    assert done == [1, "closed"]
    assert not queue.give(2)
    assert lost == [(FULL, 1)]


def test_what_is_not_done_in_time_is_counted_when_the_process_ends() -> None:
    lost: list[tuple[str, int]] = []
    started, go = threading.Event(), threading.Event()

    def work(item: int) -> None:
        started.set()
        go.wait(10)

    queue = Background[int](
        work,
        capacity=10,
        lost=lambda *told: lost.append(told),
        closed=lambda: pytest.fail("closed under the feet of the work"),
        flush_seconds=0,
    )
    for number in range(3):
        queue.give(number)
    started.wait(10)
    queue.close()
    go.set()
    assert lost == [(UNFINISHED, 3)]


def test_closing_waits_for_an_item_that_was_announced() -> None:
    done: list[object] = []
    queue = Background[int](done.append, capacity=10, lost=lambda *told: pytest.fail(str(told)))
    queue.expect()
    closing = threading.Thread(target=queue.close)
    closing.start()
    assert queue.give(1, expected=True)
    closing.join(20)
    assert done == [1]
    assert not closing.is_alive()


def test_an_announced_item_that_never_comes_is_counted() -> None:
    lost: list[tuple[str, int]] = []
    queue = Background[int](print, capacity=10, lost=lambda *told: lost.append(told), flush_seconds=0)
    queue.expect()
    queue.close()
    assert lost == [(UNFINISHED, 1)]


def _in_worker(give: Callable[[str], bool]) -> None:
    for _ in range(50):
        give(str(os.getpid()))


def test_each_forked_worker_has_a_thread_of_its_own_and_flushes_at_its_end(tmp_path: Path) -> None:
    def work(item: str) -> None:
        with (tmp_path / str(os.getpid())).open("a") as file:
            file.write(item + "\n")

    queue = Background[str](work, capacity=1_000, lost=lambda reason, count: pytest.fail(reason))
    queue.give("parent")
    queue.flush(10)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_in_worker, args=(queue.give,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
        assert worker.exitcode == 0
        assert (tmp_path / str(worker.pid)).read_text() == f"{worker.pid}\n" * 50
    queue.close()
