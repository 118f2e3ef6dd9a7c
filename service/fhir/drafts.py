"""The drafts of an ordering session: which ingredients each one orders, and, on demand, its facts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import ValidationError, convert

from cards.model import MedicationFact, Origin, Recognised
from cards.recognise import Named, Recogniser
from service.fhir.library import Drug, MedicationLibrary, is_other_drug
from service.fhir.medications import DRAFT_KINDS, KINDS, Reading, medication_fact, status_of
from service.fhir.references import is_of_other_patient
from service.fhir.scan import Concept, Glance, Scan, of
from service.fhir.versions import Writing, writing_of
from service.wire import Deviation, FhirVersion, place_of, resource_id


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft as the first look sees it.

    `ref` is `Type/id`, or `Type/#index` without an id, and then `id` is None. `unresolved`: all it says about its
    drug is a reference that leads to nothing that was delivered.
    """

    ref: str
    id: str | None
    recognised: tuple[Recognised, ...]
    unresolved: bool
    other_patient: bool
    resource: Mapping[str, Any] = field(repr=False)
    hint: FhirVersion | None = field(repr=False)
    scan: Scan = field(repr=False)
    drug: Drug = field(repr=False)
    named: Named = field(repr=False)

    @property
    def unidentified(self) -> bool:
        """Say whether a drug was chosen that nothing names: a reference to nothing, or a local code without a word."""
        return self.unresolved or (self.drug.chosen and not self.drug.identified)

    @property
    def writing(self) -> Writing:
        """Say in which FHIR version the draft is written."""
        return writing_of(self.resource, self.hint)

    @property
    def orders(self) -> bool:
        """Say whether the draft asks for the drug to be given: a cancelled or stopped one asks for the contrary."""
        return status_of(self.scan) not in _NO_ORDER and not self.scan.do_not_perform


_NO_ORDER = frozenset({"cancelled", "entered-in-error", "stopped", "ended"})
_SERVICES = frozenset({"ServiceRequest", "ProcedureRequest", "DiagnosticOrder"})


@dataclass(frozen=True, slots=True)
class Drafts:
    """The medication drafts of a call, in their order."""

    items: tuple[Draft, ...]
    patient: str
    recogniser: Recogniser = field(repr=False)

    @property
    def ingredients(self) -> frozenset[str]:
        """Return every ingredient that is ordered for systemic use."""
        return frozenset(item.ingredient for draft in self.items for item in draft.recognised if item.systemic)

    @property
    def unresolved(self) -> tuple[Draft, ...]:
        """Return the drafts whose drug is not known."""
        return tuple(draft for draft in self.items if draft.unresolved)

    @property
    def unidentified(self) -> tuple[Draft, ...]:
        """Return this patient's drafts of which nobody can say whether their drug is one of ours."""
        return tuple(draft for draft in self.items if draft.unidentified and not draft.other_patient)


class DraftFacts(msgspec.Struct, frozen=True):
    """The facts of the drafts that order an ingredient of the catalogue, and what was odd about them."""

    medications: tuple[MedicationFact, ...]
    deviations: tuple[Deviation, ...] = ()
    writings: tuple[Writing, ...] = ()


def are_other_drugs(drafts: Sequence[Mapping[str, Any]], recogniser: Recogniser) -> bool:
    """Say at a glance that every medication draft names its drug by one concept, and none of the catalogue.

    What is left open is False: then `scan_drafts` tells.
    """
    concepts: list[Concept] = []
    for resource in drafts:
        kind = resource.get("resourceType")
        if kind not in DRAFT_KINDS:
            continue
        try:
            concept = convert(resource, Glance).drug if kind in KINDS else None
        except ValidationError:
            return False
        if concept is None:
            return False
        concepts.append(concept)
    return all(is_other_drug(concept, recogniser) for concept in concepts)


def scan_drafts(
    drafts: Sequence[Mapping[str, Any]],
    patient: str,
    library: MedicationLibrary,
    recogniser: Recogniser,
    hint: FhirVersion | None = None,
) -> Drafts:
    """Look up the drug of every draft; cheap, and enough to know whether a call is in scope.

    `hint` is the FHIR version that the call names, for drafts which several versions write alike.
    """
    items = (_draft(resource, index, patient, library, recogniser, hint) for index, resource in enumerate(drafts))
    return Drafts(tuple(item for item in items if item is not None), patient, recogniser)


def _draft(
    resource: Mapping[str, Any],
    index: int,
    patient: str,
    library: MedicationLibrary,
    recogniser: Recogniser,
    hint: FhirVersion | None,
) -> Draft | None:
    if resource.get("resourceType") not in DRAFT_KINDS or (scan := of(resource, Scan)) is None:
        return None
    drug = library.drug(scan)
    named = recogniser.named(drug.codes, drug.names)
    return Draft(
        ref=place_of(resource, index),
        id=resource_id(resource),
        recognised=_recognised(drug, named, recogniser),
        unresolved=drug.unresolved,
        other_patient=is_of_other_patient(scan, patient),
        resource=resource,
        hint=hint,
        scan=scan,
        drug=drug,
        named=named,
    )


def _recognised(drug: Drug, named: Named, recogniser: Recogniser) -> tuple[Recognised, ...]:
    if not named:
        return ()
    goes = drug.goes()
    return recogniser.placed(named, goes.codes, goes.texts).recognised


def draft_facts(drafts: Drafts) -> DraftFacts:
    """Read the drafts that order an ingredient of the catalogue through their models."""
    ours = [(draft, draft.writing) for draft in drafts.items if draft.recognised]
    readings = [_reading(draft, drafts, writing) for draft, writing in ours]
    several = (Deviation.DRAFTS_OF_SEVERAL_VERSIONS,) if len({writing.version for _, writing in ours}) > 1 else ()
    return DraftFacts(
        tuple(reading.fact for reading in readings),
        (*several, *(deviation for reading in readings for deviation in reading.deviations)),
        tuple(writing for _, writing in ours),
    )


def service_texts(drafts: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the texts of the tests and procedures that are ordered, as actions of ours would have written them."""
    ordered = (draft for draft in drafts if draft.get("resourceType") in _SERVICES and not _is_withdrawn(draft))
    return frozenset(text for draft in ordered for text in _texts(draft))


def _is_withdrawn(draft: Mapping[str, Any]) -> bool:
    status = draft.get("status")
    return isinstance(status, str) and status in _NO_ORDER


def _texts(draft: Mapping[str, Any]) -> Iterator[str]:
    """Yield text and displays of the code: R4, R5 (a CodeableReference), and DSTU2, where each item has one."""
    items = draft.get("item")
    for part in (draft, *(items if isinstance(items, list) else ())):
        code = part.get("code") if isinstance(part, dict) else None
        for concept in (code, code.get("concept") if isinstance(code, dict) else None):
            if isinstance(concept, dict):
                codings = concept.get("coding")
                coded = codings if isinstance(codings, list) else ()
                named = (each.get("display") for each in coded if isinstance(each, dict))
                yield from (text for text in (concept.get("text"), *named) if isinstance(text, str))


def _reading(draft: Draft, drafts: Drafts, writing: Writing) -> Reading:
    return medication_fact(
        draft.resource,
        draft.scan,
        draft.drug,
        draft.named,
        draft.ref,
        Origin.DRAFT,
        drafts.patient,
        drafts.recogniser,
        writing,
    )
