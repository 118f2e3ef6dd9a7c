"""What is accepted: hook calls and feedback, as leniently as they are read (service/wire).

A body that keeps its schema is understood; what no schema can say (a key sent twice, depth, a day that is in no
calendar, an order of another patient) can still be a 400, and says so.
"""

from service.discovery import Service
from service.openapi.schema import Json, described, lenient, one_of, some
from service.wire.feedback import (
    ACCEPTED,
    CATEGORY,
    LONGEST_COMMENT,
    MOST_ENTRIES,
    MOST_SUGGESTIONS,
    OVERRIDDEN,
)
from service.wire.request import ORDER_HOOKS

_FILLED: Json = {"type": "string", "pattern": r"\S"}
_OBJECT: Json = {"type": "object"}
# "Patient/1" and even an address are read; its last segment has to be an id.
_PATIENT: Json = {"type": "string", "pattern": r"[^\s/][^/]*/*\s*$"}
_LOOSE_UUID: Json = {"type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"}
# RFC 3339, with a leap second; which years have a 29 February, no pattern says.
_DAY = r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
_YEAR = r"([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME: Json = {
    "type": "string",
    "pattern": rf"^{_YEAR}-{_DAY}T{_CLOCK}:([0-5][0-9]|60)(\.[0-9]+)?(Z|[+-]{_CLOCK})$",
}
_NONE: Json = {"type": "null"}


def hook_request(service: Service) -> Json:
    """Return the schema of a call of a service (CDS Hooks 2.0.1, HTTP Request), of any FHIR version."""
    context = _context(service)
    return {
        **lenient(
            "hook hookInstance context",
            hook={"const": service.hook},
            hookInstance=described(_FILLED, "Should be a UUID; a call that is sent again with it gets the same uuids."),
            context=described(
                {"anyOf": [context, some(context, maxItems=1)]}, "An object; in a list of one it is taken, and counted."
            ),
            fhirServer={
                "description": "Base URL of the client's FHIR server. It is read only if the site has listed it."
            },
            fhirAuthorization={"description": "Access token for fhirServer. Used for this call and then forgotten."},
            prefetch={
                "description": "FHIR resources and Bundles. They are read by their type, whatever their key; "
                "null and an empty Bundle mean that there is nothing."
            },
            extension={"description": "Read where Epic names its FHIR version; else ignored."},
        ),
        "title": f"Call of {service.hook}",
    }


def _context(service: Service) -> Json:
    known: Json = {
        "patientId": described(_PATIENT, "Id of the Patient; a prefix such as Patient/ is taken off, and counted."),
        "userId": {"description": "Who is at the screen. Should be there."},
        "encounterId": {"description": "Id of the Encounter, with or without its type."},
    }
    if service.hook not in ORDER_HOOKS:
        return lenient("patientId", **known)
    known["draftOrders"] = _DRAFTS
    if service.hook == "order-select":
        known["selections"] = {"description": "References of the drafts that were just picked; without any, all are."}
    return lenient("patientId draftOrders", **known)


_DRAFTS: Json = {
    "description": "A Bundle of draft orders; a single order, or a list of orders, is taken, and counted.",
    "anyOf": [lenient("resourceType", resourceType={"type": "string"}), {"type": "array"}],
}


def feedback_request() -> Json:
    """Return the schema of a post of feedback (CDS Hooks 2.0.1, Feedback), with what clients write otherwise."""
    entry = _entry()
    listed = some(entry, maxItems=MOST_ENTRIES)
    return {**lenient("feedback", feedback={"anyOf": [listed, entry]}), "title": "Feedback on cards"}


def _entry() -> Json:
    accepted = some(lenient("id", id=_LOOSE_UUID), maxItems=MOST_SUGGESTIONS)
    return {
        **lenient(
            "card outcome outcomeTimestamp",
            card=described(_LOOSE_UUID, "The uuid that came with the card."),
            outcome=one_of((ACCEPTED, OVERRIDDEN)),
            outcomeTimestamp=described(_TIME, "With a zone."),
        ),
        "allOf": [
            {
                "if": {"properties": {"outcome": {"const": ACCEPTED}}},
                "then": {"required": ["acceptedSuggestions"], "properties": {"acceptedSuggestions": accepted}},
            },
            {
                "if": {"properties": {"overrideReason": {"not": _NONE}}, "required": ["overrideReason"]},
                "then": {"properties": {"overrideReason": _REASON}},
                "else": {"properties": {"overrideReasons": {"anyOf": [_NONE, *_ONE_REASON]}}},
            },
        ],
    }


_COMMENT: Json = {"anyOf": [{"type": "string", "maxLength": LONGEST_COMMENT}, _NONE]}
_CODING: Json = lenient(
    "code",
    code=_FILLED,
    system={"anyOf": [_NONE, {"type": "string", "pattern": r"^[^\s\u0000-\u001f]{1,300}$"}]},
)
_BY_EXTENSION: Json = {
    "required": ["extension"],
    "properties": {
        "extension": {
            "type": "object",
            "minProperties": 1,
            "not": {
                "propertyNames": {"not": {"pattern": f"^{CATEGORY.rpartition('.')[0].replace('.', chr(92) + '.')}\\."}}
            },
        }
    },
}
_REASON: Json = {
    **lenient(reason={"anyOf": [_CODING, _NONE]}, userComment=_COMMENT),
    "anyOf": [
        {"required": ["reason"], "properties": {"reason": _OBJECT}},
        {"required": ["userComment"], "properties": {"userComment": _FILLED}},
        _BY_EXTENSION,
    ],
}
_ONE_REASON = (_REASON, {"type": "array", "minItems": 1, "maxItems": 1, "items": {"anyOf": [_REASON, _NONE]}})
