"""Lines to a descriptor, from a thread of their own: who has a line to write never waits for who reads it.

A pipe that nobody empties takes 64 KiB, and then holds everybody who writes to it. Here lines wait in memory for so
long; what finds no place is dropped and counted, and a line at the place of those that are missing says how many.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep

from service.own_thread import OwnThread

CAPACITY = 1024**2
# Lines of a busy worker go out together: to wake a thread for each would cost more than the line.
GATHER_SECONDS = 0.02
FLUSH_SECONDS = 1.0
_TOGETHER = 64 * 1024
_POLL_SECONDS = 0.005


class LineWriter:
    """Writes lines in the order in which they were given, up to `capacity` bytes behind.

    `missing` makes the line that stands for so many dropped ones; `dropped` is told of each. The thread begins with the
    first line, in the process that gives it, so a writer made before a fork works in each worker. When a process ends,
    also by SIGTERM, what waits is written within `flush_seconds`.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        missing: Callable[[int], bytes],
        dropped: Callable[[], object],
        capacity: int = CAPACITY,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._descriptor, self._missing_line, self._dropped = descriptor, missing, dropped
        self._capacity, self._flush_seconds = capacity, flush_seconds
        # The end of it is the last of all: what others write at their end, and tell of it, comes before.
        self._thread = OwnThread("log", self._run, self.close, forked=self._begin_anew, priority=-10)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Have nothing to write: what the parent of a fork has queued is the parent's to write."""
        self._lines: deque[bytes] = deque()
        # Waiting, and being written; in bytes.
        self._behind = self._missing = 0
        self._begun = self._asleep = self._ending = False
        # Taken again by a signal's handler that writes a line while its thread was writing one.
        self._lock = threading.RLock()
        # Closed while the writer sleeps; a bare lock, which a signal's handler may open at any moment.
        self._gate = threading.Lock()
        self._gate.acquire()

    def put(self, line: bytes) -> None:
        """Queue a line, which ends with its newline. Never waits, never raises for what becomes of it."""
        with self._lock:
            if self._behind + len(line) > self._capacity or self._ending:
                self._missing += 1
                fits = False
            else:
                self._tell_missing()
                self._add(line)
                fits = True
        if not fits:
            self._dropped()

    def flush(self, seconds: float) -> bool:
        """Wait until everything that was given is written, for so long at most; say whether it is."""
        end = monotonic() + seconds
        while self._behind and monotonic() < end:
            sleep(_POLL_SECONDS)
        return not self._behind

    def close(self) -> None:
        """Write what waits, within the time for it, and take no more."""
        with self._lock:
            self._tell_missing()
        self.flush(self._flush_seconds)
        self._ending = True

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._behind += len(line)
        if not self._begun:
            self._begun = True
            self._thread.begin()
        if self._asleep:
            self._asleep = False
            self._gate.release()

    def _tell_missing(self) -> None:
        if self._missing:
            self._add(self._missing_line(self._missing))
            self._missing = 0

    def _run(self) -> None:
        while True:
            with self._lock:
                asleep = self._asleep = not self._lines
            if asleep:
                self._gate.acquire()
            if not self._ending:
                sleep(GATHER_SECONDS)
            while chunk := self._taken():
                self._written(chunk)

    def _taken(self) -> list[bytes]:
        chunk: list[bytes] = []
        size = 0
        with self._lock:
            if not self._lines:
                self._tell_missing()
            while self._lines and size < _TOGETHER:
                chunk.append(self._lines.popleft())
                size += len(chunk[-1])
        return chunk

    def _written(self, chunk: list[bytes]) -> None:
        data = memoryview(b"".join(chunk))
        size = len(data)
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    # Somebody who has the same descriptor made it so.
                    select.select((), (self._descriptor,), ())
        except (OSError, ValueError):
            # Nobody is at the other end any more. To say so has no place either, but for the count.
            for _ in chunk:
                self._dropped()
        with self._lock:
            self._behind -= size
