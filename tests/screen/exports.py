"""Synthetic bulk exports: seeded, of any size, and it is known who in them is on what.

Patients are made one after the other and written as they are made, so a large export costs no memory. In each file the
patients are shuffled within a window, and the files of a type are filled in turn: the resources of a patient lie apart.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import IO, Any

from tests.builders import (
    Json,
    administration,
    allergy,
    condition,
    dispense,
    dosage,
    medication_request,
    medicine,
    patient,
    statement,
)

ON = date(2026, 3, 2)
# So small that a test's export has dozens of them.
SMALL_CHUNKS = 40_000
# Of a thousand patients: so many with each record. The rest are on medicines that no rule speaks of.
_RECORDS: Mapping[str, int] = {
    "upadacitinib": 40,
    "upadacitinib + infliximab": 12,
    "upadacitinib + adalimumab": 9,
    "upadacitinib + azathioprine": 10,
    "upadacitinib + tofacitinib": 8,
    "upadacitinib + infliximab + azathioprine": 4,
    "upadacitinib + infliximab, sepsis": 3,
    "upadacitinib, adalimumab long ago": 10,
    "upadacitinib stopped + infliximab": 8,
    "adalimumab": 30,
    "local code": 6,
}
_OTHERS = ("metformin 500 MG Oral Tablet", "lisinopril 10 MG Oral Tablet", "atorvastatin 20 MG Oral Tablet")
_PROBLEMS = ("Essential hypertension", "Type 2 diabetes mellitus", "Low back pain")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an export: its patients by record, and how many lines it has."""

    records: Counter[str] = field(default_factory=Counter)
    lines: int = 0

    def with_pair(self, partner: str) -> int:
        """Count the patients on upadacitinib and a partner."""
        return sum(
            count
            for record, count in self.records.items()
            if partner in (drugs := _drug_names(record)) and drugs[0] == "upadacitinib"
        )

    @property
    def on_upadacitinib(self) -> int:
        """Count the patients on upadacitinib."""
        return sum(count for record, count in self.records.items() if _drug_names(record)[0] == "upadacitinib")


def _drug_names(record: str) -> list[str]:
    return record.partition(",")[0].split(" + ")


def write_export(
    folder: Path, patients: int, *, seed: int = 7, files: int = 2, compressed: bool = False, notes: int = 4
) -> Known:
    """Write an export of so many patients, each type of resource in so many files."""
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(seed)
    records: Counter[str] = Counter()
    with _Files(folder, files, compressed, random) as written:
        for known in _OTHER_MEDICATIONS:
            written.add(known)
        for number in range(patients):
            record = _record(random)
            records[record] += 1
            for resource in _resources(f"p{number}", record, random, notes):
                written.add(resource)
        lines = written.close()
    return Known(records, lines)


_OTHER_MEDICATIONS: tuple[Json, ...] = (
    {"resourceType": "Medication", "id": "m-upa", "code": medicine("upadacitinib")},
    {"resourceType": "Medication", "id": "m-other", "code": {"text": "metformin"}},
)


def _record(random: Random) -> str:
    at = random.randrange(1000)
    for record, share in _RECORDS.items():
        at -= share
        if at < 0:
            return record
    return "other"


def _resources(key: str, record: str, random: Random, notes: int) -> Iterator[Json]:
    who = {"subject": {"reference": f"Patient/{key}"}}
    day = ON - timedelta(days=random.randrange(1, 50))
    yield patient(key, birthDate=f"{random.randrange(1940, 2005)}-05-0{random.randrange(1, 9)}")
    yield from _drugs(key, record, day, who, random)
    for number in range(random.randrange(1, notes + 1)):
        yield medication_request(f"{key}-o{number}", random.choice(_OTHERS), authoredOn=str(day), **who)
        yield condition(f"{key}-c{number}", random.choice(_PROBLEMS), **who)
    yield condition(f"{key}-c", "crohn" if "upadacitinib" in record else "Asthma", **who)
    if random.random() < 0.2:
        yield allergy(f"{key}-a", "penicillin", patient=who["subject"])


def _drugs(key: str, record: str, day: date, who: Json, random: Random) -> Iterator[Json]:
    given = {"authoredOn": str(day), **who}
    made: Mapping[str, Callable[[], Json]] = {
        "upadacitinib": lambda: _upadacitinib(key, given, random),
        "upadacitinib stopped": lambda: medication_request(f"{key}-u", "upadacitinib", status="stopped", **given),
        "infliximab": lambda: administration(f"{key}-i", "infliximab", str(day), **who),
        "adalimumab": lambda: dispense(f"{key}-d", "adalimumab", str(day), 84, **who),
        "azathioprine": lambda: statement(f"{key}-z", "azathioprine", **who),
        "tofacitinib": lambda: medication_request(f"{key}-t", "tofacitinib", **given),
        "local code": lambda: medication_request(f"{key}-l", "", **{**given, "medicationCodeableConcept": _LOCAL}),
    }
    yield from (made[drug]() for drug in _drug_names(record) if drug in made)
    more = record.partition(", ")[2]
    if more == "sepsis":
        yield condition(f"{key}-s", "sepsis", recordedDate=str(ON), **who)
    elif more == "adalimumab long ago":
        ended = dosage("40 mg every 2 weeks", every=(2, "wk"), start="2023-01-01", end="2023-12-31")
        yield medication_request(f"{key}-d", "adalimumab", status="completed", dosageInstruction=[ended], **who)


_LOCAL = {"coding": [{"system": "urn:oid:1.2.3.4", "code": "77"}]}


def _upadacitinib(key: str, given: Json, random: Random) -> Json:
    """Name the drug by a reference or by a code."""
    order = medication_request(f"{key}-u", "upadacitinib", **given)
    if random.random() < 0.5:
        del order["medicationCodeableConcept"]
        base = random.choice(("", "https://ehr.example.org/fhir/"))
        order["medicationReference"] = {"reference": f"{base}Medication/m-upa"}
    return order


class _Files:
    """The open files of an export; resources of one patient go to different ones."""

    def __init__(self, folder: Path, files: int, compressed: bool, random: Random) -> None:
        self._folder, self._files, self._compressed, self._random = folder, files, compressed, random
        self._all = ExitStack()
        self._open: dict[str, IO[bytes]] = {}
        self._waiting: dict[str, list[bytes]] = {}
        self._lines = 0

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        self._all.close()

    def add(self, resource: Mapping[str, Any]) -> None:
        name = f"{resource['resourceType']}.{self._random.randrange(self._files)}.ndjson"
        waiting = self._waiting.setdefault(name, [])
        waiting.append(json.dumps(resource).encode() + b"\n")
        if len(waiting) == 500:
            self._write(name)

    def close(self) -> int:
        for name in sorted(self._waiting):
            self._write(name)
        return self._lines

    def _write(self, name: str) -> None:
        waiting = self._waiting.pop(name)
        self._random.shuffle(waiting)
        self._lines += len(waiting)
        if name not in self._open:
            path = self._folder / (f"{name}.gz" if self._compressed else name)
            # Both are files of bytes; their common type has no name.
            opened: Any = gzip.open if self._compressed else open
            self._open[name] = self._all.enter_context(opened(path, "wb"))
        self._open[name].writelines(waiting)
