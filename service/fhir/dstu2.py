"""FHIR DSTU2: a small table of our own, since fhir.resources has no models of it.

Elements, types and cardinalities are those of FHIR 1.0.2 (hl7.org/fhir/DSTU2, the page of each type, and Timing), as
far as they are read. A leaf is a primitive type, an object has members, a list has one item.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_core.types import (
    BooleanType,
    CodeType,
    DateTimeType,
    DateType,
    DecimalType,
    IdType,
    InstantType,
    IntegerType,
    StringType,
    UnsignedIntType,
    UriType,
)
from pydantic import ConfigDict, Field, create_model, model_validator

from service.fhir.projection import Read, Shape
from service.wire import FhirVersion


@dataclass(frozen=True, slots=True)
class _As:
    """An element, and the name that R4 gives it: by that the rest of this package asks."""

    name: str
    kind: Any


_CONCEPT = {"coding": [{"system": UriType, "code": CodeType, "display": StringType}], "text": StringType}
_REFERENCE = {"reference": StringType, "display": StringType}
_PERIOD = {"start": DateTimeType, "end": DateTimeType}
_QUANTITY = {"value": DecimalType, "unit": StringType, "system": UriType, "code": CodeType}
_TIMING = {
    "event": [DateTimeType],
    "repeat": {
        "boundsPeriod": _PERIOD,
        "boundsQuantity": _As("boundsDuration", _QUANTITY),
        "boundsRange": {"low": _QUANTITY, "high": _QUANTITY},
        "frequency": IntegerType,
        "frequencyMax": IntegerType,
        "period": DecimalType,
        "periodMax": DecimalType,
        "periodUnits": _As("periodUnit", CodeType),
    },
}
_DOSAGE = {
    "text": StringType,
    "timing": _TIMING,
    "asNeededBoolean": BooleanType,
    "asNeededCodeableConcept": _CONCEPT,
    "doseQuantity": _QUANTITY,
}
_TAKEN_DOSAGE = {
    **{name: kind for name, kind in _DOSAGE.items() if name != "doseQuantity"},
    "quantityQuantity": _As("doseQuantity", _QUANTITY),
}
_COMMON = {"id": IdType, "meta": {"lastUpdated": InstantType}, "status": CodeType}
_DRUG = {"medicationCodeableConcept": _CONCEPT, "medicationReference": _REFERENCE}
_PATIENT = {"patient": _As("subject", _REFERENCE)}
_SUPPLY = {
    "validityPeriod": _PERIOD,
    # A positive integer in 1.0.2; 0 is what is written for no refill, and means that.
    "numberOfRepeatsAllowed": UnsignedIntType,
    "quantity": _QUANTITY,
    "expectedSupplyDuration": _QUANTITY,
}
TABLE: Mapping[str, Mapping[str, Any]] = {
    "MedicationOrder": {
        **_COMMON,
        **_DRUG,
        **_PATIENT,
        "dateWritten": _As("authoredOn", DateTimeType),
        "dateEnded": DateTimeType,
        "reasonEnded": _As("statusReason", _CONCEPT),
        "reasonCodeableConcept": _CONCEPT,
        "reasonReference": _REFERENCE,
        "dosageInstruction": [_DOSAGE],
        "dispenseRequest": _SUPPLY,
        "priorPrescription": _REFERENCE,
    },
    "MedicationStatement": {
        **_COMMON,
        **_DRUG,
        **_PATIENT,
        "wasNotTaken": BooleanType,
        "reasonForUseCodeableConcept": _As("reasonCodeableConcept", _CONCEPT),
        "reasonForUseReference": _As("reasonReference", _REFERENCE),
        "effectiveDateTime": DateTimeType,
        "effectivePeriod": _PERIOD,
        "dateAsserted": DateTimeType,
        "dosage": [_TAKEN_DOSAGE],
    },
    "MedicationAdministration": {
        **_COMMON,
        **_DRUG,
        **_PATIENT,
        "wasNotGiven": BooleanType,
        "reasonGiven": _As("reasonCode", [_CONCEPT]),
        "effectiveTimeDateTime": _As("effectiveDateTime", DateTimeType),
        "effectiveTimePeriod": _As("effectivePeriod", _PERIOD),
        "dosage": {"quantity": _As("dose", _QUANTITY)},
    },
    "MedicationDispense": {
        **_COMMON,
        **_DRUG,
        **_PATIENT,
        "quantity": _QUANTITY,
        "daysSupply": _QUANTITY,
        "whenPrepared": DateTimeType,
        "whenHandedOver": DateTimeType,
        "dosageInstruction": [_DOSAGE],
    },
    "ProcedureRequest": {
        **_COMMON,
        "subject": _REFERENCE,
        "code": _CONCEPT,
        "reasonCodeableConcept": _CONCEPT,
        "reasonReference": _REFERENCE,
        "orderedOn": _As("authoredOn", DateTimeType),
    },
    "Condition": {
        **_PATIENT,
        "id": IdType,
        "encounter": _REFERENCE,
        "dateRecorded": _As("recordedDate", DateType),
        "code": _CONCEPT,
        "clinicalStatus": CodeType,
        "verificationStatus": CodeType,
        "onsetDateTime": DateTimeType,
        "onsetPeriod": _PERIOD,
        "abatementDateTime": DateTimeType,
        "abatementPeriod": _PERIOD,
    },
    "AllergyIntolerance": {
        "id": IdType,
        "patient": _REFERENCE,
        "substance": _As("code", _CONCEPT),
        "status": _As("clinicalStatus", CodeType),
    },
    "Patient": {"id": IdType, "birthDate": DateType},
}
_REQUIRED: Mapping[str, frozenset[str]] = {
    "MedicationStatement": frozenset({"patient", "status"}),
    "MedicationAdministration": frozenset({"patient", "status"}),
    "ProcedureRequest": frozenset({"subject", "code"}),
    "Condition": frozenset({"patient", "code", "verificationStatus"}),
    "AllergyIntolerance": frozenset({"patient", "substance"}),
}
# Choices of data types, and whether one must be made. A reason given as code and as reference is read as both.
_CHOICES: Mapping[str, bool] = {
    "medication": True,
    "effectiveTime": True,
    "effective": False,
    "bounds": False,
    "asNeeded": False,
    "onset": False,
    "abatement": False,
}


def _spec(kind: Any) -> Any:
    """Return what a projection keeps of an element of the table."""
    if isinstance(kind, _As):
        return _spec(kind.kind)
    if isinstance(kind, list):
        return [_spec(kind[0])]
    return {name: _spec(part) for name, part in kind.items()} if isinstance(kind, Mapping) else None


@functools.cache
def model_class(kind: str) -> Any:
    """Return the model of a type of the table, made once."""
    return made_class(kind, TABLE[kind], _REQUIRED.get(kind, frozenset()))


def made_class(kind: str, elements: Mapping[str, Any], required: frozenset[str] = frozenset()) -> Any:
    """Make a pydantic model of a type of resource; it refuses what is not among its elements."""
    resource_type = (CodeType | None, Field(None, alias="resourceType"))
    return _class(kind, elements, required, resource_type=resource_type)


def _class(name: str, elements: Mapping[str, Any], required: frozenset[str] = frozenset(), **others: Any) -> Any:
    fields: dict[str, Any] = {
        (part.name if isinstance(part, _As) else own): (
            _typed(part, f"{name}.{own}") if own in required else _typed(part, f"{name}.{own}") | None,
            Field(... if own in required else None, alias=own),
        )
        for own, part in elements.items()
    }
    checks: Mapping[str, Any] = {"choices": model_validator(mode="before")(_one_of_each(elements))}
    config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    return create_model(name.replace(".", "_"), __config__=config, __validators__=dict(checks), **fields | others)


def _typed(kind: Any, name: str) -> Any:
    if isinstance(kind, _As):
        return _typed(kind.kind, name)
    if isinstance(kind, list):
        return list[_typed(kind[0], name)]  # type: ignore[misc]
    return _class(name, kind) if isinstance(kind, Mapping) else kind


def _one_of_each(elements: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Make the check that a choice of data types is made once, and at all where it must be."""
    choices = {
        stem: (names, needed)
        for stem, needed in _CHOICES.items()
        if len(names := [name for name in elements if name.startswith(stem) and name[len(stem) :][:1].isupper()]) > 1
    }

    def check(value: Any) -> Any:
        for stem, (names, needed) in choices.items() if isinstance(value, Mapping) else ():
            given = sum(value.get(name) is not None for name in names)
            if given > 1 or (needed and not given):
                raise ValueError(f"{stem}[x] is given {given} times")
        return value

    return check


def _listed(name: str) -> Read:
    def read(model: Any) -> list[Any]:
        value = getattr(model, name)
        return [] if value is None else [value]

    return read


_REASON: Mapping[str, Read] = {
    "reasonCode": _listed("reasonCodeableConcept"),
    "reasonReference": _listed("reasonReference"),
}
_READS: Mapping[str, Mapping[str, Read]] = {
    "MedicationOrder": {**_REASON, "statusChanged": lambda model: model.dateEnded},
    "MedicationStatement": _REASON,
    "ProcedureRequest": _REASON,
}

SHAPE = Shape(FhirVersion.DSTU2, {kind: _spec(elements) for kind, elements in TABLE.items()}, model_class, _READS)
