"""Which FHIR version a resource is written in: by its shape first, then by what the call says of its server.

CDS Hooks has no member for it. An element that not every version has is a mark; the marks of a type are looked at in
their order, and each leaves the versions that have it. What the versions that are left write alike is R4 unless the
call says otherwise. Elements: fhir.resources (R4B, R5, STU3), and FHIR 1.0.2 for DSTU2.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service.fhir import dstu2, r4, r5, stu3
from service.fhir.projection import Shape
from service.wire import FhirVersion

SHAPES: Mapping[FhirVersion, Shape] = {shape.version: shape for shape in (r4.SHAPE, stu3.SHAPE, dstu2.SHAPE, r5.SHAPE)}
_Versions = frozenset[FhirVersion]
_ALL: _Versions = frozenset(FhirVersion)
_NONE: _Versions = frozenset()
_2, _3, _4, _5 = (frozenset({version}) for version in FhirVersion)
# `name:form` is a mark of the form of an element, `name=code` of its value.
_Marks = Mapping[str, _Versions]


def _of(versions: _Versions, *names: str) -> dict[str, _Versions]:
    return dict.fromkeys(names, versions)


_DRUG: _Marks = {
    **_of(_5, "medication:codeable"),
    **_of(_NONE, "medication:object"),
    **_of(_2 | _3 | _4, "medicationCodeableConcept", "medicationReference"),
}
_MARKS: Mapping[str, _Marks] = {
    "MedicationRequest": {
        **_DRUG,
        **_of(_5, "reason", "statusChanged", "effectiveDosePeriod", "renderedDosageInstruction", "status=ended"),
        **_of(_4, "reportedBoolean", "reportedReference", "instantiatesCanonical", "instantiatesUri"),
        **_of(
            _4 | _5, "doNotPerform", "statusReason", "encounter", "courseOfTherapyType", "insurance", "category:list"
        ),
        **_of(_3 | _4, "reasonCode", "reasonReference", "detectedIssue"),
        **_of(_3, "context", "definition"),
        **_of(_NONE, "dateWritten", "dateEnded", "reasonEnded", "patient", "reasonCodeableConcept"),
    },
    "MedicationOrder": {
        **_of(_2, "dateWritten", "dateEnded", "reasonEnded", "patient", "prescriber", "reasonCodeableConcept"),
        **_of(_NONE, "subject", "authoredOn", "intent", "doNotPerform", "statusReason", "reasonCode", "medication"),
        **_of(_NONE, "reason:list", "reasonReference:list"),
    },
    "MedicationStatement": {
        **_DRUG,
        **_of(_2, "patient", "wasNotTaken", "reasonForUseCodeableConcept", "reasonForUseReference"),
        **_of(_3, "taken"),
        **_of(_5, "adherence", "reason", "status=recorded", "encounter", "relatedClinicalInformation"),
        **_of(_4, "statusReason", "status=not-taken", "status=unknown"),
        **_of(_2 | _3, "reasonNotTaken"),
        **_of(_3 | _4, "reasonCode", "reasonReference", "context", "basedOn", "status=stopped", "status=on-hold"),
        **_of(_3 | _4 | _5, "subject", "derivedFrom", "partOf"),
    },
    "MedicationAdministration": {
        **_DRUG,
        **_of(
            _2, "patient", "wasNotGiven", "effectiveTimeDateTime", "effectiveTimePeriod", "reasonGiven", "practitioner"
        ),
        **_of(_3, "notGiven", "definition"),
        **_of(_5, "occurenceDateTime", "occurencePeriod", "reason", "isSubPotent", "recorded"),
        **_of(_NONE, "occurrenceDateTime", "occurrencePeriod"),
        **_of(_2 | _3, "reasonNotGiven", "prescription"),
        **_of(_3 | _4, "effectiveDateTime", "effectivePeriod", "reasonCode", "reasonReference", "context"),
        **_of(_4 | _5, "request", "statusReason", "status=not-done"),
        **_of(_2 | _5, "encounter"),
        **_of(_3 | _4 | _5, "subject", "category", "performer"),
    },
    "MedicationDispense": {
        **_DRUG,
        **_of(_2, "patient", "dispenser"),
        **_of(_3, "notDone", "notDoneReasonCodeableConcept", "notDoneReasonReference"),
        **_of(_5, "notPerformedReason", "statusChanged", "recorded", "encounter", "renderedDosageInstruction"),
        **_of(_4, "statusReasonCodeableConcept", "statusReasonReference"),
        **_of(_3 | _4, "context", "detectedIssue"),
        **_of(_4 | _5, "location", "status=declined", "status=cancelled", "status=unknown"),
        **_of(_3 | _4 | _5, "subject", "performer", "partOf"),
    },
    "ServiceRequest": {
        **_of(_5, "reason", "code:codeable"),
        **_of(_4, "reasonCode", "reasonReference", "code:object"),
        **_of(_NONE, "orderedOn", "reasonCodeableConcept"),
    },
    "ProcedureRequest": {
        **_of(_2, "orderedOn", "orderer", "reasonCodeableConcept", "notes", "reasonReference:object"),
        **_of(_2, "scheduledDateTime", "scheduledPeriod", "scheduledTiming"),
        **_of(_3, "intent", "authoredOn", "requester", "doNotPerform", "reasonCode", "reasonReference:list"),
        **_of(_3, "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"),
    },
    "Condition": {
        **_of(_2, "patient", "dateRecorded", "notes", "onsetQuantity", "abatementQuantity"),
        **_of(_3, "context", "assertedDate"),
        **_of(_5, "participant"),
        **_of(_2 | _3, "clinicalStatus:text", "verificationStatus:text", "abatementBoolean"),
        **_of(_4 | _5, "clinicalStatus:object", "verificationStatus:object", "recordedDate"),
        **_of(_2 | _4 | _5, "encounter"),
        **_of(_3 | _4 | _5, "subject"),
        **_of(_2 | _3 | _4, "asserter"),
    },
    "AllergyIntolerance": {
        **_of(_2, "substance", "status", "reporter"),
        **_of(_3, "assertedDate", "clinicalStatus:text", "verificationStatus:text"),
        **_of(_5, "participant", "type:object"),
        **_of(_4 | _5, "clinicalStatus:object", "verificationStatus:object", "encounter"),
        **_of(_2 | _4 | _5, "recordedDate"),
        **_of(_3 | _4 | _5, "code"),
    },
}
# The same in the dosages of every type, and in their timing.
_DOSAGE_MARKS: _Marks = {
    **_of(_5, "asNeeded", "asNeededFor"),
    **_of(_4 | _5, "doseAndRate"),
    **_of(_2, "quantityQuantity", "quantity", "periodUnits", "boundsQuantity"),
    **_of(_3 | _4 | _5, "dose", "sequence", "periodUnit", "boundsDuration"),
}
# Senders of R4 write these as STU3 has them, so that what the call says of its server is believed before them.
_WEAK: _Marks = _of(_3, "category:object")
_WEAK_DOSAGE: _Marks = _of(_2 | _3, "doseQuantity")
_TYPES: Mapping[str, _Versions] = {
    "MedicationOrder": _2,
    "ProcedureRequest": _2 | _3,
    "MedicationRequest": _3 | _4 | _5,
    "ServiceRequest": _4 | _5,
}
# The elements of each type whose form is a mark.
_FORMED: Mapping[str, tuple[str, ...]] = {
    kind: tuple(dict.fromkeys(name for mark in (*marks, *_WEAK) for name, form, _ in [mark.partition(":")] if form))
    for kind, marks in _MARKS.items()
}
_PREFERRED = (FhirVersion.R4, FhirVersion.STU3, FhirVersion.DSTU2, FhirVersion.R5)


class Writing(msgspec.Struct, frozen=True):
    """The versions that a resource may be written in, and whether its marks contradict each other."""

    possible: _Versions
    mixed: bool = False

    @property
    def version(self) -> FhirVersion:
        """Name one version: R4 where it is possible."""
        return next(version for version in _PREFERRED if version in self.possible)

    @property
    def shape(self) -> Shape:
        """Return the shape to read the resource in: its version's own; for a mixture R4, which has a place for all."""
        return SHAPES[FhirVersion.R4 if self.mixed else self.version]


def writing_of(resource: Mapping[str, Any], hint: FhirVersion | None = None) -> Writing:
    """Say in which version a resource is written. `hint` decides between versions that write it alike."""
    kind = str(resource.get("resourceType"))
    members, dosages = _members(resource, kind), _dosage_members(resource)
    narrowing = _Narrowing(_TYPES.get(kind, _ALL))
    narrowing.by(_MARKS.get(kind, {}), members)
    narrowing.by(_DOSAGE_MARKS, dosages)
    if hint in narrowing.possible:
        narrowing.possible = frozenset({hint})
    narrowing.by(_WEAK if kind == "MedicationRequest" else {}, members)
    narrowing.by(_WEAK_DOSAGE, dosages)
    return Writing(narrowing.possible, narrowing.mixed)


def version_of_all(writings: Iterable[Writing], record: Iterable[Writing], hint: FhirVersion | None) -> FhirVersion:
    """Name the one version to answer in: that of the drafts, and where they leave it open that of the record."""
    possible = _ALL
    for writing in writings:
        possible = possible & writing.possible or possible
    if hint in possible:
        return hint
    told = possible
    for writing in record:
        told = told & writing.possible
    return Writing(told or possible).version


class _Narrowing(msgspec.Struct):
    possible: _Versions
    mixed: bool = False

    def by(self, marks: _Marks, members: frozenset[str]) -> None:
        for mark in filter(members.__contains__, marks):
            left = self.possible & marks[mark]
            self.mixed = self.mixed or not left
            self.possible = left or self.possible


def _members(resource: Mapping[str, Any], kind: str) -> frozenset[str]:
    """Return the marks that a resource bears: names of its elements, the form of some, its status."""
    names = [name for name in _MARKS.get(kind, {}).keys() & resource.keys() if resource[name] is not None]
    formed = [f"{name}:{_form(resource[name])}" for name in _FORMED.get(kind, ()) if resource.get(name) is not None]
    return frozenset((*names, *formed, f"status={resource.get('status')}"))


def _form(value: object) -> str:
    if isinstance(value, dict):
        codeable = isinstance(value.get("concept"), dict) or isinstance(value.get("reference"), dict)
        return "codeable" if codeable else "object"
    return "list" if isinstance(value, list) else "text"


def _dosage_members(resource: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for stated in (resource.get("dosageInstruction"), resource.get("dosage")):
        for dosage in stated if isinstance(stated, list) else [stated]:
            if isinstance(dosage, dict):
                found |= dosage.keys() | _repeat(dosage).keys()
    return frozenset(found)


def _repeat(dosage: Mapping[str, Any]) -> Mapping[str, Any]:
    timing = dosage.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    return repeat if isinstance(repeat, dict) else {}
