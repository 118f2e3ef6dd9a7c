"""Members that say something: what CDS Hooks and FHIR leave out rather than send empty."""

from collections.abc import Mapping
from typing import Any

_NOTHING: tuple[Any, ...] = (None, "", [], {})


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are not null, empty text, an empty list or an empty object."""
    return {key: value for key, value in members.items() if value not in _NOTHING}


def without_nothing(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource without the members that say nothing, at any depth; all else is left as it is.

    Many clients write every field that they have, `null` where there is no value, and FHIR allows neither that nor
    anything empty. A null in a list of primitives stays where another list stands beside it, `given` and `_given`: it
    holds the place of a value that has only an extension, or of one that has none (FHIR R4, JSON Representation).
    """
    return present({key: _kept(value, in_step=_twin(key, resource)) for key, value in resource.items()})


def _twin(key: str, of: Mapping[str, Any]) -> bool:
    other = of.get(key[1:] if key.startswith("_") else f"_{key}")
    return isinstance(other, list) and any(item is not None for item in other)


def _kept(value: Any, *, in_step: bool = False) -> Any:
    if isinstance(value, Mapping):
        return without_nothing(value)
    if not isinstance(value, list):
        return value
    if in_step:
        return _in_step(value)
    return [part for item in value if (part := _kept(item)) not in _NOTHING]


def _in_step(values: list[Any]) -> list[Any]:
    """Keep the place of every item; a list that holds nothing but places is none."""
    kept = [_kept(item) or None if isinstance(item, Mapping) else item for item in values]
    return kept if any(item is not None for item in kept) else []
