"""Lines that hold on to each other: NDJSON, each with the hash of the one before and a hash of itself.

The hash is HMAC-SHA256 (FIPS 198-1) over the bytes of the line up to it, with a key of the installation: who may
write to the files and has no key cannot make a line that fits.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from service.secret_file import keyed_digest

START = "0" * 64
"""What the first line of a chain has in the place of the hash before it."""

_LINE = re.compile(rb'(\{"previous":"([0-9a-f]{64})","line":(\d{1,12}),.*),"hash":"([0-9a-f]{64})"\}\n')


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: how many lines it has, and the hash of the last one."""

    lines: int = 0
    last: str = START


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was found: `number` is what it calls itself, `hashed` what it was hashed over."""

    hashed: bytes
    previous: str
    number: int
    hash: str

    @property
    def said(self) -> dict[str, Any]:
        """Return the fields of the line, without those that chain it."""
        fields: dict[str, Any] = msgspec.json.decode(self.hashed + b"}")
        return {name: value for name, value in fields.items() if name not in ("previous", "line")}


def key_id(key: bytes) -> str:
    """Name a key, so that lines made with another one can be told from altered ones."""
    return hashlib.sha256(b"audit key " + key).hexdigest()[:12]


def linked(said: Mapping[str, Any], head: Head, key: bytes) -> tuple[bytes, Head]:
    """Return the next line of a chain, with its newline, and where the chain stands then."""
    hashed = msgspec.json.encode({"previous": head.last, "line": head.lines + 1, **said})[:-1]
    digest = _hash(hashed, key)
    return hashed + b',"hash":"' + digest.encode() + b'"}\n', Head(head.lines + 1, digest)


def read_line(line: bytes) -> Line | None:
    """Read a line with its newline; None for one that is not of a chain at all."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    try:
        msgspec.json.decode(found[1] + b"}")
    except msgspec.DecodeError:
        return None
    return Line(found[1], found[2].decode(), int(found[3]), found[4].decode())


def checked(lines: Iterable[bytes], key: bytes, head: Head) -> Iterator[tuple[int, Line | None, str | None]]:
    """Yield each line with its place in the file and what is wrong with it.

    After a fault the chain goes on from the line as it was found, so that one fault is told once.
    """
    for place, line in enumerate(lines, 1):
        found = read_line(line)
        if found is None:
            yield place, None, "is no line of an audit trail: it was altered"
            head = Head(head.lines + 1, "")
            continue
        yield place, found, _fault(found, head, key)
        head = Head(found.number, found.hash)


def _fault(line: Line, head: Head, key: bytes) -> str | None:
    if _hash(line.hashed, key) != line.hash:
        return "was altered: its hash is not that of its content"
    if line.number > head.lines + 1:
        return f"follows on a gap: this is line {line.number} of the chain, and {head.lines + 1} was to come"
    if line.number < head.lines + 1:
        return f"is out of order or repeated: this is line {line.number} of the chain, and {head.lines + 1} was to come"
    if head.last and line.previous != head.last:
        return "does not follow on the line before it: one of the two was exchanged"
    return None


def _hash(hashed: bytes, key: bytes) -> str:
    return keyed_digest(key, "audit", hashed.decode()).hex()
