"""A bulk export to the parts that a screening reads: from a folder, from files, or from the manifest of an export.

A part is a file of NDJSON at any fsspec address, compressed or not. The type of its resources is in the manifest, its
name or its first line; a file that mixes types is read whole. Files of other types are left out, and counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any

import fsspec
import msgspec
from fsspec.core import url_to_fs

from service.errors import InvalidRequest
from service.fhir.medications import KINDS
from service.fhir.scan import Peek, decode

MEDICATION_KINDS = frozenset(KINDS)
READ_KINDS = MEDICATION_KINDS | {"Medication", "Condition", "AllergyIntolerance", "Patient"}
_NDJSON = re.compile(r"\.(ndjson|jsonl)(\.(gz|bz2|xz|zst))?$", re.IGNORECASE)
_COMPRESSED = re.compile(r"\.(gz|bz2|xz|zst|zip)$", re.IGNORECASE)
_MANIFEST = "manifest.json"
_PEEK_BYTES = 1 << 20
# How much text a byte of a compressed file is taken for, where only an order of magnitude matters.
EXPANSION = 10


class Part(msgspec.Struct, frozen=True):
    """One file: its file system (as JSON of fsspec) and path, its `name` for a reader, and what is known of it.

    `kind` is the type of its resources, None for a mixed file. `stamp` changes when the file does.
    """

    system: str
    path: str
    name: str
    kind: str | None
    size: int
    stamp: str
    splittable: bool


class Chunk(msgspec.Struct, frozen=True):
    """The lines of a part that start in a range of its bytes; `end` is None for the rest of it."""

    part: int
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Export:
    """The parts to read, how many files of other types were left out, and what the manifest says is missing."""

    parts: tuple[Part, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """Return the types that the parts hold; a mixed part may hold them all."""
        return frozenset().union(*(READ_KINDS if part.kind is None else {part.kind} for part in self.parts))


class _Output(msgspec.Struct):
    url: str
    type: str | None = None


class _Link(msgspec.Struct):
    relation: str | None = None


class _Manifest(msgspec.Struct):
    """The manifest of an export (FHIR Bulk Data Access, BulkDataManifest)."""

    output: list[_Output]
    error: list[Any] | None = None
    deleted: list[Any] | None = None
    link: list[_Link] | None = None


def find_export(addresses: Iterable[str]) -> Export:
    """Find the parts of an export; raises InvalidRequest that names the address which cannot be read."""
    finder = _Finder()
    for address in addresses:
        finder.add(address)
    if finder.kinds.isdisjoint(MEDICATION_KINDS):
        raise InvalidRequest(
            "The export holds no medication list: give the files of MedicationRequest, MedicationStatement, "
            "MedicationAdministration or MedicationDispense too."
        )
    return Export(tuple(finder.parts.values()), dict(sorted(finder.left_out.items())), tuple(finder.notes))


@cache
def chunks_of(parts: tuple[Part, ...], chunk_bytes: int) -> tuple[Chunk, ...]:
    """Cut the parts into chunks; a compressed part can only be read from its beginning, so it is one."""
    return tuple(
        Chunk(index, start, start + chunk_bytes if start + chunk_bytes < part.size else None)
        for index, part in enumerate(parts)
        for start in (range(0, part.size, chunk_bytes) if part.splittable and part.size else (0,))
    )


def text_size(parts: Iterable[Part]) -> int:
    """Estimate the bytes of text in the parts."""
    return sum(part.size if part.splittable else part.size * EXPANSION for part in parts)


def open_part(part: Part) -> IO[bytes]:
    """Open a part for reading, uncompressed; raises InvalidRequest that names it."""
    try:
        system = fsspec.AbstractFileSystem.from_json(part.system)
        opened: IO[bytes] = system.open(part.path, "rb", compression=None if part.splittable else "infer")
    except (OSError, ValueError, ImportError) as error:
        raise _unreadable(part.name, error) from None
    return opened


def _unreadable(name: str, error: Exception) -> InvalidRequest:
    # The text of a file system's error may repeat an address with a password in it.
    reason = f"install {error.name}" if isinstance(error, ImportError) and error.name else type(error).__name__
    return InvalidRequest(f"{name}: cannot be read ({reason}). Give files, a folder or the manifest of a bulk export.")


@dataclass(slots=True)
class _Finder:
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[str]:
        return Export(tuple(self.parts.values())).kinds

    def add(self, address: str) -> None:
        shown = address.rpartition("@")[2] if "@" in address else address
        try:
            system, path = url_to_fs(address)
            if not system.isdir(path):
                self._add_file(system, path, None)
            elif system.isfile(manifest := f"{path.rstrip('/')}/{_MANIFEST}"):
                self._add_manifest(system, manifest)
            else:
                self._add_folder(system, path)
        except (OSError, ValueError, ImportError) as error:
            raise _unreadable(shown, error) from None

    def _add_file(self, system: Any, path: str, kind: str | None) -> None:
        if path.lower().endswith(".json"):
            self._add_manifest(system, path)
            return
        self._add_part(system, path, _last(path), kind)

    def _add_folder(self, system: Any, folder: str) -> None:
        for path in sorted(item for item in system.find(folder) if _NDJSON.search(item)):
            self._add_part(system, path, path[len(folder.rstrip("/")) :].lstrip("/"), None)

    def _add_manifest(self, system: Any, path: str) -> None:
        try:
            manifest = msgspec.json.decode(system.cat_file(path), type=_Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise InvalidRequest(
                f"{_last(path)}: is no manifest of a bulk export. Give the JSON that the server answered when the "
                "export was complete."
            ) from None
        folder = path.rpartition("/")[0]
        for output in manifest.output:
            if output.type in READ_KINDS or output.type is None:
                self._add_output(system, folder, output)
            else:
                self.left_out[output.type] += 1
        self.notes += _notes(manifest)

    def _add_output(self, system: Any, folder: str, output: _Output) -> None:
        """Take a file of the manifest: downloaded, it lies beside it; else it is read where the manifest says."""
        beside = f"{folder}/{_last(output.url.partition('?')[0])}"
        if "://" not in output.url:
            self._add_part(system, f"{folder}/{output.url}", output.url, output.type)
        elif system.exists(beside):
            self._add_part(system, beside, _last(beside), output.type)
        else:
            try:
                there, path = url_to_fs(output.url)
                self._add_part(there, path, _last(path), output.type)
            except (OSError, ValueError, ImportError) as error:
                raise InvalidRequest(
                    f"{_last(beside)}: the manifest names this file, which is not beside it and cannot be read where "
                    f"it says ({type(error).__name__}). Download the files of the export into one folder."
                ) from None

    def _add_part(self, system: Any, path: str, name: str, kind: str | None) -> None:
        known = system.info(path)
        stamp = next((str(known[key]) for key in _STAMPS if known.get(key)), "")
        splittable = not _COMPRESSED.search(path)
        size = int(known.get("size") or 0)
        found = Part(system.to_json(), path, name, kind or _kind_in(name), size, stamp, splittable)
        if found.kind is None:
            other = _kind_of_first_line(found)
            if other is not None and other not in READ_KINDS and other in _words(name):
                self.left_out[other] += 1
                return
            found = msgspec.structs.replace(found, kind=other if other in _words(name) else None)
        self.parts.setdefault((found.system, path), found)


_STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")


def _words(name: str) -> list[str]:
    return re.split(r"[^A-Za-z]+", _last(name))


def _kind_in(name: str) -> str | None:
    return next((word for word in _words(name) if word in READ_KINDS), None)


def _kind_of_first_line(part: Part) -> str | None:
    try:
        with open_part(part) as file:
            first = file.read(_PEEK_BYTES).lstrip().partition(b"\n")[0]
    except (OSError, EOFError):
        return None  # cut or damaged: whoever reads the lines says so, with their number
    peek = decode(first, Peek)
    return peek.resource_type if peek else None


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _notes(manifest: _Manifest) -> Iterator[str]:
    if manifest.error:
        yield f"the manifest names {len(manifest.error)} file(s) of errors: look whether the export is complete"
    if manifest.deleted:
        yield f"the manifest names {len(manifest.deleted)} file(s) of deletions, not read: screen a full export"
    if any(link.relation == "next" for link in manifest.link or ()):
        yield "the manifest goes on in a further one: give that one too"
