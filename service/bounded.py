"""Calls that may hang, so that who asks does not: a few at a time, each waited for so long and no longer."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TooSlow(Exception):
    """The call did not end in its time, or as many as may be are under way already."""


class Bounded:
    """Makes at most `slots` calls at once, each in a thread of its own, and waits `seconds` for its end.

    A call that is given up goes on and keeps its slot until it ends, so a database that hangs costs `slots` threads.
    """

    def __init__(self, *, slots: int, seconds: float) -> None:
        self._slots = threading.BoundedSemaphore(slots)
        self._seconds = seconds

    def __call__(self, act: Callable[[], Value]) -> Value:
        """Return what the call returns, raise what it raises, or raise TooSlow."""
        if not self._slots.acquire(blocking=False):
            raise TooSlow
        call = _Call(act, self._slots)
        threading.Thread(target=call.run, name="bounded", daemon=True).start()
        if not call.ended.wait(self._seconds):
            raise TooSlow
        return call.result()


class _Call(Generic[Value]):
    def __init__(self, act: Callable[[], Value], slots: threading.BoundedSemaphore) -> None:
        self._act = act
        self._slots = slots
        self._values: list[Value] = []
        self._error: BaseException | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            self._values.append(self._act())
        except BaseException as error:
            self._error = error
        finally:
            self._slots.release()
            self.ended.set()

    def result(self) -> Value:
        if self._error is not None:
            raise self._error
        return self._values[0]
