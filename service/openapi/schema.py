"""The few forms that JSON Schemas of ours are made of (JSON Schema 2020-12, the dialect of OpenAPI 3.1)."""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string", "pattern": r"\S"}
NUMBER: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
DAY: Json = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}
ADDRESS: Json = {"type": "string", "pattern": r"^https?://\S+$"}
SYSTEM: Json = {"type": "string", "pattern": r"^(https?|urn):\S+$"}
UUID: Json = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
SHA256: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def closed(required: str = "", **properties: Json) -> Json:
    """Make the schema of an object that has no member but these. `required` names those that are always there."""
    return {**_object(required, properties), "additionalProperties": False}


def lenient(required: str = "", **properties: Json) -> Json:
    """Make the schema of an object that may have any other member too."""
    return _object(required, properties)


def whole(**properties: Json) -> Json:
    """Make the schema of an object that always has these members and no other."""
    return closed(" ".join(properties), **properties)


def some(items: Json, **limits: int) -> Json:
    """Make the schema of a list that is not empty."""
    return {"type": "array", "minItems": 1, **limits, "items": items}


def any_number(items: Json) -> Json:
    """Make the schema of a list that may be empty."""
    return {"type": "array", "items": items}


def one_of(values: Iterable[str]) -> Json:
    """Make the schema of a text that is one of these."""
    return {"type": "string", "enum": list(dict.fromkeys(values))}


def counted(names: Json | None = None) -> Json:
    """Make the schema of an object of counts; `names` limits what may be counted."""
    return {"type": "object", "additionalProperties": NUMBER, **({} if names is None else {"propertyNames": names})}


def or_none(schema: Json) -> Json:
    """Make the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def described(schema: Json, text: str) -> Json:
    """Add a description for people."""
    return {**schema, "description": text}


def ref(name: str) -> Json:
    """Refer to one of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str, properties: Json) -> Json:
    return {
        "type": "object",
        **({"required": required.split()} if required else {}),
        "properties": properties,
    }
