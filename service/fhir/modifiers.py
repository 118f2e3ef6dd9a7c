"""Modifiers that we do not understand: elements that can turn the meaning of a resource round."""

from collections.abc import Mapping
from typing import Any

import msgspec

_NESTED = (dict, list)
_NAMES = (b'"modifierExtension":', b'"implicitRules":')
MODIFIED = "carries a modifier extension or implicit rules that this service does not understand"


def is_modified(resource: object) -> bool:
    """Say whether a resource, or an element in it, carries `modifierExtension` or `implicitRules`.

    Contained resources are left out: they speak for themselves where they are used.
    """
    if not _may_be_modified(resource):
        return False
    level: list[Any] = [resource]
    while level:
        parts: list[Any] = []
        for value in level:
            if isinstance(value, list):
                parts += value
            elif isinstance(value, dict):
                if value.get("modifierExtension") or value.get("implicitRules"):
                    return True
                parts += value.values() if "contained" not in value else _beside_contained(value)
        level = [part for part in parts if type(part) in _NESTED]
    return False


def _may_be_modified(resource: object) -> bool:
    """Say whether the name of a modifier is written anywhere: quick, and false for nearly all resources."""
    try:
        written = msgspec.json.encode(resource)
    except (OverflowError, RecursionError, UnicodeEncodeError):
        return True  # a number or a text that JSON has and this encoder has not: then the elements are looked at
    return any(name in written for name in _NAMES)


def _beside_contained(resource: Mapping[str, Any]) -> list[Any]:
    return [value for name, value in resource.items() if name != "contained"]
