"""The lines of a chunk, and the words for what is wrong with one."""

import zlib
from collections.abc import Iterator
from enum import StrEnum
from lzma import LZMAError
from typing import IO

LONGEST_LINE = 16 * 1024**2
_BLOCK = 1024**2
_MARK = b"\xef\xbb\xbf"


class Fault(StrEnum):
    """Why a line could not be read as what it should be; the value is what a reader is told."""

    NOT_JSON = "is not a JSON object"
    TOO_LONG = "is longer than 16 MiB"
    CUT = "is where the file breaks off: its compressed data are damaged or cut"
    NO_RESOURCE = "is no FHIR resource"
    OTHER_TYPE = "is of another type than its file"
    NO_PATIENT = "names no patient"
    TWO_READINGS = "is JSON that can be read in two ways (a repeated key, a bad number)"


def lines(file: IO[bytes], start: int = 0, end: int | None = None) -> Iterator[bytes | Fault]:
    """Yield the lines that start in a range of bytes, without their ends; a Fault in place of one that cannot be had.

    Every line of a file belongs to exactly one of adjoining ranges.
    """
    text, at = _text(file), start
    if start:
        # What stands before the first line end, from the byte before the range on, began in the range before.
        file.seek(start - 1)
        at += next(text, (b"", 1))[1] - 1
    for line, length in text:
        if end is not None and at >= end:
            return
        yield line.removeprefix(_MARK) if at == 0 and isinstance(line, bytes) else line
        at += length


def _text(file: IO[bytes]) -> Iterator[tuple[bytes | Fault, int]]:
    """Yield each line from where the file stands, and how many bytes it takes with its end."""
    # Of compressed data that break off, `read` would keep back what could still be read.
    read = getattr(file, "read1", file.read)
    tail, dropped = b"", 0
    while True:
        try:
            block = read(_BLOCK)
        except (OSError, EOFError, zlib.error, LZMAError):
            yield Fault.CUT, 0
            return
        if not block:
            break
        *whole, tail = (tail + block).split(b"\n")
        for line in whole:
            length = dropped + len(line) + 1
            yield (Fault.TOO_LONG if dropped else line), length
            dropped = 0
        if len(tail) > LONGEST_LINE:
            dropped, tail = dropped + len(tail), b""
    if tail or dropped:
        yield (Fault.TOO_LONG if dropped else tail), dropped + len(tail)
