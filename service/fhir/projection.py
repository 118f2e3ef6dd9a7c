"""The part of a resource that we use, in R4 shape, as input for the model of its type.

Parsing costs by the number of nested elements, so only these are kept. Names and shapes of other versions that mean the
same are put into their R4 places; one object where FHIR wants a list becomes a list of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A dict is an object with these members, a list is a list of its one item, None is a value kept as it is.
Spec = Mapping[str, Any] | list[Any] | None

_CONCEPT: Spec = {"coding": [{"system": None, "code": None, "display": None}], "text": None}
_REFERENCE: Spec = {"reference": None, "display": None}
_PERIOD: Spec = {"start": None, "end": None}
_QUANTITY: Spec = {"value": None, "unit": None, "system": None, "code": None}
_REPEAT: Spec = {
    "boundsPeriod": _PERIOD,
    "boundsDuration": _QUANTITY,
    "boundsRange": {"low": _QUANTITY, "high": _QUANTITY},
    "frequency": None,
    "period": None,
    "periodUnit": None,
    "frequencyMax": None,
    "periodMax": None,
    "dayOfWeek": [None],
}
_DOSAGE: Spec = {
    "sequence": None,
    "text": None,
    "asNeededBoolean": None,
    "asNeededCodeableConcept": _CONCEPT,
    "timing": {"event": [None], "repeat": _REPEAT},
    "doseAndRate": [{"doseQuantity": _QUANTITY}],
}
_COMMON: Mapping[str, Any] = {"id": None, "meta": {"lastUpdated": None}, "status": None}
_DRUG: Mapping[str, Any] = {"medicationCodeableConcept": _CONCEPT, "medicationReference": _REFERENCE}
_REASON: Mapping[str, Any] = {"reasonCode": [_CONCEPT], "reasonReference": [_REFERENCE]}

SPECS: Mapping[str, Mapping[str, Any]] = {
    "MedicationRequest": {
        **_COMMON,
        **_DRUG,
        **_REASON,
        "statusReason": _CONCEPT,
        "subject": _REFERENCE,
        "intent": None,
        "doNotPerform": None,
        "authoredOn": None,
        "dosageInstruction": [_DOSAGE],
        "dispenseRequest": {
            "validityPeriod": _PERIOD,
            "numberOfRepeatsAllowed": None,
            "quantity": _QUANTITY,
            "expectedSupplyDuration": _QUANTITY,
        },
        "priorPrescription": _REFERENCE,
    },
    "MedicationStatement": {
        **_COMMON,
        **_DRUG,
        **_REASON,
        "statusReason": [_CONCEPT],
        "subject": _REFERENCE,
        "effectiveDateTime": None,
        "effectivePeriod": _PERIOD,
        "dateAsserted": None,
        "dosage": [_DOSAGE],
    },
    "MedicationAdministration": {
        **_COMMON,
        **_DRUG,
        **_REASON,
        "statusReason": [_CONCEPT],
        "subject": _REFERENCE,
        "effectiveDateTime": None,
        "effectivePeriod": _PERIOD,
        "dosage": {"dose": _QUANTITY},
    },
    "MedicationDispense": {
        **_COMMON,
        **_DRUG,
        "statusReasonCodeableConcept": _CONCEPT,
        "subject": _REFERENCE,
        "quantity": _QUANTITY,
        "daysSupply": _QUANTITY,
        "whenPrepared": None,
        "whenHandedOver": None,
        "dosageInstruction": [_DOSAGE],
    },
    "ServiceRequest": {
        **_COMMON,
        **_REASON,
        "subject": _REFERENCE,
        "intent": None,
        "doNotPerform": None,
        "code": _CONCEPT,
        "authoredOn": None,
    },
    "Condition": {
        "id": None,
        "clinicalStatus": _CONCEPT,
        "verificationStatus": _CONCEPT,
        "code": _CONCEPT,
        "subject": _REFERENCE,
        "encounter": _REFERENCE,
        "onsetDateTime": None,
        "onsetPeriod": _PERIOD,
        "abatementDateTime": None,
        "abatementPeriod": _PERIOD,
        "recordedDate": None,
    },
    "AllergyIntolerance": {
        "id": None,
        "clinicalStatus": _CONCEPT,
        "verificationStatus": _CONCEPT,
        "code": _CONCEPT,
        "patient": _REFERENCE,
    },
    "Patient": {"id": None, "birthDate": None},
}

# Names of other versions: DSTU2 (dateWritten, patient), STU3 (context, assertedDate), R5 (occurence, sic).
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "MedicationRequest": {
        "dateWritten": "authoredOn",
        "patient": "subject",
        "reasonCodeableConcept": "reasonCode",
        "reasonEnded": "statusReason",
    },
    "MedicationStatement": {"patient": "subject"},
    "MedicationAdministration": {
        "patient": "subject",
        "occurenceDateTime": "effectiveDateTime",
        "occurencePeriod": "effectivePeriod",
        "effectiveTimeDateTime": "effectiveDateTime",
        "effectiveTimePeriod": "effectivePeriod",
    },
    "MedicationDispense": {"patient": "subject"},
    "Condition": {
        "patient": "subject",
        "context": "encounter",
        "assertedDate": "recordedDate",
        "dateRecorded": "recordedDate",
    },
    "AllergyIntolerance": {"substance": "code"},
}
# Codes that were plain texts before R4.
_DOSAGES = ("dosageInstruction", "dosage")
_STATUSES = ("clinicalStatus", "verificationStatus")


@dataclass(slots=True)
class Projection:
    """What is kept of a resource. `doubts` name what could not be kept, `reshaped` says that a shape was corrected."""

    kind: str
    members: dict[str, Any]
    doubts: list[str] = field(default_factory=list)
    reshaped: bool = False


def project(resource: Mapping[str, Any], kind: str) -> Projection:
    """Project a resource of a type that `SPECS` knows."""
    projection = Projection(kind, {})
    members = _kept(_in_r4_places(resource, kind), SPECS[kind], "", projection)
    projection.members = {"resourceType": kind, **members}
    return projection


def _in_r4_places(resource: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    moved = dict(resource)
    for old, new in _RENAMED.get(kind, {}).items():
        if old in moved and new not in moved:
            moved[new] = moved.pop(old)
    if kind != "ServiceRequest" and isinstance(drug := moved.get("medication"), dict):
        moved.update({key: value for key, value in _drug(drug).items() if key not in moved})
    elif isinstance(code := moved.get("code"), dict) and isinstance(code.get("concept"), dict):
        moved["code"] = code["concept"]
    if isinstance(reasons := moved.get("reason"), dict | list):
        moved.update(_reasons(reasons))
    for name in _DOSAGES:
        if isinstance(dosages := moved.get(name), list):
            moved[name] = [_dosage(item) if isinstance(item, dict) else item for item in dosages]
    for name in _STATUSES:
        if isinstance(status := moved.get(name), str):
            moved[name] = {"coding": [{"code": status}]}
    return moved


def _drug(drug: Mapping[str, Any]) -> dict[str, Any]:
    """Split an R5 CodeableReference, or what some send in its place."""
    if isinstance(drug.get("concept"), dict):
        return {"medicationCodeableConcept": drug["concept"]}
    if isinstance(drug.get("reference"), dict):
        return {"medicationReference": drug["reference"]}
    return {"medicationReference" if "reference" in drug else "medicationCodeableConcept": drug}


def _dosage(dosage: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the dose of a dosage before R4 into the list where R4 has it."""
    if "doseAndRate" in dosage or not isinstance(dose := dosage.get("doseQuantity"), dict):
        return dosage
    return {**dosage, "doseAndRate": [{"doseQuantity": dose}]}


def _reasons(reasons: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    listed = [item for item in (reasons if isinstance(reasons, list) else [reasons]) if isinstance(item, dict)]
    return {
        "reasonCode": [item["concept"] for item in listed if isinstance(item.get("concept"), dict)],
        "reasonReference": [item["reference"] for item in listed if isinstance(item.get("reference"), dict)],
    }


def _kept(value: Mapping[str, Any], spec: Mapping[str, Any], path: str, projection: Projection) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, inner in spec.items():
        if (member := value.get(name)) is not None:
            part = _part(member, inner, f"{path}.{name}" if path else name, projection)
            if part is not None:
                kept[name] = part
    return kept


def _part(value: Any, spec: Spec, path: str, projection: Projection) -> Any:
    if isinstance(spec, list):
        if not isinstance(value, list):
            projection.reshaped = True
            value = [value]
        parts = [_part(item, spec[0], f"{path}[{index}]", projection) for index, item in enumerate(value)]
        # A place in the list is kept for a dosage that cannot be read: it has no end then, and neither has the order.
        return [({} if part is None else part) for part in parts if part is not None or spec[0] is _DOSAGE]
    if spec is None:
        return value
    if isinstance(value, list) and len(value) == 1:
        projection.reshaped = True
        value = value[0]
    if not isinstance(value, dict):
        projection.doubts.append(f"{path} not readable")
        return None
    return _kept(value, spec, path, projection)
