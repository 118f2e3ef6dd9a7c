"""A thread of one process that works behind its calls, from the first of them to the end of the process.

What such threads do differs, and so does what waits for them: weighed items in `background`, cards that are gathered
and tried again in `ledger`, numbers that are added up in `tallies`. When they begin and end does not.
"""

import os
import threading
import weakref
from collections.abc import Callable
from multiprocessing.util import Finalize


class OwnThread:
    """Runs `work` in a daemon thread of this process, and calls `at_end` when the process ends, also by SIGTERM.

    Threads and their locks do not cross a fork: a child begins a thread of its own, and `forked` is called in it first,
    to make new locks and to forget what is the parent's to do. Ends of a higher `priority` come first.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        at_end: Callable[[], object],
        *,
        forked: Callable[[], object] = lambda: None,
        priority: int = 10,
    ) -> None:
        self._name, self._work, self._at_end = name, work, at_end
        self._told, self._priority = forked, priority
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()
        forgotten = weakref.WeakMethod(self.forked)
        # Windows does not fork.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: (forget := forgotten()) and forget())

    @property
    def begun(self) -> bool:
        """Tell whether this process has the thread, or had it."""
        return self._thread is not None

    def begin(self) -> None:
        """Begin the thread, unless it was begun in this process."""
        if self._thread is not None:
            return
        with self._beginning:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
                # atexit does not run in a worker that SIGTERM ends; this does.
                Finalize(None, self._at_end, exitpriority=self._priority)

    def join(self, seconds: float) -> bool:
        """Wait for the end of a thread that was begun, for so long at most; say whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def forked(self) -> None:
        """Have no thread, as in a child that was just forked."""
        self._thread, self._beginning = None, threading.Lock()
        self._told()
