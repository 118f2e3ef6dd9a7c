"""FHIR STU3, as it differs from R4 (elements: fhir.resources, package STU3)."""

from collections.abc import Mapping
from typing import Any

from service.fhir import r4
from service.fhir.projection import COMMON, CONCEPT, PERIOD, QUANTITY, REFERENCE, Read, Shape
from service.wire import FhirVersion

_DOSAGE: Mapping[str, Any] = {
    **{name: spec for name, spec in r4.DOSAGE.items() if name != "doseAndRate"},
    "doseQuantity": QUANTITY,
}


def _without(kind: str, *names: str) -> Mapping[str, Any]:
    return {name: spec for name, spec in r4.SPECS[kind].items() if name not in names}


SPECS: Mapping[str, Mapping[str, Any]] = {
    "MedicationRequest": {
        **_without("MedicationRequest", "statusReason", "doNotPerform"),
        "dosageInstruction": [_DOSAGE],
    },
    "MedicationStatement": {**_without("MedicationStatement", "statusReason"), "taken": None, "dosage": [_DOSAGE]},
    "MedicationAdministration": {**_without("MedicationAdministration", "statusReason"), "notGiven": None},
    "MedicationDispense": {
        **_without("MedicationDispense", "statusReasonCodeableConcept"),
        "notDone": None,
        "dosageInstruction": [_DOSAGE],
    },
    # What is a ServiceRequest from R4 on.
    "ProcedureRequest": {
        **COMMON,
        **r4.REASON,
        "subject": REFERENCE,
        "intent": None,
        "doNotPerform": None,
        "code": CONCEPT,
        "authoredOn": None,
    },
    # The statuses of problems and allergies are codes, not concepts.
    "Condition": {
        "id": None,
        "clinicalStatus": None,
        "verificationStatus": None,
        "code": CONCEPT,
        "subject": REFERENCE,
        "context": REFERENCE,
        "onsetDateTime": None,
        "onsetPeriod": PERIOD,
        "abatementDateTime": None,
        "abatementPeriod": PERIOD,
        "assertedDate": None,
    },
    "AllergyIntolerance": {
        "id": None,
        "clinicalStatus": None,
        "verificationStatus": None,
        "code": CONCEPT,
        "patient": REFERENCE,
    },
    "Patient": r4.SPECS["Patient"],
}
_READS: Mapping[str, Mapping[str, Read]] = {
    "Condition": {"encounter": lambda model: model.context, "recordedDate": lambda model: model.assertedDate}
}


def _model(kind: str) -> Any:
    from fhir.resources.STU3 import get_fhir_model_class

    return get_fhir_model_class(kind)


SHAPE = Shape(FhirVersion.STU3, SPECS, _model, _READS)
