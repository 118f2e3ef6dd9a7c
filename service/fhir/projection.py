"""The part of a resource that we use, in the shape of its FHIR version, as input for the model of its type.

Parsing costs by the number of nested elements, so only these are kept. One object where FHIR wants a list becomes a
list of one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.wire import FhirVersion

# A dict is an object with these members, a list is a list of its one item, None is a value kept as it is.
Spec = Mapping[str, Any] | list[Any] | None

CONCEPT: Spec = {"coding": [{"system": None, "code": None, "display": None}], "text": None}
REFERENCE: Spec = {"reference": None, "display": None}
PERIOD: Spec = {"start": None, "end": None}
QUANTITY: Spec = {"value": None, "unit": None, "system": None, "code": None}
RANGE: Spec = {"low": QUANTITY, "high": QUANTITY}
REPEAT: Mapping[str, Any] = {
    "boundsPeriod": PERIOD,
    "boundsDuration": QUANTITY,
    "boundsRange": RANGE,
    "frequency": None,
    "period": None,
    "periodUnit": None,
    "frequencyMax": None,
    "periodMax": None,
    "dayOfWeek": [None],
}
COMMON: Mapping[str, Any] = {"id": None, "meta": {"lastUpdated": None}, "status": None}
DRUG: Mapping[str, Any] = {"medicationCodeableConcept": CONCEPT, "medicationReference": REFERENCE}
SUPPLY: Spec = {
    "validityPeriod": PERIOD,
    "numberOfRepeatsAllowed": None,
    "quantity": QUANTITY,
    "expectedSupplyDuration": QUANTITY,
}
# In these lists a place is kept for what cannot be read: an order with a dosage that has no end has none either.
_KEPT_PLACES = frozenset({"dosageInstruction", "dosage"})

Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How one FHIR version writes the types of resources that we read.

    `specs` are the elements kept of each type, by their names in this version; `kinds` are types that are read as
    another. `model` gives the model class of a type and is what imports it. `placed` moves what other versions write
    otherwise into its place here. R4 names are the words in which the rest of this package asks for an element: `reads`
    say, by type, how its value is read from the model where the name itself does not do it.
    """

    version: FhirVersion
    specs: Mapping[str, Mapping[str, Any]]
    model: Callable[[str], Any]
    reads: Mapping[str, Mapping[str, Read]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    placed: Callable[[Mapping[str, Any], str], Mapping[str, Any]] = lambda resource, _: resource


@dataclass(slots=True)
class Projection:
    """What is kept of a resource. `doubts` name what could not be kept, `reshaped` says that a shape was corrected."""

    kind: str
    shape: Shape
    members: dict[str, Any]
    doubts: list[str] = field(default_factory=list)
    reshaped: bool = False


def kind_of(resource: Mapping[str, Any], shape: Shape) -> str:
    """Return the type that a resource is read as."""
    named = str(resource.get("resourceType"))
    return shape.kinds.get(named, named)


def project(resource: Mapping[str, Any], shape: Shape) -> Projection:
    """Project a resource of a type that a shape knows."""
    kind = kind_of(resource, shape)
    projection = Projection(kind, shape, {})
    members = _kept(shape.placed(resource, kind), shape.specs[kind], "", projection)
    projection.members = {"resourceType": kind, **members}
    return projection


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
        return [({} if part is None else part) for part in parts if part is not None or path in _KEPT_PLACES]
    if spec is None:
        return value
    if isinstance(value, list) and len(value) == 1:
        projection.reshaped = True
        value = value[0]
    if not isinstance(value, dict):
        projection.doubts.append(f"{path} not readable")
        return None
    return _kept(value, spec, path, projection)
