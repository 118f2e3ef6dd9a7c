"""Small questions about JSON values, and how a value is shown to a reader of the report."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", flags=re.ASCII)
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.\-]+", flags=re.ASCII)
_LONGEST_SHOWN = 60


def is_text(value: object) -> bool:
    """Say whether this is a string with something in it."""
    return isinstance(value, str) and bool(value.strip())


def is_uuid(value: object) -> bool:
    """Say whether this is a UUID without prefix or braces (RFC 9562)."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_reference(value: object) -> bool:
    """Say whether this is a relative reference `Type/id`. Real ids are longer than the 64 characters of FHIR."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def is_absolute_url(value: object) -> bool:
    """Say whether this is a URL with a scheme and a host."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return parts is not None and bool(parts.scheme) and bool(parts.netloc)


def is_coding(value: object) -> bool:
    """Say whether this has the code and the system of a CDS Hooks Coding."""
    return isinstance(value, Mapping) and is_text(value.get("code")) and is_text(value.get("system"))


def objects(value: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of an array with their places; of anything else, nothing."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, Mapping):
            yield index, item


def empty_values(value: Any, path: str = "$", *, allowed: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the path of every null, empty text, array and object but the `allowed` ones.

    Arrays of FHIR resources may hold null, which pads a list of primitives beside their extensions (FHIR, JSON).
    """
    if (value is None or value in ("", [], {})) and path not in allowed:
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from empty_values(item, f"{path}.{key}", allowed=allowed)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item is not None or ".resource" not in path:
                yield from empty_values(item, f"{path}[{index}]", allowed=allowed)


def extensions(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield every CDS Hooks extension of a body with its path; those inside FHIR resources are FHIR's own."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "extension":
                yield f"{path}.extension", item
            elif key not in ("resource", "prefetch"):
                yield from extensions(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from extensions(item, f"{path}[{index}]")


def shown(value: object) -> str:
    """Show a value in short: text in quotes on one line, of anything else its kind."""
    match value:
        case None:
            return "null or nothing"
        case bool() | int() | float():
            return str(value)
        case str():
            return ascii(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "...")
        case list():
            return f"an array of {len(value)}"
        case Mapping():
            return "an empty object" if not value else "an object"
        case _:
            return type(value).__name__
