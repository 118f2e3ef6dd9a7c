"""FHIR R4 and R4B, and every mixture of versions.

The models are those of R4B: fhir.resources has none of R4, and no element read here differs between the two. R4 has a
place for everything that is read of any version, so a resource in which versions are mixed is moved into R4 places.
"""

from collections.abc import Callable, Mapping
from typing import Any

from service.fhir.negation import is_true
from service.fhir.projection import COMMON, CONCEPT, DRUG, PERIOD, QUANTITY, REFERENCE, REPEAT, SUPPLY, Shape
from service.wire import FhirVersion

_Split = Callable[[Any], dict[str, Any]]
REASON: Mapping[str, Any] = {"reasonCode": [CONCEPT], "reasonReference": [REFERENCE]}
DOSAGE: Mapping[str, Any] = {
    "sequence": None,
    "text": None,
    "asNeededBoolean": None,
    "asNeededCodeableConcept": CONCEPT,
    "timing": {"event": [None], "repeat": REPEAT},
    "doseAndRate": [{"doseQuantity": QUANTITY}],
}

SPECS: Mapping[str, Mapping[str, Any]] = {
    "MedicationRequest": {
        **COMMON,
        **DRUG,
        **REASON,
        "statusReason": CONCEPT,
        "subject": REFERENCE,
        "intent": None,
        "doNotPerform": None,
        "authoredOn": None,
        "dosageInstruction": [DOSAGE],
        "dispenseRequest": SUPPLY,
        "priorPrescription": REFERENCE,
    },
    "MedicationStatement": {
        **COMMON,
        **DRUG,
        **REASON,
        "statusReason": [CONCEPT],
        "subject": REFERENCE,
        "effectiveDateTime": None,
        "effectivePeriod": PERIOD,
        "dateAsserted": None,
        "dosage": [DOSAGE],
    },
    "MedicationAdministration": {
        **COMMON,
        **DRUG,
        **REASON,
        "statusReason": [CONCEPT],
        "subject": REFERENCE,
        "effectiveDateTime": None,
        "effectivePeriod": PERIOD,
        "dosage": {"dose": QUANTITY},
    },
    "MedicationDispense": {
        **COMMON,
        **DRUG,
        "statusReasonCodeableConcept": CONCEPT,
        "subject": REFERENCE,
        "quantity": QUANTITY,
        "daysSupply": QUANTITY,
        "whenPrepared": None,
        "whenHandedOver": None,
        "dosageInstruction": [DOSAGE],
    },
    "ServiceRequest": {
        **COMMON,
        **REASON,
        "subject": REFERENCE,
        "intent": None,
        "doNotPerform": None,
        "code": CONCEPT,
        "authoredOn": None,
    },
    "Condition": {
        "id": None,
        "clinicalStatus": CONCEPT,
        "verificationStatus": CONCEPT,
        "code": CONCEPT,
        "subject": REFERENCE,
        "encounter": REFERENCE,
        "onsetDateTime": None,
        "onsetPeriod": PERIOD,
        "abatementDateTime": None,
        "abatementPeriod": PERIOD,
        "recordedDate": None,
    },
    "AllergyIntolerance": {
        "id": None,
        "clinicalStatus": CONCEPT,
        "verificationStatus": CONCEPT,
        "code": CONCEPT,
        "patient": REFERENCE,
    },
    "Patient": {"id": None, "birthDate": None},
}

_KINDS = {"MedicationOrder": "MedicationRequest", "ProcedureRequest": "ServiceRequest"}
_EVENT: Mapping[str, str] = {
    f"{stem}{choice}": f"effective{choice}"
    for stem in ("occurence", "occurrence", "effectiveTime")
    for choice in ("DateTime", "Period")
}
# What the other versions call an element of R4 that they write in the same form.
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "MedicationRequest": {
        "dateWritten": "authoredOn",
        "patient": "subject",
        "reasonCodeableConcept": "reasonCode",
        "reasonEnded": "statusReason",
    },
    "MedicationStatement": {
        "patient": "subject",
        "reasonForUseCodeableConcept": "reasonCode",
        "reasonForUseReference": "reasonReference",
    },
    "MedicationAdministration": {"patient": "subject", "reasonGiven": "reasonCode", **_EVENT},
    "MedicationDispense": {"patient": "subject"},
    "ServiceRequest": {"orderedOn": "authoredOn", "reasonCodeableConcept": "reasonCode"},
    "Condition": {
        "patient": "subject",
        "context": "encounter",
        "assertedDate": "recordedDate",
        "dateRecorded": "recordedDate",
    },
    "AllergyIntolerance": {"substance": "code"},
}
_STATUSES = ("clinicalStatus", "verificationStatus")
_DOSES = ("doseQuantity", "quantityQuantity")
_HOLDERS = (dict, list)


def _model(kind: str) -> Any:
    from fhir.resources.R4B import get_fhir_model_class

    return get_fhir_model_class(kind)


def _in_r4_places(resource: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    moved = dict(resource)
    renamed = _RENAMED.get(kind, {})
    # Hardly any resource has one of them.
    for old, new in () if moved.keys().isdisjoint(renamed) else renamed.items():
        if old in moved and new not in moved:
            moved[new] = moved.pop(old)
    for name, split in _SPLIT.get(kind, {}).items():
        if isinstance(value := moved.get(name), _HOLDERS):
            moved.update({key: part for key, part in split(value).items() if key == name or key not in moved})
    for name in _STATUSES:
        if isinstance(status := moved.get(name), str):
            moved[name] = {"coding": [{"code": status}]}
    return moved


def _drug(drug: Any) -> dict[str, Any]:
    """Split an R5 CodeableReference, or what some send in its place."""
    if not isinstance(drug, dict):
        return {}
    if isinstance(drug.get("concept"), dict):
        return {"medicationCodeableConcept": drug["concept"]}
    if isinstance(drug.get("reference"), dict):
        return {"medicationReference": drug["reference"]}
    return {"medicationReference" if "reference" in drug else "medicationCodeableConcept": drug}


def _reasons(reasons: Any) -> dict[str, Any]:
    listed = [item for item in (reasons if isinstance(reasons, list) else [reasons]) if isinstance(item, dict)]
    return {
        "reasonCode": [item["concept"] for item in listed if isinstance(item.get("concept"), dict)],
        "reasonReference": [item["reference"] for item in listed if isinstance(item.get("reference"), dict)],
    }


def _part_of(member: str, name: str) -> _Split:
    """Take one member of an object as an element of its own."""
    return lambda value: {name: value[member]} if isinstance(value, dict) and member in value else {}


def _dosages(name: str) -> _Split:
    def split(value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return {name: _dosage(value)}
        return {name: [_dosage(item) if isinstance(item, dict) else item for item in value]}

    return split


def _given(dosage: Any) -> dict[str, Any]:
    """Put the dose of a dose given where R4 has it; DSTU2 calls it quantity."""
    quantity = dosage.get("quantity") if isinstance(dosage, dict) else None
    return {"dosage": {"dose": quantity, **dosage}} if quantity is not None else {}


def _dosage(dosage: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put dose, need and timing of another version where R4 has them."""
    moved = dict(dosage)
    dose = next((dosage[name] for name in _DOSES if isinstance(dosage.get(name), dict)), None)
    if dose is not None and "doseAndRate" not in dosage:
        moved["doseAndRate"] = [{"doseQuantity": dose}]
    if is_true(dosage.get("asNeeded")) or dosage.get("asNeededFor"):
        moved.setdefault("asNeededBoolean", True)
    timing = dosage.get("timing")
    if isinstance(timing, dict) and isinstance(repeat := timing.get("repeat"), dict):
        moved["timing"] = {**timing, "repeat": _repeat(repeat)}
    return moved


def _repeat(repeat: Mapping[str, Any]) -> Mapping[str, Any]:
    moved = dict(repeat)
    for old, new in (("periodUnits", "periodUnit"), ("boundsQuantity", "boundsDuration")):
        if old in moved:
            moved.setdefault(new, moved.pop(old))
    return moved


_OF_ALL: Mapping[str, _Split] = {"medication": _drug, "reason": _reasons}
# What the other versions write in another form, and how it is split into elements of R4.
_SPLIT: Mapping[str, Mapping[str, _Split]] = {
    "MedicationRequest": {**_OF_ALL, "dosageInstruction": _dosages("dosageInstruction")},
    "MedicationStatement": {
        **_OF_ALL,
        "adherence": _part_of("reason", "statusReason"),
        "dosage": _dosages("dosage"),
    },
    "MedicationAdministration": {**_OF_ALL, "dosage": _given},
    "MedicationDispense": {
        **_OF_ALL,
        "notPerformedReason": _part_of("concept", "statusReasonCodeableConcept"),
        "dosageInstruction": _dosages("dosageInstruction"),
    },
    "ServiceRequest": {"reason": _reasons, "code": _part_of("concept", "code")},
}

SHAPE = Shape(FhirVersion.R4, SPECS, _model, kinds=_KINDS, placed=_in_r4_places)
