"""The models that a resource of an action has to pass, whole: fhir.resources, and for DSTU2 a table of FHIR 1.0.2.

The table of the service holds what it reads; an update is the client's own draft with everything in it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from fhir_core.types import BooleanType, CodeType, DecimalType, StringType, UriType

from service.fhir.dstu2 import TABLE, made_class
from service.fhir.versions import SHAPES
from service.wire import FhirVersion

_CODING = {
    "system": UriType,
    "version": StringType,
    "code": CodeType,
    "display": StringType,
    "userSelected": BooleanType,
}
_CONCEPT = {"coding": [_CODING], "text": StringType}
_REFERENCE = {"reference": StringType, "display": StringType}
_QUANTITY = {"value": DecimalType, "comparator": CodeType, "unit": StringType, "system": UriType, "code": CodeType}
_ORDER: Mapping[str, Any] = TABLE["MedicationOrder"]
_WRITTEN: Mapping[str, tuple[Mapping[str, Any], frozenset[str]]] = {
    "MedicationOrder": (
        {
            **_ORDER,
            "prescriber": _REFERENCE,
            "encounter": _REFERENCE,
            "note": StringType,
            "dosageInstruction": [
                {
                    **_ORDER["dosageInstruction"][0],
                    "additionalInstructions": _CONCEPT,
                    "siteCodeableConcept": _CONCEPT,
                    "siteReference": _REFERENCE,
                    "route": _CONCEPT,
                    "method": _CONCEPT,
                    "doseRange": {"low": _QUANTITY, "high": _QUANTITY},
                }
            ],
        },
        frozenset(),
    ),
    "DiagnosticOrder": (
        {"subject": _REFERENCE, "status": CodeType, "item": [{"code": _CONCEPT}]},
        frozenset({"subject"}),
    ),
}


@cache
def model_of(version: FhirVersion, kind: str) -> Any:
    """Return the model of a type of resource in a version."""
    return made_class(kind, *_WRITTEN[kind]) if version is FhirVersion.DSTU2 else SHAPES[version].model(kind)
