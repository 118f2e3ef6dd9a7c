"""A chunk of an export to what an assessment would look at, by patient; everything else is counted and let go."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from service.answer import Engine
from service.errors import InvalidRequest
from service.fhir.conditions import allergy_ingredients, problem_codes
from service.fhir.scan import Scan, decode, parsed
from service.screen.export import MEDICATION_KINDS, READ_KINDS, Chunk, Part, open_part
from service.screen.formulary import Formulary
from service.screen.lines import Fault, lines
from service.screen.spill import Kept, Spill
from service.wire import last_two

FAULTS_SHOWN = 20
RUN_BYTES = 32 * 1024**2
_OWNER = re.compile(rb'"reference"\s*:\s*"(?:[^"\s]*/)?Patient/([A-Za-z0-9.\-]{1,64})["/]')
_KIND = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')


class Report(msgspec.Struct):
    """What a chunk was: its lines, its resources by type, and its faults, the first of each kind by line.

    Line numbers count from the beginning of the chunk.
    """

    lines: int = 0
    resources: dict[str, int] = {}
    faults: dict[str, int] = {}
    places: dict[str, list[int]] = {}


class _Person(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    birth_date: Any = None


def gather(part: Part, chunk: Chunk, engine: Engine, formulary: Path, spill: Spill) -> Report:
    """Read a chunk, and lay down what is of interest in it."""
    gatherer = _Gatherer(part.kind, engine, Formulary(formulary, engine.recogniser.local), spill)
    try:
        with open_part(part) as file:
            gatherer.read(lines(file, chunk.start, chunk.end))
    finally:
        gatherer.formulary.close()
    spill.flush()
    return gatherer.report()


@dataclass(slots=True)
class _Gatherer:
    expected: str | None
    engine: Engine
    formulary: Formulary
    spill: Spill
    number: int = 0
    resources: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[int]] = field(default_factory=dict)
    subjects: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        options = self.engine.options
        self.subjects = frozenset(self.engine.catalogue.subjects_in(options.jurisdiction, options.policy.disabled))

    def report(self) -> Report:
        return Report(self.number, dict(self.resources), dict(self.faults), self.places)

    def read(self, found: Iterable[bytes | Fault]) -> None:
        for line in found:
            self.number += 1
            if isinstance(line, Fault):
                self._fault(line)
            elif line := line.strip():
                self._read(line)

    def _fault(self, fault: Fault) -> None:
        self.faults[fault] += 1
        shown = self.places.setdefault(fault, [])
        if len(shown) < FAULTS_SHOWN:
            shown.append(self.number)

    def _read(self, line: bytes) -> None:
        scan = decode(line, Scan)
        if scan is None:
            self._fault(Fault.NOT_JSON)
            self._keep_broken(line)
            return
        kind = scan.resource_type
        if not kind:
            self._fault(Fault.NO_RESOURCE)
            return
        if kind != self.expected and self.expected is not None:
            self._fault(Fault.OTHER_TYPE)
        if kind not in READ_KINDS:
            return
        self.resources[kind] += 1
        if kind != "Medication":
            self._read_of_patient(kind, scan, line)

    def _read_of_patient(self, kind: str, scan: Scan, line: bytes) -> None:
        patient = scan.id if kind == "Patient" else owner(scan)
        if not patient:
            self._fault(Fault.NO_PATIENT)
        elif kind == "Patient":
            self._keep_person(patient, line)
        elif kind in MEDICATION_KINDS:
            self._keep_medication(patient, kind, scan, line)
        elif self._is_of_interest(kind, scan):
            self._keep(Kept(patient, kind, False, scan.id, line))
        else:
            self.spill.seen(patient)

    def _keep_broken(self, line: bytes) -> None:
        """Leave the doubt with the patient whom a broken line names: it may be a medicine of a combination."""
        said = _KIND.search(line)
        kind = self.expected or (said[1].decode("ascii") if said else "")
        owners = set(_OWNER.findall(line))
        if kind in READ_KINDS - {"Patient", "Medication"} and len(owners) == 1:
            self.spill.keep(Kept(owners.pop().decode("ascii"), kind, kind in MEDICATION_KINDS, None, line))

    def _keep_person(self, patient: str, line: bytes) -> None:
        person = decode(line, _Person)
        told = {"resourceType": "Patient", "id": patient, "birthDate": person.birth_date if person else None}
        self.spill.keep(Kept(patient, "Patient", False, patient, msgspec.json.encode(told)))

    def _keep_medication(self, patient: str, kind: str, scan: Scan, line: bytes) -> None:
        self.formulary.found.clear()
        drug = self.formulary.drug(scan)
        named = self.engine.recogniser.medication(drug.codes, drug.names).recognised if drug.identified else ()
        if drug.identified and not named:
            self.spill.seen(patient)
            return
        for medication in self.formulary.found:
            self.spill.keep(Kept(patient, medication.kind, False, medication.id, bytes(medication.raw)))
        decides = not drug.identified or any(item.ingredient in self.subjects for item in named)
        self._keep(Kept(patient, kind, decides, scan.id, line))

    def _is_of_interest(self, kind: str, scan: Scan) -> bool:
        if kind == "Condition":
            return bool(self.engine.recogniser.condition(problem_codes(scan))[0])
        return bool(allergy_ingredients(scan, self.engine.recogniser))

    def _keep(self, kept: Kept) -> None:
        """Keep a resource; one that different readers would read differently is kept as one that cannot be read."""
        try:
            parsed(kept.raw, kept.kind)
        except InvalidRequest:
            self._fault(Fault.TWO_READINGS)
            kept = Kept(kept.patient, kept.kind, kept.kind in MEDICATION_KINDS, kept.id)
        self.spill.keep(kept)


def owner(scan: Scan) -> str | None:
    """Return the id of the patient whom a resource is about, by a reference of any form."""
    subject = scan.subject if scan.subject is not None else scan.patient
    text = (subject.reference or "").strip() if subject else ""
    if text.startswith("urn:"):
        return text.rpartition(":")[2] or None
    kind, _, own = last_two(text).rpartition("/")
    return own if kind in ("Patient", "") and own and not own.startswith("#") else None
