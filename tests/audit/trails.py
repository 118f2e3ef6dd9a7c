"""An audit trail in a folder, written as workers write it, and what somebody might do to its files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.audit.decision import Decision, Reaction
from service.audit.segment import Segment
from service.audit.trail import Trail, audit_key
from service.audit.verify import Verified, verified
from service.issued import Issued
from service.pseudonyms import Pseudonyms

NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
CARD = Issued("0f0e0d0c-0000-5000-8000-000000000001", "upadacitinib-biologic", "warning", ("infliximab",), {}, True)


def decision(at: datetime = NOON, outcome: str = "complete", patient: str | None = "p-1") -> Decision:
    return Decision(
        at=at,
        request_id="req-1",
        service="upadacitinib-combination-select",
        hook="order-select",
        client="ehr",
        status=200,
        outcome=outcome,
        knowledge_version="1.0.0",
        knowledge_sha256="ab" * 32,
        patient=patient,
        rules=("upadacitinib-biologic",),
        cards=(CARD,),
    )


@dataclass
class Site:
    """One installation with a trail; every worker of it is a `Trail` of its own."""

    folder: Path
    now: datetime = NOON
    workers: list[Trail] = field(default_factory=list)

    @property
    def trail(self) -> Path:
        return self.folder / "audit"

    @property
    def key(self) -> bytes:
        return audit_key(self.folder / "data")

    def worker(self, *, every_call: bool = False) -> Trail:
        self.trail.mkdir(parents=True, exist_ok=True)
        pseudonyms = Pseudonyms(self.folder / "data" / "pseudonym.key")
        made = Trail(self.trail, self.key, UTC, pseudonyms, lambda: self.now, every_call)
        self.workers.append(made)
        return made

    def wrote(self, *items: Decision | Reaction, worker: Trail | None = None) -> Path:
        """Have a worker write and end, and give the segment that it wrote last."""
        before = set(self.segments())
        used = worker or self.worker()
        for item in items:
            used.take(item)
        assert used.flush(20)
        used.close()
        return max(set(self.segments()) - before)

    def killed(self, *items: Decision) -> Path:
        """Leave a segment as a killed process does: without a seal, and nobody has its lock."""
        segment = Segment(self.trail, self.key, f"killed{len(self.segments())}", NOON.date(), self.now)
        for item in items:
            segment.write(item.said(Pseudonyms(self.folder / "data" / "pseudonym.key")), item.at)
        segment._file.close()
        return self.trail / segment.name

    def segments(self) -> list[Path]:
        return sorted(self.trail.glob("audit-*.ndjson"))

    def verified(self) -> Verified:
        return verified(self.trail, self.key)

    def alarms(self) -> list[str]:
        return [str(remark) for remark in self.verified().remarks if remark.alarm]

    def notes(self) -> list[str]:
        return [str(remark) for remark in self.verified().remarks if not remark.alarm]


def changed(file: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Write a file anew with its lines changed."""
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))


def days(number: int) -> timedelta:
    return timedelta(days=number)
