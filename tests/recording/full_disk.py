"""A disk that gets full while a recording is written."""

import errno
import os
from collections.abc import Callable


def write_within(room: list[int]) -> Callable[[int, bytes], int]:
    """Give an `os.write` for a disk with so many bytes left, which `room[0]` says and may change."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(descriptor, data[: room[0]])
        room[0] -= done
        return done

    return write
