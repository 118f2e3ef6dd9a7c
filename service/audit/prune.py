"""Retention: whole segments are deleted, never lines, and the index says which."""

from datetime import date, datetime
from pathlib import Path

from service.audit.chain import Head, read_line
from service.audit.index import INDEX, Event, Index, standings
from service.audit.verify import Verified, segment_lines, verified

_DAY = slice(len("audit-"), len("audit-YYYY-MM-DD"))


def pruned(folder: Path, key: bytes, before: date, now: datetime) -> tuple[str, ...] | Verified:
    """Delete the finished segments of days before a day, and name them; nothing of a trail that is not intact.

    It is in the index before anything is gone, so a prune that breaks off is finished by the next. Raises OSError.
    """
    found = verified(folder, key)
    if not found.intact:
        return found
    raw = segment_lines(folder / INDEX)[0] if (folder / INDEX).exists() else []
    known = standings(line.said for one in raw if (line := read_line(one)))
    old = {name: known[name] for name in known if (folder / name).exists() and _day(name) < before}
    ended: dict[str, Head] = {
        name: one.head for name, one in old.items() if one.head is not None and one.event is not Event.PRUNED
    }
    Index(folder, key).pruned(ended, now)
    gone = sorted({*ended, *(name for name, one in old.items() if one.event is Event.PRUNED)})
    for name in gone:
        (folder / name).unlink()
    return tuple(gone)


def _day(segment: str) -> date:
    return date.fromisoformat(segment[_DAY])
