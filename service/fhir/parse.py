"""A resource to the model of its type in its FHIR version, repaired as far as needed.

A narrow model reads what is written as it should be. Real records break cardinality, types and dates: the whole model
says where; there the projection is corrected and read again. What was corrected is reported, in words that carry no
value of the record.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pydantic

from service.fhir.narrow import narrowed
from service.fhir.projection import Projection, Read, Shape, kind_of, project

MOST_ROUNDS = 8
_DATED = re.compile(r"^\d{4}-\d{2}-\d{2}")
_PLACEHOLDERS: dict[str, Any] = {
    "status": "unknown",
    "intent": "order",
    "subject": {"reference": "Patient/unknown"},
    "patient": {"reference": "Patient/unknown"},
    "medication": {"concept": {"text": "unknown"}},
    "clinicalStatus": {"text": "unknown"},
    "verificationStatus": "unknown",
    "taken": "unk",
}
# Without a subject a resource is this patient's, and the drug was read before: only these leave a doubt.
_DOUBTFUL = frozenset({"status", "intent"})
_MISSING = frozenset({"missing", "model_field_validation.missing"})
_CHOICES = ("medication", "effective", "bounds", "onset", "abatement")
# fhir.resources also raises other errors than pydantic's, which is a ValueError: ArithmeticError for odd numbers.
_REFUSALS = (KeyError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError)
_Path = tuple[int | str, ...]


class Parsed(msgspec.Struct, frozen=True):
    """A resource as its model. `model` is None where even the repaired projection was refused.

    `filled` names the required members that were missing: their value in the model is a placeholder. `reshaped` says
    that a shape was corrected.
    """

    model: Any
    doubts: tuple[str, ...] = ()
    filled: frozenset[str] = frozenset()
    reads: Mapping[str, Read] = msgspec.field(default_factory=dict)
    reshaped: bool = False

    def get(self, name: str) -> Any:
        """Return an element of the model by its R4 name; None where it is absent or a placeholder."""
        if name in self.filled or self.model is None:
            return None
        read = self.reads.get(name)
        return getattr(self.model, name, None) if read is None else read(self.model)


@functools.cache
def _model_class(shape: Shape, kind: str) -> Any:
    return shape.model(kind)


@functools.cache
def narrow_class(shape: Shape, kind: str) -> Any:
    """Return the narrow model of a type, made once; None for a version whose models are small already."""
    return narrowed(_model_class(shape, kind), shape.specs[kind])


def parse(resource: Mapping[str, Any], shape: Shape) -> Parsed:
    """Read a resource of a type that a shape knows. Never raises for what a record may contain."""
    kind = kind_of(resource, shape)
    if (narrow := narrow_class(shape, kind)) is not None:
        try:
            model = narrow.model_validate(shape.placed(resource, kind))
        # What is odd here is odd to the whole model too, and that says where.
        except _REFUSALS:
            pass
        else:
            return Parsed(model, reads=shape.reads.get(kind, {}))
    return parse_whole(project(resource, shape))


def parse_whole(projection: Projection) -> Parsed:
    """Parse a projection with the model of its version and type."""
    shape = projection.shape
    repair = _Repair(projection.members, list(projection.doubts), set())
    for _ in range(MOST_ROUNDS):
        try:
            model = _model_class(shape, projection.kind).model_validate(repair.members)
        except pydantic.ValidationError as error:
            # include_input=False: the text of a pydantic error quotes the record.
            found = error.errors(include_url=False, include_context=False, include_input=False)
            if not repair.round([(tuple(item["loc"]), item["type"]) for item in found]):
                break
        except _REFUSALS:
            break
        else:
            reads = shape.reads.get(projection.kind, {})
            doubts = tuple(dict.fromkeys(repair.doubts))
            return Parsed(model, doubts, frozenset(repair.filled), reads, projection.reshaped)
    doubts = (*dict.fromkeys(repair.doubts), f"{projection.kind} not readable; only its drug or problem is known")
    return Parsed(None, doubts, reshaped=projection.reshaped)


class _Repair(msgspec.Struct):
    members: dict[str, Any]
    doubts: list[str]
    filled: set[str]

    def round(self, problems: list[tuple[_Path, str]]) -> bool:
        """Correct the places of all errors of one try; say whether anything was changed."""
        changed = [self._one(path, problem) for path, problem in problems]
        _sweep(self.members)
        return any(changed)

    def _one(self, path: _Path, problem: str) -> bool:
        if not path:
            return self._choice(self.members, ())
        holder = self._holder(path[:-1])
        last = path[-1]
        if problem in _MISSING:
            return self._fill(holder, path)
        value = _member(holder, last)
        if value is None:
            return False
        if isinstance(value, dict) and problem == "value_error":
            return self._choice(value, path) or self._drop(holder, path)
        return self._cut(holder, path, value) or self._drop(holder, path)

    def _holder(self, path: _Path) -> Any:
        holder: Any = self.members
        for step in path:
            holder = _member(holder, step)
        return holder

    def _fill(self, holder: Any, path: _Path) -> bool:
        name = path[-1]
        if not isinstance(holder, dict) or len(path) > 1 or name not in _PLACEHOLDERS or name in self.filled:
            return False
        holder[name] = _PLACEHOLDERS[str(name)]
        self.filled.add(str(name))
        if name in _DOUBTFUL:
            self.doubts.append(f"{name} missing")
        return True

    def _cut(self, holder: Any, path: _Path, value: Any) -> bool:
        """Keep the written date of a dateTime that has no zone, no seconds, or a space in it."""
        if not isinstance(value, str) or not _DATED.match(value):
            return False
        shorter = f"{value[:10]}T00:00:00Z" if path[-1] == "lastUpdated" else value[:10]
        if shorter == value:
            return False
        holder[path[-1]] = shorter
        self.doubts.append(f"{_shown(path)} read as a date without its time")
        return True

    def _drop(self, holder: Any, path: _Path) -> bool:
        if isinstance(holder, list) and isinstance(path[-1], int):
            # The place stays until the end of the round: other errors count by it.
            holder[path[-1]] = None
        elif isinstance(holder, dict):
            del holder[path[-1]]
        else:
            return False
        self.doubts.append(f"{_shown(path)} not readable")
        return True

    def _choice(self, holder: dict[str, Any], path: _Path) -> bool:
        """Keep the first of several values of a choice, or name the drug where no value is given."""
        for stem in _CHOICES:
            given = [name for name in holder if name.startswith(stem) and name[len(stem) :][:1].isupper()]
            for name in given[1:]:
                del holder[name]
            if len(given) > 1:
                self.doubts.append(f"{_shown((*path, stem))} given twice")
                return True
        if not path and not any(name.startswith("medication") for name in holder):
            # The drug itself was read before: the model only wants to have one.
            holder["medicationCodeableConcept"] = {"text": "unknown"}
            return True
        return False


def _sweep(value: Any) -> None:
    """Take out the list elements that a round has dropped."""
    if isinstance(value, list):
        value[:] = [item for item in value if item is not None]
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _sweep(part)


def _member(holder: Any, step: int | str) -> Any:
    if isinstance(holder, dict):
        return holder.get(step)
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return None


def _shown(path: _Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
