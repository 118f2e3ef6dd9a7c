"""Modifiers that we do not understand: elements that can turn the meaning of a resource round."""

from collections.abc import Mapping
from typing import Any

_NESTED = (dict, list)
MODIFIED = "carries a modifier extension or implicit rules that this service does not understand"


def is_modified(resource: object) -> bool:
    """Say whether a resource, or an element in it, carries `modifierExtension` or `implicitRules`.

    Contained resources are left out: they speak for themselves where they are used.
    """
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


def _beside_contained(resource: Mapping[str, Any]) -> list[Any]:
    return [value for name, value in resource.items() if name != "contained"]
