"""The response contract, strictly: CDS Hooks 2.0.1 as JSON Schema, and on top of it what each client can take."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]

UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
TEXT = {"type": "string", "pattern": r"\S"}
ADDRESS = {"type": "string", "pattern": "^https?://"}


def _object(required: str, **properties: Any) -> Json:
    """Make the schema of an object without members that are not named here."""
    closed = {"type": "object", "additionalProperties": False, "minProperties": 1}
    return {**closed, "required": required.split(), "properties": properties}


def _some(items: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": items}


def _where(member: str, value: str, then: Json) -> Json:
    return {"if": {"properties": {member: {"const": value}}}, "then": then}


CODING = _object("system code", system=TEXT, code=TEXT, display=TEXT)
REASON = _object("system code display", system=TEXT, code=TEXT, display=TEXT)
RESOURCE = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": TEXT}}
WHOLE = {"required": ["resource"], "not": {"required": ["resourceId"]}}
ACTION = {
    **_object(
        "type description",
        type={"enum": ["create", "update", "delete"]},
        description=TEXT,
        resource=RESOURCE,
        resourceId={"type": "string", "pattern": r"^[A-Za-z]+/[A-Za-z0-9\-.]+$"},
    ),
    "allOf": [
        _where("type", "create", WHOLE),
        _where("type", "update", WHOLE),
        _where("type", "delete", {"required": ["resourceId"], "not": {"required": ["resource"]}}),
    ],
}
SUGGESTION = _object("label uuid", label=TEXT, uuid=UUID, isRecommended={"const": True}, actions=_some(ACTION))
CARD = {
    **_object(
        "uuid summary detail indicator source",
        uuid=UUID,
        summary={**TEXT, "maxLength": 139},
        detail={**TEXT, "maxLength": 2500},
        indicator={"enum": ["info", "warning", "critical"]},
        source=_object("label topic", label=TEXT, url=ADDRESS, topic=CODING),
        suggestions=_some(SUGGESTION),
        selectionBehavior={"enum": ["at-most-one", "any"]},
        overrideReasons=_some(REASON),
        links=_some(_object("label url type", label=TEXT, url=ADDRESS, type={"const": "absolute"})),
    ),
    "dependentRequired": {"suggestions": ["selectionBehavior"], "selectionBehavior": ["suggestions"]},
}
RESPONSE = _object("cards", cards={"type": "array", "items": CARD})
_VALIDATOR = Draft202012Validator(RESPONSE)


def faults(body: Json, profile: str) -> list[str]:
    """Name everything that a response has wrong: by the standard, and for clients of a profile."""
    by_schema = [f"{error.json_path}: {error.message[:200]}" for error in _VALIDATOR.iter_errors(body)]
    return by_schema or list(_OF_PROFILE[profile](body))


def suggestions(body: Json) -> list[Json]:
    return [item for card in body["cards"] for item in card.get("suggestions", [])]


def actions(body: Json) -> list[Json]:
    return [action for item in suggestions(body) for action in item.get("actions", [])]


def _spec(body: Json) -> Iterator[str]:
    for card in body["cards"]:
        wanted = "any" if card["source"]["topic"]["code"].endswith("MONITORING") else "at-most-one"
        if card.get("selectionBehavior", wanted) != wanted:
            yield f"a card takes {card['selectionBehavior']}"


def _epic(body: Json) -> Iterator[str]:
    """One action a suggestion, any of them, none selected beforehand, no update, no order that only a text names."""
    yield from (f"selectionBehavior {item}" for item in _behaviors(body) - {"any"})
    for item in suggestions(body):
        if len(item.get("actions", [])) != 1:
            yield f"{item['label']}: {len(item.get('actions', []))} actions"
        if "isRecommended" in item:
            yield f"{item['label']}: is selected beforehand"
    for action in actions(body):
        if action["type"] != "delete":
            yield f"{action['description']}: is a {action['type']}"
        if set(action["description"]) & set("*_`<>[]#|\\\n"):
            yield f"{action['description']}: is no plain text"
    for card in body["cards"]:
        code = card["source"]["topic"]["code"]
        if not (code.isascii() and code.isalnum() and len(code) <= 100):
            yield f"topic {code}"


def _sandbox(body: Json) -> Iterator[str]:
    """One action a suggestion that the sandbox applies: a delete, or an update with text and code."""
    yield from (f"selectionBehavior {item}" for item in _behaviors(body) - {"at-most-one"})
    for item in suggestions(body):
        if len(item.get("actions", [])) > 1:
            yield f"{item['label']}: only the first of its actions would be applied"
    for action in actions(body):
        concept = action.get("resource", {}).get("medicationCodeableConcept", {})
        applied = concept.get("text") and concept.get("coding", [{}])[0].get("code")
        if action["type"] == "create" or (action["type"] == "update" and not applied):
            yield f"{action['description']}: would be ignored"


def _behaviors(body: Json) -> set[str]:
    return {card["selectionBehavior"] for card in body["cards"] if "selectionBehavior" in card}


_OF_PROFILE = {"spec": _spec, "epic": _epic, "sandbox": _sandbox}
