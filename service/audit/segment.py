"""A segment: the decisions of one worker on one day, in a file with a first line, a chain, and a seal at its end."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from service import __version__
from service.audit.appended import Appended
from service.audit.chain import Head, key_id, linked
from service.audit.index import Index


class Segment:
    """Writes one segment. Every method raises OSError where the folder cannot be used.

    `after` names the segment that this worker wrote before, whose last hash the first line carries on.
    """

    def __init__(
        self, folder: Path, key: bytes, worker: str, day: date, now: datetime, after: "Segment | None" = None
    ) -> None:
        self.day, self.name = day, f"audit-{day}-{worker}.ndjson"
        self._index, self._key = Index(folder, key), key
        self._head = Head(0, after.last) if after else Head()
        self._file = Appended(folder / self.name, new=True)
        begun = {"kind": "open", "segment": self.name, "worker": worker, "day": str(day), "key": key_id(key)}
        try:
            # In the index before anything is in the file: what is in a file can then never be gone unnoticed.
            self._index.opened(self.name, now)
            self.write({**begun, "version": __version__, "after": after.name if after else None}, now)
        except OSError:
            self._file.close()
            raise

    @property
    def last(self) -> str:
        """Return the hash of the last line."""
        return self._head.last

    def write(self, said: Mapping[str, Any], now: datetime) -> None:
        """Append one line."""
        line, head = linked({"time": now.isoformat(timespec="milliseconds"), **said}, self._head, self._key)
        self._file.append(line)
        self._head = head

    def seal(self, now: datetime) -> None:
        """Write the last line and let go of the file."""
        try:
            self.write({"kind": "seal"}, now)
            self._file.keep()
            self._index.sealed(self.name, now, self._head)
        finally:
            self._file.close()
