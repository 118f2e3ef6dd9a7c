"""A file that is only appended to, whole lines at a time."""

import os
from pathlib import Path
from typing import Self


class Appended:
    """A chain's file, for its user only. While it is open nobody else gets its lock; who dies gives it up."""

    def __init__(self, path: Path, *, new: bool = False, wait: bool = True) -> None:
        """Open and lock. Raises FileExistsError where `new`, BlockingIOError where not `wait`, OSError."""
        # Not every system has it, and only who keeps a trail needs it.
        import fcntl

        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_EXCL if new else 0)
        self._descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, line: bytes) -> None:
        """Append a line whole or not at all. Raises OSError."""
        before = os.fstat(self._descriptor).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, before)
            raise

    def content(self) -> bytes:
        """Return all that is in the file."""
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)

    def cut(self, size: int) -> None:
        """Keep the first bytes alone."""
        os.ftruncate(self._descriptor, size)

    def keep(self) -> None:
        """Have what was written survive a loss of power."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Give up the file and its lock."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
