"""What the rows of the standard ask of a JSON value."""

from collections.abc import Iterator
from typing import Any


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def empty_values(value: Any, path: str = "$") -> Iterator[str]:
    """Yield the path of each value that is null or empty."""
    if value is None or value in ("", [], {}):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from empty_values(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from empty_values(item, f"{path}[{index}]")
