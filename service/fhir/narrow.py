"""The part of a model of fhir.resources that we use, cut out as a model of its own: what is read of most resources.

fhir.resources checks every nested element in Python, with all that its type may hold. A narrow model has the elements
of a projection alone, with the types, cardinalities and choices that fhir.resources gives them, and pydantic checks it
whole. It accepts nothing that the whole model refuses; what it refuses is read again with the whole model, which says
where and why.
"""

import typing
from collections.abc import Callable, Mapping
from typing import Any

from fhir_core.fhirabstractmodel import FHIRAbstractModel
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from service.fhir.projection import Spec
from service.fhir.quick import quickened


class Narrow(BaseModel):
    """A narrow model. An element that its type does not have in its version is absent, like one that is not given."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    def __getattr__(self, name: str) -> Any:
        """Give None for an element that was cut away, or that only other versions have."""
        if name.startswith("_"):
            raise AttributeError(name)
        return None


def narrowed(model: Any, elements: Mapping[str, Any]) -> Any:
    """Make the narrow model of some elements of a model; None for a model that is not one of fhir.resources."""
    if not issubclass(model, FHIRAbstractModel):
        return None
    fields = {name: model.model_fields[name] for name in elements}
    required = [name for name, field in fields.items() if field.is_required() or _of(field, "element_required")]
    choices: dict[str, list[str]] = {}
    for name, field in fields.items():
        choices.setdefault(_of(field, "one_of_many"), []).append(name)
    needed = [names for stem, names in choices.items() if stem and _of(fields[names[0]], "one_of_many_required")]
    made = [names for stem, names in choices.items() if stem and len(names) > 1]
    types: dict[str, Any] = {
        name: (_type(field.annotation, elements[name]), Field(None)) for name, field in fields.items()
    }
    checks: dict[str, Any] = {}
    if required or needed or made:
        checks["given"] = model_validator(mode="before")(_given(required, needed, made))
    return create_model(model.__name__, __base__=Narrow, __validators__=checks, **types)


def _of(field: Any, name: str) -> Any:
    return (field.json_schema_extra or {}).get(name)


def _type(annotation: Any, spec: Spec) -> Any:
    """Return the type of an element: that of fhir.resources, with nested models cut too. Absent is always allowed."""
    if spec is None:
        return quickened(annotation)
    if spec == [None]:
        return annotation
    inner: Any = narrowed(_model(annotation), spec[0] if isinstance(spec, list) else spec)
    return list[inner] | None if isinstance(spec, list) else inner | None


def _model(annotation: Any) -> Any:
    """Find the model that the annotation of a nested element means."""
    if hasattr(annotation, "get_model_klass"):
        return annotation.get_model_klass()
    return next(found for part in typing.get_args(annotation) if (found := _model(part)) is not None)


def _given(required: list[str], needed: list[list[str]], choices: list[list[str]]) -> Callable[[Any], Any]:
    """Make the check that what is required is there, and that a choice of types is made once."""

    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        get, given = value.get, value.keys()
        for name in required:
            if get(name) is None:
                raise ValueError(f"{name} is missing")
        for names in needed:
            if not [name for name in given & names if get(name) is not None]:
                raise ValueError(f"none of {names} is given")
        for names in choices:
            if len(given & names) > 1 and len([name for name in names if get(name) is not None]) > 1:
                raise ValueError(f"several of {names} are given")
        return value

    return check
