"""Modifiers that we do not understand: elements that can turn the meaning of a resource round."""

from collections.abc import Mapping
from typing import Any

MODIFIED = "carries a modifier extension or implicit rules that this service does not understand"


def is_modified(resource: object) -> bool:
    """Say whether a resource, or an element in it, carries `modifierExtension` or `implicitRules`.

    Contained resources are left out: they speak for themselves where they are used.
    """
    if isinstance(resource, Mapping):
        if resource.get("modifierExtension") or resource.get("implicitRules"):
            return True
        return any(is_modified(value) for key, value in _nested(resource))
    return isinstance(resource, list) and any(is_modified(item) for item in resource)


def _nested(resource: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in resource.items() if key != "contained" and isinstance(value, dict | list)]
