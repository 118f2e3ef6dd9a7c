"""The Medication resources of an export, on disk: orders refer to them, and there may be as many as orders."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import msgspec

from service.fhir import MedicationLibrary, Resource
from service.fhir.library import Inside
from service.fhir.scan import MedicationScan, Peek, decode
from service.screen.export import Part, open_part
from service.screen.lines import lines
from service.wire import last_two

_KIND = "Medication"


def build_formulary(parts: Sequence[Part], file: Path) -> None:
    """Write the Medications of the parts into a database; the first of those with one id counts."""
    partial = file.with_suffix(".part")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    with closing(sqlite3.connect(partial)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE medication (place INTEGER PRIMARY KEY, id TEXT NOT NULL, raw BLOB NOT NULL)")
        with database:
            rows = chain.from_iterable(_medications(part) for part in parts if part.kind in (_KIND, None))
            database.executemany("INSERT INTO medication (id, raw) VALUES (?, ?)", rows)
        # The index is made at the end, by sorting: filling it row by row would read all over a large file.
        database.execute("CREATE INDEX by_id ON medication (id)")
    partial.replace(file)


def _medications(part: Part) -> Iterator[tuple[str, bytes]]:
    with open_part(part) as file:
        for line in lines(file):
            peek = decode(line, Peek) if isinstance(line, bytes) else None
            if peek is not None and peek.resource_type == _KIND and peek.id and isinstance(line, bytes):
                yield peek.id, line.strip()


class Formulary(MedicationLibrary):
    """A library that looks in the database for what is not contained in the resource itself.

    `found` are the Medications that were looked up since it was last emptied, in their order.
    """

    def __init__(self, file: Path, local: frozenset[str]) -> None:
        """Open a database that `build_formulary` wrote; `local` are codes of the site's own."""
        super().__init__(local=local)
        self.found: list[Resource] = []
        self._database = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def find(self, reference: str, inside: Inside) -> MedicationScan | None:
        """Find the Medication of a reference: among what is contained, else by type and id."""
        if (contained := super().find(reference, inside)) is not None:
            return contained
        kind, _, own = last_two(reference).rpartition("/")
        if kind != _KIND:
            return None
        query = "SELECT raw FROM medication WHERE id = ? ORDER BY place LIMIT 1"
        row = self._database.execute(query, (own,)).fetchone()
        if row is None:
            return None
        self.found.append(Resource(_KIND, msgspec.Raw(row[0]), own))
        return decode(row[0], MedicationScan)
