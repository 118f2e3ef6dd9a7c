"""What is kept of a chunk, laid down by patient: each file is a run of shares, and a share is found by its number.

A patient belongs to one share, whatever the file and the machine; so a share can be read, and its patients assessed,
without a look at the rest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from struct import Struct

import msgspec

from service.chunks import whole_file

_OFFSET = Struct("<Q")


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One resource of a patient; without a `kind` it only says that the patient is in the export.

    `decides` marks what a finding or a doubt can rest on: a subject drug, or a medicine that nothing names.
    """

    patient: str
    kind: str = ""
    decides: bool = False
    id: str | None = None
    raw: bytes = b""


_SHARE = msgspec.msgpack.Decoder(list[Kept])


def share_of(patient: str, shares: int) -> int:
    """Return the share that a patient belongs to."""
    return int.from_bytes(blake2b(patient.encode("utf-8", "surrogatepass"), digest_size=8).digest()) % shares


@dataclass(slots=True)
class Spill:
    """Writes what is kept of one task into files `<name>.<n>`, a further one for each `limit` bytes."""

    folder: Path
    name: str
    shares: int
    limit: int
    files: int = 0
    _kept: dict[int, list[Kept]] = field(default_factory=dict)
    _bytes: int = 0
    _patients: set[str] = field(default_factory=set)

    def seen(self, patient: str) -> None:
        """Note that a patient is in the export."""
        if patient not in self._patients:
            self.keep(Kept(patient))

    def keep(self, kept: Kept) -> None:
        """Keep a resource."""
        self._patients.add(kept.patient)
        self._kept.setdefault(share_of(kept.patient, self.shares), []).append(kept)
        self._bytes += len(kept.raw) + len(kept.patient) + _OVERHEAD
        if self._bytes > self.limit:
            self.flush()

    def flush(self) -> None:
        """Write what has come together."""
        if not self._kept:
            return
        with whole_file(self.folder / f"{self.name}.{self.files:06}") as file:
            at = _OFFSET.size * (self.shares + 1)
            kept = (self._kept.get(share) for share in range(self.shares))
            parts = [msgspec.msgpack.encode(share) if share else b"" for share in kept]
            offsets = [at]
            for part in parts:
                offsets.append(offsets[-1] + len(part))
            file.write(b"".join(map(_OFFSET.pack, offsets)))
            file.writelines(parts)
        self.files += 1
        self._kept, self._bytes, self._patients = {}, 0, set()


_OVERHEAD = 200


def read_share(files: Iterable[Path], share: int) -> Iterator[Kept]:
    """Yield what the files hold of one share, in their order."""
    for path in files:
        with path.open("rb") as file:
            file.seek(share * _OFFSET.size)
            start, end = (_OFFSET.unpack(file.read(_OFFSET.size))[0] for _ in range(2))
            file.seek(start)
            if end > start:
                yield from _SHARE.decode(file.read(end - start))
