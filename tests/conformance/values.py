"""What the rows of the standard ask of a JSON value."""

from collections.abc import Iterator, Mapping
from typing import Any


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def empty_values(value: Any, path: str = "$") -> Iterator[str]:
    """Yield the path of each value that is null or empty.

    A null that holds the place of a value is none: of two lists `given` and `_given` the one says what the other does
    not (FHIR R4, JSON Representation).
    """
    if value is None or value in ("", [], {}):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from empty_values(_without_places(item, _twin(key, value)), f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from empty_values(item, f"{path}[{index}]")


def _twin(key: str, members: Mapping[str, Any]) -> Any:
    return members.get(key[1:] if key.startswith("_") else f"_{key}")


def _without_places(value: Any, twin: Any) -> Any:
    if not isinstance(value, list) or not isinstance(twin, list) or len(value) != len(twin):
        return value
    return [item for item, other in zip(value, twin, strict=True) if item is not None or other is None]


def said(value: Any) -> Any:
    """Return a value without what says nothing: nulls, and what they leave empty."""
    if isinstance(value, dict):
        return {key: told for key, item in value.items() if (told := said(item)) not in (None, [], {})}
    if isinstance(value, list):
        return [told for item in value if (told := said(item)) not in (None, [], {})]
    return value
