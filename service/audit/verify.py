"""Is the trail as it was written? Each line of each segment against its chain, each segment against the index."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.audit.chain import START, Head, Line, checked, key_id
from service.audit.index import INDEX, SEGMENTS, Event, Standing, standings

FAULTS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a file, at a line of it (0: about all of it). An `alarm` says that the trail was changed."""

    file: str
    line: int
    what: str
    alarm: bool = True

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: remarks in the order of the files, how much was read, and the last hash of the index.

    Who keeps that hash elsewhere can later tell that nothing was cut off from the end: see `known`.
    """

    remarks: tuple[Remark, ...]
    segments: int
    lines: int
    head: str
    hashes: frozenset[str] = frozenset()

    @property
    def intact(self) -> bool:
        """Say whether nothing is wrong."""
        return not any(remark.alarm for remark in self.remarks)

    def known(self, head: str) -> bool:
        """Say whether the index goes on from a hash that it ended with earlier."""
        return head == START or head in self.hashes


def verified(folder: Path, key: bytes) -> Verified:
    """Verify the trail in a folder, also while it is written to. Raises OSError where it cannot be read."""
    # The files before the index: a segment is there before the index has it, and in the index before it has a line.
    files = sorted(path.name for path in folder.glob(SEGMENTS))
    entries, remarks = _index(folder, key)
    known, lines = standings(line.said for line in entries), 0
    for name in sorted({*files, *known}):
        told, read = _segment(folder / name, key, known)
        remarks += told
        lines += read
    hashes = frozenset(line.hash for line in entries)
    return Verified(tuple(remarks), len(files), lines, entries[-1].hash if entries else START, hashes)


def segment_lines(path: Path) -> tuple[list[bytes], bool]:
    """Return the whole lines of a file, and whether the last one was cut off. Raises OSError."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    return content[:whole].splitlines(keepends=True), whole < len(content)


def _index(folder: Path, key: bytes) -> tuple[list[Line], list[Remark]]:
    path = folder / INDEX
    if not path.exists():
        segments = any(folder.glob(SEGMENTS))
        return [], [Remark(INDEX, 0, "is missing: which segments there were cannot be told")] if segments else []
    raw, _ = segment_lines(path)
    found = list(checked(raw, key, Head()))
    remarks = [Remark(INDEX, place, fault) for place, _, fault in found if fault]
    return [line for _, line, _ in found if line], remarks[:FAULTS_TOLD]


def _segment(path: Path, key: bytes, known: Mapping[str, Standing]) -> tuple[list[Remark], int]:
    name, standing = path.name, known.get(path.name)
    pruned = standing is not None and standing.event is Event.PRUNED
    if not path.exists():
        return [] if pruned else [Remark(name, 0, "is missing: the index has it, and nobody pruned it")], 0
    raw, cut_off = segment_lines(path)
    found = list(checked(raw, key, Head(0, "")))
    remarks = [Remark(name, place, fault) for place, _, fault in found if fault][:FAULTS_TOLD]
    lines = [line for _, line, _ in found if line]
    if lines:
        remarks += _beginning(name, lines[0], key, known)
    if standing is None:
        remarks += [Remark(name, 0, "is not in the index", alarm=bool(raw))]
    else:
        remarks += _end(name, standing, Head(len(raw), lines[-1].hash if lines else START), cut_off=cut_off)
    return remarks, len(raw)


def _beginning(name: str, first: Line, key: bytes, known: Mapping[str, Standing]) -> Iterator[Remark]:
    said = first.said
    if said.get("kind") != "open" or said.get("segment") != name:
        yield Remark(name, 1, "does not open this segment: lines before it are gone, or the file was exchanged")
        return
    if said["key"] != key_id(key):
        yield Remark(name, 1, f"was made with another key ({said['key']}): give the data folder that holds that one")
    before = said["after"]
    standing = known.get(before) if before else None
    head = standing.head if standing else None
    if before and standing is None:
        yield Remark(name, 1, f"follows on {before}, which the index does not have")
    elif first.previous != (head.last if head else first.previous if before else START):
        yield Remark(name, 1, f"does not follow on the end of {before or 'nothing'}, as it says")


def _end(name: str, standing: Standing, found: Head, *, cut_off: bool) -> Iterator[Remark]:
    head = standing.head
    if standing.event is Event.PRUNED:
        yield Remark(name, 0, "was pruned and is still there: prune again", alarm=False)
    if head is None:
        yield Remark(name, 0, "has no seal yet: it is being written, or its process was killed", alarm=False)
    elif found.lines < head.lines:
        yield Remark(name, 0, f"was cut off: it has {found.lines} lines, and had {head.lines} when it ended")
    elif found.lines > head.lines:
        yield Remark(name, head.lines + 1, "came after the end of the segment")
    elif found.last != head.last:
        yield Remark(name, head.lines, "is not the line with which the segment ended")
    if standing.event is Event.ABANDONED:
        yield Remark(name, 0, "ends without a seal: its process was killed", alarm=False)
    if cut_off:
        sealed = standing.event is Event.SEALED
        what = "has a last line that was cut off" + ("" if sealed else ", as by a process that was killed")
        yield Remark(name, found.lines + 1, what, alarm=sealed)
