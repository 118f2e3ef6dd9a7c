"""The audit trail of this process: decisions queued behind their answers, and written by one thread.

Off unless the site names a folder, and never a reason to fail. What is lost is counted at `/readyz`, and
said in the chain itself.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from uuid import uuid4

from service import telemetry
from service.audit.decision import OUT_OF_SCOPE, Decision, Reaction
from service.audit.segment import Segment
from service.background import Background
from service.errors import SettingsError
from service.folders import prepared
from service.pseudonyms import Pseudonyms
from service.secret_file import secret_in
from service.settings import Settings
from service.telemetry import Counts

KEY_FILE = "audit.key"
LONGEST_QUEUE = 10_000
WRITTEN, LOST = "written", "lost-"


@dataclass(slots=True)
class Trail:
    """Takes the decisions of this process; each worker writes segments of its own, from its first decision on."""

    folder: Path
    key: bytes = field(repr=False)
    zone: tzinfo
    pseudonyms: Pseudonyms
    clock: Callable[[], datetime]
    every_call: bool = False
    counts: Counts = field(default_factory=Counts)
    _queue: Background[Decision | Reaction] = field(init=False)
    _segment: Segment | None = None
    _process: int = 0
    _worker: str = ""
    _told: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._queue = Background(self._keep, capacity=LONGEST_QUEUE, lost=self._lose, closed=self.close)

    @classmethod
    def of_site(cls, settings: Settings, pseudonyms: Pseudonyms, clock: Callable[[], datetime]) -> "Trail | None":
        """Prepare folder and key; None where the site keeps no trail. Raises SettingsError."""
        if settings.audit_dir is None:
            return None
        folder, key = prepared("audit_dir", settings.audit_dir), audit_key(settings.data_dir)
        return cls(folder, key, settings.zone, pseudonyms, clock, settings.audit_calls == "all")

    def take(self, item: Decision | Reaction) -> None:
        """Queue what is to be written. Never waits, never raises."""
        if self.every_call or not isinstance(item, Decision) or item.outcome != OUT_OF_SCOPE:
            self._queue.give(item)

    def flush(self, seconds: float) -> bool:
        """Wait for what is queued; say whether all of it is done."""
        return self._queue.flush(seconds)

    def close(self) -> None:
        """Say what was lost, and seal the segment of this process."""
        segment, self._segment = self._segment, None
        if segment is not None and self._process == os.getpid():
            now = self.clock()
            self._say_what_was_lost(segment, now)
            segment.seal(now)

    def _keep(self, item: Decision | Reaction) -> None:
        segment = self._of_day(item.at)
        self._say_what_was_lost(segment, item.at)
        segment.write(item.said(self.pseudonyms), item.at)
        self.counts.add((WRITTEN,))

    def _of_day(self, at: datetime) -> Segment:
        """Return the segment to write to. A day ends with the first decision of the next one."""
        day, before = at.astimezone(self.zone).date(), self._segment
        if self._process != os.getpid():
            # What the parent has open is the parent's to write.
            self._process, self._told, before = os.getpid(), {}, None
        elif before is not None and day <= before.day:
            return before
        self._segment = None
        if before is None:
            self._worker = uuid4().hex[:12]
        else:
            before.seal(at)
        self._segment = Segment(self.folder, self.key, self._worker, day, at, before)
        return self._segment

    def _say_what_was_lost(self, segment: Segment, now: datetime) -> None:
        seen = {name: number for name, number in self.counts.seen().items() if name.startswith(LOST)}
        new = {name.removeprefix(LOST): number - self._told.get(name, 0) for name, number in seen.items()}
        if lost := {reason: number for reason, number in new.items() if number}:
            segment.write({"kind": "lost", "entries": sum(lost.values()), "reasons": lost}, now)
            self._told = seen

    def _lose(self, reason: str, number: int) -> None:
        name = LOST + reason
        if name not in self.counts.seen():
            telemetry.write("audit-lost", level=logging.ERROR, problems=[reason])
        self.counts.add([name] * number)


def audit_key(data_dir: Path) -> bytes:
    """Return the key of the chains, made if there is none. Raises SettingsError."""
    try:
        return secret_in(data_dir / KEY_FILE)
    except OSError as error:
        raise SettingsError(
            f"data_dir {data_dir}: the key {KEY_FILE} cannot be made or read ({error.strerror or 'damaged'}). "
            "Mend the folder, or put the key back."
        ) from None
