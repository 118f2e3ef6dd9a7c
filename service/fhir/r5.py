"""FHIR R5, as it differs from R4 (elements: fhir.resources, the root package).

R5 has one CodeableReference where R4 has a concept and a reference. Administrations have `occurence[x]`, spelt so.
"""

from collections.abc import Mapping
from typing import Any

from service.fhir import r4
from service.fhir.projection import CONCEPT, PERIOD, REFERENCE, Read, Shape
from service.wire import FhirVersion

_EITHER: Mapping[str, Any] = {"concept": CONCEPT, "reference": REFERENCE}
_DOSAGE: Mapping[str, Any] = {
    **{name: spec for name, spec in r4.DOSAGE.items() if not name.startswith("asNeeded")},
    "asNeeded": None,
    "asNeededFor": [CONCEPT],
}
_DRUG: Mapping[str, Any] = {"medication": _EITHER}
_REASON: Mapping[str, Any] = {"reason": [_EITHER]}


def _kept(kind: str, *left: str) -> Mapping[str, Any]:
    """Return what R5 shares with R4: neither medication[x] nor reasonCode and reasonReference."""
    gone = {"medicationCodeableConcept", "medicationReference", "reasonCode", "reasonReference", *left}
    return {name: spec for name, spec in r4.SPECS[kind].items() if name not in gone}


SPECS: Mapping[str, Mapping[str, Any]] = {
    "MedicationRequest": {
        **_kept("MedicationRequest"),
        **_DRUG,
        **_REASON,
        "statusChanged": None,
        "dosageInstruction": [_DOSAGE],
    },
    "MedicationStatement": {
        **_kept("MedicationStatement", "statusReason"),
        **_DRUG,
        **_REASON,
        "adherence": {"code": CONCEPT, "reason": CONCEPT},
        "dosage": [_DOSAGE],
    },
    "MedicationAdministration": {
        **_kept("MedicationAdministration", "effectiveDateTime", "effectivePeriod"),
        **_DRUG,
        **_REASON,
        "occurenceDateTime": None,
        "occurencePeriod": PERIOD,
    },
    "MedicationDispense": {
        **_kept("MedicationDispense", "statusReasonCodeableConcept"),
        **_DRUG,
        "notPerformedReason": _EITHER,
        "dosageInstruction": [_DOSAGE],
    },
    "ServiceRequest": {**_kept("ServiceRequest"), **_REASON, "code": _EITHER},
    "Condition": r4.SPECS["Condition"],
    "AllergyIntolerance": r4.SPECS["AllergyIntolerance"],
    "Patient": r4.SPECS["Patient"],
}


def _of_reasons(part: str) -> Read:
    def read(model: Any) -> list[Any]:
        found = (getattr(item, part, None) for item in model.reason or ())
        return [item for item in found if item is not None]

    return read


_REASONS: Mapping[str, Read] = {"reasonCode": _of_reasons("concept"), "reasonReference": _of_reasons("reference")}
_READS: Mapping[str, Mapping[str, Read]] = {
    "MedicationRequest": _REASONS,
    "MedicationStatement": {**_REASONS, "statusReason": lambda model: getattr(model.adherence, "reason", None)},
    "MedicationAdministration": {
        **_REASONS,
        "effectiveDateTime": lambda model: model.occurenceDateTime,
        "effectivePeriod": lambda model: model.occurencePeriod,
    },
    "MedicationDispense": {
        "statusReasonCodeableConcept": lambda model: getattr(model.notPerformedReason, "concept", None)
    },
    "ServiceRequest": _REASONS,
}


def _model(kind: str) -> Any:
    from fhir.resources import get_fhir_model_class

    return get_fhir_model_class(kind)


SHAPE = Shape(FhirVersion.R5, SPECS, _model, _READS)
