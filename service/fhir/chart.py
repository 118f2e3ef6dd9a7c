"""The delivered record to facts: every resource gets the first look, and only those of interest the second."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from cards.model import AllergyFact, ConditionFact, Gap, MedicationFact, Origin
from cards.recognise import Recogniser
from service.errors import InvalidRequest
from service.fhir.conditions import allergy_fact, allergy_ingredients, birth_date, condition_fact, problem_codes
from service.fhir.library import Drug, MedicationLibrary, is_other_drug
from service.fhir.medications import KINDS, NEVER, medication_fact, status_of
from service.fhir.references import is_of_other_patient
from service.fhir.scan import Peek, Resource, Scan, decode, glance, parsed
from service.fhir.systems import concept_codes
from service.fhir.versions import Writing, writing_of
from service.wire import Deviation, FhirVersion


class ChartReading(msgspec.Struct, frozen=True):
    """The facts of the record, in the order of delivery, and what is missing from them.

    `unidentified` are the medication entries whose drug nothing names. `counts` has the number of delivered resources
    of each type that we read, `writings` in which FHIR version each one of interest is written.
    """

    medications: tuple[MedicationFact, ...] = ()
    conditions: tuple[ConditionFact, ...] = ()
    allergies: tuple[AllergyFact, ...] = ()
    birth_date: date | None = None
    unidentified: tuple[MedicationFact, ...] = ()
    gaps: Mapping[Gap, int] = msgspec.field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    writings: tuple[Writing, ...] = ()

    @property
    def versions(self) -> Mapping[FhirVersion, int]:
        """Return the number of resources of interest that are written in each FHIR version."""
        return dict(Counter(writing.version for writing in self.writings))


def read_chart(
    resources: Iterable[Resource],
    patient: str,
    library: MedicationLibrary,
    recogniser: Recogniser,
    hint: FhirVersion | None = None,
) -> ChartReading:
    """Read the delivered resources of a record.

    `library` holds the sibling Medications of the drafts; Medications among `resources` are added to it. `hint` is the
    FHIR version that the call names, for what several versions write alike. Raises
    InvalidRequest for a resource of ours whose JSON different readers would read differently (a repeated key).
    """
    delivered = _distinct(resources)
    reader = _Reader(patient, library.extended(delivered), recogniser, hint)
    for index, resource in enumerate(delivered):
        reader.read(resource, index)
    return ChartReading(
        tuple(reader.medications),
        tuple(reader.conditions),
        tuple(reader.allergies),
        reader.birth_date,
        tuple(reader.unidentified),
        dict(reader.gaps),
        tuple(reader.deviations),
        {kind: count for kind, count in Counter([item.kind for item in delivered]).items() if kind in _READ},
        tuple(reader.writings),
    )


_READ = frozenset({*KINDS, "Medication", "Condition", "AllergyIntolerance", "Patient"})


def _distinct(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Leave out a resource that was delivered twice, say under two prefetch keys."""
    delivered = tuple(resources)
    if len({(resource.kind, resource.id) for resource in delivered}) == len(delivered):
        return delivered
    first: dict[tuple[str, str], Resource] = {}
    others: set[bytes] = set()
    kept: list[Resource] = []
    for resource in delivered:
        if resource.id and (known := first.setdefault((resource.kind, resource.id), resource)) is not resource:
            if (text := bytes(resource.raw)) in others or text == bytes(known.raw):
                continue
            others.add(text)
        kept.append(resource)
    return tuple(kept)


class _Reader(msgspec.Struct):
    patient: str
    library: MedicationLibrary
    recogniser: Recogniser
    hint: FhirVersion | None = None
    medications: list[MedicationFact] = msgspec.field(default_factory=list)
    conditions: list[ConditionFact] = msgspec.field(default_factory=list)
    allergies: list[AllergyFact] = msgspec.field(default_factory=list)
    unidentified: list[MedicationFact] = msgspec.field(default_factory=list)
    birth_date: date | None = None
    gaps: Counter[Gap] = msgspec.field(default_factory=Counter)
    deviations: list[Deviation] = msgspec.field(default_factory=list)
    writings: list[Writing] = msgspec.field(default_factory=list)

    def read(self, resource: Resource, index: int) -> None:
        if resource.kind in KINDS:
            if not self._is_other_drug(resource):
                self._read_medication(resource, _ref(resource, index))
        elif resource.kind == "Condition":
            if not self._is_other_problem(resource):
                self._read_condition(resource, _ref(resource, index))
        elif resource.kind == "AllergyIntolerance":
            self._read_allergy(resource, _ref(resource, index))
        elif resource.kind == "Patient":
            self._read_patient(resource)

    def _writing(self, whole: Mapping[str, Any]) -> Writing:
        """Say in which version a resource of interest is written, and remember it."""
        self.writings.append(writing := writing_of(whole, self.hint))
        return writing

    def _is_other_drug(self, resource: Resource) -> bool:
        seen = resource.seen or glance(resource.raw)
        drug = seen.drug if seen is not None else None
        return drug is not None and is_other_drug(drug, self.recogniser)

    def _is_other_problem(self, resource: Resource) -> bool:
        seen = resource.seen or glance(resource.raw)
        return seen is not None and not self.recogniser.condition(concept_codes(seen.code))[0]

    def _read_medication(self, resource: Resource, ref: str) -> None:
        scan = decode(resource.raw, Scan)
        if scan is None:
            self.gaps[Gap.MEDICATION_UNREADABLE] += 1
            return
        drug = self.library.drug(scan)
        if not drug.identified:
            self._read_unidentified(resource, scan, drug, ref)
            return
        named = self.recogniser.named(drug.codes, drug.names)
        if not named:
            return
        if (whole := parsed(resource.raw, ref_place(resource))) is None:
            self.gaps[Gap.MEDICATION_UNREADABLE] += 1
            return
        writing = self._writing(whole)
        reading = medication_fact(whole, scan, drug, named, ref, Origin.CHART, self.patient, self.recogniser, writing)
        self.medications.append(reading.fact)
        self.deviations += reading.deviations

    def _read_unidentified(self, resource: Resource, scan: Scan, drug: Drug, ref: str) -> None:
        """Keep what the entry says of status and dates: these may tell that no drug in it would count."""
        try:
            whole = parsed(resource.raw, ref_place(resource))
        except InvalidRequest:
            whole = None  # a repeated key matters where a drug of ours is decided on, and here it only leaves the doubt
        if whole is None:
            self.gaps[Gap.MEDICATION_UNIDENTIFIED] += 1
            return
        writing = self._writing(whole)
        named = self.recogniser.named(drug.codes, drug.names)
        reading = medication_fact(whole, scan, drug, named, ref, Origin.CHART, self.patient, self.recogniser, writing)
        self.unidentified.append(reading.fact)

    def _read_condition(self, resource: Resource, ref: str) -> None:
        scan = decode(resource.raw, Scan)
        if scan is None:
            self.gaps[Gap.CONDITION_UNREADABLE] += 1
            return
        groups, by = self.recogniser.condition(problem_codes(scan))
        if groups and (whole := parsed(resource.raw, ref_place(resource))) is not None:
            reading = condition_fact(whole, scan, ref, self.patient, groups, by, self._writing(whole))
            self.conditions.append(reading.fact)
            self.deviations += reading.deviations

    def _read_allergy(self, resource: Resource, ref: str) -> None:
        scan = decode(resource.raw, Scan)
        if scan is None or is_of_other_patient(scan, self.patient):
            return
        ingredients = allergy_ingredients(scan, self.recogniser)
        if ingredients and (whole := parsed(resource.raw, ref_place(resource))) is not None:
            fact, deviations = allergy_fact(whole, scan, ref, ingredients, self._writing(whole))
            self.allergies.append(fact)
            self.deviations += deviations

    def _read_patient(self, resource: Resource) -> None:
        peek = decode(resource.raw, Peek)
        whole = parsed(resource.raw, ref_place(resource)) if peek and peek.id in (None, self.patient) else None
        if whole is not None and self.birth_date is None:
            self.birth_date = birth_date(whole)


def wanted_medications(resources: Iterable[Resource], patient: str, library: MedicationLibrary) -> tuple[str, ...]:
    """Return the references whose Medication alone would tell the drug of an entry, each once, in their order.

    An entry that never counts, or is of another patient, needs none.
    """
    delivered = tuple(resources)
    known = library.extended(delivered)
    # What has a concept for its drug refers to none.
    referring = (
        item for item in delivered if item.kind in KINDS and not ((seen := item.seen or glance(item.raw)) and seen.drug)
    )
    scans = (decode(item.raw, Scan) for item in referring)
    asking = (
        scan for scan in scans if scan and status_of(scan) not in NEVER and not is_of_other_patient(scan, patient)
    )
    drugs = map(known.drug, asking)
    return tuple(dict.fromkeys(item for drug in drugs if drug.unresolved for item in drug.missing))


def ref_place(resource: Resource) -> str:
    """Name a delivered resource in a message: by its type only, since an id may tell who it is about."""
    return f"A {resource.kind} of the record"


def _ref(resource: Resource, index: int) -> str:
    return f"{resource.kind}/{resource.id}" if resource.id else f"{resource.kind}/#chart-{index}"
