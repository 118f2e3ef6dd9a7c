"""A resource without the nulls that FHIR does not allow.

Many clients write every field that they have, and `null` where there is no value.
"""

from collections.abc import Mapping
from typing import Any


class _Gone:
    """What stands for a value of which nothing is left."""


_GONE = _Gone()


def without_nulls(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource without null members, and without what they leave empty; all else is left as it is.

    A null in a list of primitives stays where another list stands beside it, `given` and `_given`: it holds the place
    of a value that has only an extension, or of an extension of one that has none (FHIR R4, JSON Representation).
    """
    kept = ((key, _kept(value, in_step=_in_step(key, resource))) for key, value in resource.items())
    return {key: value for key, value in kept if value is not _GONE}


def _in_step(key: str, members: Mapping[str, Any]) -> bool:
    twin = members.get(key[1:] if key.startswith("_") else f"_{key}")
    return isinstance(twin, list) and any(item is not None for item in twin)


def _kept(value: Any, *, in_step: bool = False) -> Any:
    if value is None:
        return _GONE
    if isinstance(value, Mapping):
        return (without_nulls(value) or _GONE) if value else value
    if not isinstance(value, list) or not value:
        return value
    kept = [_kept(item) for item in value]
    if all(item is _GONE for item in kept):
        return _GONE
    return [None if item is _GONE else item for item in kept if in_step or item is not _GONE]
