"""The index of a folder: a chain of its own that says which segments were opened, sealed, found abandoned and pruned.

A segment that is missing as a whole is told by it. It is written to by every worker, each time under its lock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from service.audit.appended import Appended
from service.audit.chain import Head, Line, linked, read_line

INDEX = "index.ndjson"
SEGMENTS = "audit-*.ndjson"


class Event(StrEnum):
    """What became of a segment."""

    OPENED = "opened"
    SEALED = "sealed"
    ABANDONED = "abandoned"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the index says of a segment; `head` is where its chain ended, and None while it is open."""

    event: Event
    head: Head | None = None


class Index:
    """The index of one folder. Every method raises OSError where the folder cannot be used."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._path, self._key = folder, folder / INDEX, key

    def opened(self, segment: str, at: datetime) -> None:
        """Enter a segment that begins, and every open one whose writer is gone."""
        with Appended(self._path) as file:
            lines = _whole_lines(file)
            for name, standing in standings(line.said for line in lines).items():
                if standing.event is Event.OPENED and (head := _abandoned(self._folder / name)):
                    self._append(file, _entry(Event.ABANDONED, name, at, head))
            self._append(file, _entry(Event.OPENED, segment, at))

    def sealed(self, segment: str, at: datetime, head: Head) -> None:
        """Enter that a segment is finished."""
        with Appended(self._path) as file:
            self._append(file, _entry(Event.SEALED, segment, at, head))

    def pruned(self, segments: Mapping[str, Head], at: datetime) -> None:
        """Enter which segments are about to be deleted, and where their chains ended."""
        with Appended(self._path) as file:
            for name, head in segments.items():
                self._append(file, _entry(Event.PRUNED, name, at, head))

    def _append(self, file: Appended, said: Mapping[str, Any]) -> None:
        lines = _whole_lines(file)
        line, _ = linked(said, Head(lines[-1].number, lines[-1].hash) if lines else Head(), self._key)
        file.append(line)
        file.keep()


def standings(entries: Iterable[Mapping[str, Any]]) -> dict[str, Standing]:
    """Return what the entries of an index say of each segment, in the order in which they were opened."""
    found: dict[str, Standing] = {}
    for said in entries:
        head = Head(said["lines"], said["last"]) if "last" in said else None
        found[said["segment"]] = Standing(Event(said["event"]), head)
    return found


def _entry(event: Event, segment: str, at: datetime, head: Head | None = None) -> dict[str, Any]:
    ended = {} if head is None else {"lines": head.lines, "last": head.last}
    return {"time": at.isoformat(timespec="milliseconds"), "event": event, "segment": segment, **ended}


def _whole_lines(file: Appended) -> list[Line]:
    """Read the index; a line that was cut off when its writer died says nothing, and is taken away."""
    content = file.content()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.cut(whole)
    return [line for raw in content[:whole].splitlines(keepends=True) if (line := read_line(raw))]


def _abandoned(segment: Path) -> Head | None:
    """Return where a segment ends that nobody writes to any more; None while somebody does, or where it is gone."""
    if not segment.exists():
        return None
    try:
        with Appended(segment, wait=False) as file:
            content = file.content()
    except BlockingIOError:
        return None
    lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
    last = next((line for raw in reversed(lines) if (line := read_line(raw))), None)
    return Head(last.number, last.hash) if last else Head()
