import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from service.own_thread import OwnThread


def test_however_many_begin_it_at_once_there_is_one_thread() -> None:
    begun: list[str] = []
    ready, go = threading.Barrier(9), threading.Event()

    def work() -> None:
        begun.append(threading.current_thread().name)
        go.wait(20)

    own = OwnThread("behind", work, lambda: None)
    assert not own.begun

    def begin() -> None:
        ready.wait(20)
        own.begin()

    callers = [threading.Thread(target=begin) for _ in range(8)]
    for caller in callers:
        caller.start()
    ready.wait(20)
    for caller in callers:
        caller.join(20)
    assert own.begun
    assert not own.join(0)
    go.set()
    assert own.join(20)
    assert begun == ["behind"]


def test_what_was_never_begun_is_not_waited_for() -> None:
    assert OwnThread("behind", lambda: None, lambda: None).join(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_forgets_begins_its_own_and_ends_it_in_the_order_of_priority(tmp_path: Path) -> None:
    said = tmp_path / "said"

    def say(what: str) -> None:
        with said.open("a") as file:
            file.write(f"{what}\n")

    late = OwnThread("late", lambda: None, lambda: say("late ends"), priority=5)
    soon = OwnThread("soon", lambda: say("soon works"), lambda: say("soon ends"), forked=lambda: say("soon forgets"))

    def in_child() -> None:
        assert not soon.begun
        late.begin()
        soon.begin()
        soon.join(20)

    soon.begin()
    assert soon.join(20)
    said.unlink()
    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert said.read_text().splitlines() == ["soon forgets", "soon works", "soon ends", "late ends"]
    assert soon.begun
