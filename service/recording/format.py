"""A recording: NDJSON, a header line and then one exchange a line, gzip where the name ends in `.gz`.

A file is only appended to, a line at a time: what a killed process leaves behind is whole up to its last line.
`zcat` and `jq` read it.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from service.fhir_access.fetch import FhirCall
from service.recording.lines import (
    SCHEMA,
    Exchange,
    Header,
    RecordingError,
    exchange_line,
    header_line,
    read_exchange_line,
    read_header_line,
)

__all__ = [
    "SCHEMA",
    "Exchange",
    "Exchanges",
    "FhirCall",
    "Header",
    "RecordingError",
    "RecordingWriter",
    "read_header",
    "read_recording",
    "recording_files",
]

SUFFIXES = (".ndjson", ".ndjson.gz")
# Far beyond any exchange of ours; a file of something else ends here instead of filling the memory.
LONGEST_LINE = 128 * 1024**2
_GZIP = 31


class Exchanges(Iterator[Exchange]):
    """The exchanges of one file, in their order and one at a time.

    `truncated` says, once they are read, that the file was cut off: still being written, or its writer was killed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.truncated = False
        self.line = 0
        self._file: BinaryIO = _opened(path)
        try:
            self.header = self._header()
        except RecordingError:
            self._file.close()
            raise

    def __next__(self) -> Exchange:
        line = b"" if self.truncated else self._next_line()
        if not line:
            self._file.close()
            raise StopIteration
        try:
            return read_exchange_line(line)
        except ValueError as error:
            self._file.close()
            raise self._wrong(str(error)) from None

    def close(self) -> None:
        """Let go of the file; only needed where the exchanges are not read to the end."""
        self._file.close()

    @property
    def position(self) -> int:
        """Return how many bytes of the file, as it lies on disk, were read; for whoever shows how far it is."""
        return cast(BinaryIO, getattr(self._file, "fileobj", self._file)).tell()

    def _header(self) -> Header:
        try:
            return read_header_line(self._next_line())
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _next_line(self) -> bytes:
        """Return the next whole line, or nothing at the end; a line that was cut off is noted and not returned."""
        self.line += 1
        try:
            line = self._file.readline(LONGEST_LINE)
        except EOFError:
            line = b"cut off within a compressed block"
        except (OSError, zlib.error) as error:
            raise self._wrong(f"cannot be read ({type(error).__name__})") from None
        if len(line) >= LONGEST_LINE:
            raise self._wrong(f"is longer than {LONGEST_LINE} bytes")
        if line and not line.endswith(b"\n"):
            self.truncated = True
            return b""
        return line

    def _wrong(self, what: str) -> RecordingError:
        return RecordingError(f"{self.path}, line {self.line}: {what}. Give a file that upa-cds record wrote.")


def read_recording(path: Path) -> Exchanges:
    """Read a file lazily; its header is checked at once. Raises RecordingError that names file and line.

    A last line that was cut off, as by a killed process or a file still being written, ends the reading without an
    error, and `truncated` says so.
    """
    return Exchanges(path)


def read_header(path: Path) -> Header:
    """Read the first line of a file; raises RecordingError."""
    exchanges = Exchanges(path)
    exchanges.close()
    return exchanges.header


def recording_files(path: Path) -> tuple[Path, ...]:
    """Name the recordings of a folder, sorted, or the file itself; raises RecordingError where there is none."""
    if not path.is_dir():
        return (path,)
    found = tuple(sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES)))
    if not found:
        raise RecordingError(f"{path}: holds no recording. Give a folder with files ending in {' or '.join(SUFFIXES)}.")
    return found


class RecordingWriter:
    """Appends exchanges to a file of its own, each line whole or not at all.

    With `max_bytes` the file is one of a row, `name.0001.ndjson.gz` and so on: the next begins where one has reached
    that size. A file that exists is never written to, and none is made before the first exchange. For one thread.
    """

    def __init__(self, path: Path, header: Header, *, max_bytes: int | None = None) -> None:
        if not path.name.endswith(SUFFIXES):
            raise RecordingError(f"{path}: give a name that ends in {' or '.join(SUFFIXES)}.")
        self._path, self._header, self._max_bytes = path, header, max_bytes
        self._file: _Appended | None = None
        self.files: list[Path] = []
        self.written = 0

    def write(self, exchange: Exchange) -> int:
        """Append one exchange and return how many bytes the recording grew by.

        Raises RecordingError for a body that is no JSON, OSError where the disk refuses; then nothing was appended.
        """
        line = exchange_line(exchange)
        if len(line) > LONGEST_LINE:
            raise RecordingError(f"exchange {exchange.id}: longer than {LONGEST_LINE} bytes.")
        file = self._file or self._next()
        before = file.size
        file.append(line if before else header_line(self._header) + line)
        self.written += 1
        grown = file.size - before
        if self._max_bytes is not None and file.size >= self._max_bytes:
            self.close()
        return grown

    def close(self) -> None:
        """Finish the file; writing on begins the next one of a row."""
        file, self._file = self._file, None
        if file:
            file.close()
            if not file.size:
                self.files.pop().unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _next(self) -> "_Appended":
        path = self._path
        if self._max_bytes is not None:
            name, _, suffix = path.name.partition(".ndjson")
            path = path.with_name(f"{name}.{len(self.files) + 1:04}.ndjson{suffix}")
        self._file = _Appended(path)
        self.files.append(path)
        return self._file


class _Appended:
    """A new file for its user only; after a failed append it is as it was before."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._stream = zlib.compressobj(wbits=_GZIP) if path.name.endswith(".gz") else None
        self.size = 0

    def append(self, line: bytes) -> None:
        stream = self._stream.copy() if self._stream else None
        # Flushed with each line, so that a reader, or a crash, finds whole lines.
        self._put(stream.compress(line) + stream.flush(zlib.Z_SYNC_FLUSH) if stream else line)
        self._stream = stream

    def close(self) -> None:
        try:
            if self._stream:
                self._put(self._stream.flush())
        finally:
            os.close(self._descriptor)

    def _put(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += len(data)


def _opened(path: Path) -> BinaryIO:
    try:
        return cast(BinaryIO, gzip.open(path)) if path.name.endswith(".gz") else path.open("rb")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror}). Give a recording.") from None
