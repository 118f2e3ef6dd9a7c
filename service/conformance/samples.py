"""Generic hook requests about nobody: one valid request per hook, its faulty variants and its prefetch states.

The context fields are those of the CDS Hooks library (order-select, order-sign, patient-view and others); the patient,
the user and the orders are synthetic.
"""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

PATIENT = "conformance-patient"
USER = "Practitioner/conformance-practitioner"
ENCOUNTER = "conformance-encounter"
DRAFT = "MedicationRequest/conformance-draft"
EXTENSION = {"org.example.conformance": {"note": "a field that no service knows"}}

_TYPE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)(?P<rest>[/?].+)")
_SUBJECT = {"reference": f"Patient/{PATIENT}"}
_METHOTREXATE = {
    "text": "methotrexate 2.5 MG Oral Tablet",
    "coding": [
        {
            "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
            "code": "105585",
            "display": "methotrexate 2.5 MG Oral Tablet",
        }
    ],
}


def _bundle(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": item} for item in resources]}


def _resource(reference: str, **fields: Any) -> Json:
    kind, _, key = reference.partition("/")
    return {"resourceType": kind, "id": key, **fields}


_ORDER = _resource(DRAFT, status="draft", intent="order", subject=_SUBJECT, medicationCodeableConcept=_METHOTREXATE)
_APPOINTMENT = _resource(
    "Appointment/conformance-appointment",
    status="proposed",
    participant=[{"actor": _SUBJECT, "status": "needs-action"}],
)
_CONDITION = _resource("Condition/conformance-condition", subject=_SUBJECT, code={"text": "Rheumatoid arthritis"})
_ALLERGY = _resource("AllergyIntolerance/conformance-allergy", patient=_SUBJECT, code={"text": "Pollen"})
_WHO = {"userId": USER, "patientId": PATIENT}
_VISIT = {**_WHO, "encounterId": ENCOUNTER}

CONTEXTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "patient-view": _VISIT,
        "order-select": {**_VISIT, "selections": [DRAFT], "draftOrders": _bundle(_ORDER)},
        "order-sign": {**_VISIT, "draftOrders": _bundle(_ORDER)},
        "order-dispatch": {
            "patientId": PATIENT,
            "dispatchedOrders": ["ServiceRequest/conformance-order"],
            "performer": "Organization/conformance-performer",
        },
        "medication-prescribe": {**_VISIT, "medications": _bundle(_ORDER)},
        "medication-refill": {**_VISIT, "medications": _bundle(_ORDER)},
        "order-review": {**_VISIT, "orders": _bundle(_ORDER)},
        "encounter-start": _VISIT,
        "encounter-discharge": _VISIT,
        "appointment-book": {**_VISIT, "appointments": _bundle(_APPOINTMENT)},
        "problem-list-item-create": {**_VISIT, "conditions": _bundle(_CONDITION)},
        "allergyintolerance-create": {**_VISIT, "allergyIntolerance": _ALLERGY},
    }
)
"""A valid context of each hook that has a generic request here."""

REQUIRED_FIELDS = ("hook", "hookInstance", "context")
PREFETCH_STATES = ("absent", "null", "empty", "outcome")


def valid_request(hook: str, templates: Mapping[str, str]) -> Json | None:
    """Make a valid request of a hook with every prefetch key answered; None for a hook that is not known here."""
    context = CONTEXTS.get(hook)
    if context is None:
        return None
    request: Json = {"hook": hook, "hookInstance": str(uuid4()), "context": dict(context)}
    return with_prefetch(request, _answers(templates))


def with_extras(request: Mapping[str, Any]) -> Json:
    """Add what a later version or another vendor may add: an extension, and fields that nobody here knows."""
    made: Json = json.loads(json.dumps(request))
    made["extension"] = EXTENSION
    made["conformanceUnknown"] = {"more": ["unknown"]}
    made["context"]["conformanceUnknown"] = "unknown"
    return made


def incomplete(request: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """Yield the request without each of the fields that every hook request has."""
    for name in REQUIRED_FIELDS:
        yield name, {key: value for key, value in request.items() if key != name}


def incomplete_contexts(request: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """Yield the request without each required context field that a service cannot do without."""
    for name in ("patientId", "draftOrders"):
        context = request["context"]
        if name in context:
            yield name, {**request, "context": {key: value for key, value in context.items() if key != name}}


def in_state(request: Mapping[str, Any], templates: Mapping[str, str], state: str) -> Json:
    """Put the prefetch of a request into one of `PREFETCH_STATES`, and take its FHIR server away.

    Without a server, what is not in the request is not obtainable; no service is made to call anybody.
    """
    prefetch = request.get("prefetch")
    known = dict.fromkeys(prefetch) | _answers(templates) if isinstance(prefetch, dict) else None
    keys = known if known is not None else _answers(templates)
    bare = {key: value for key, value in request.items() if key not in ("prefetch", "fhirServer", "fhirAuthorization")}
    match state:
        case "absent":
            return bare
        case "null":
            return with_prefetch(bare, dict.fromkeys(keys))
        case "empty":
            return with_prefetch(bare, {key: value if _is_bundle(value) else None for key, value in keys.items()})
        case _:
            return with_prefetch(bare, dict.fromkeys(keys, _FAILED))


def with_prefetch(request: Mapping[str, Any], prefetch: Mapping[str, Any]) -> Json:
    """Give a request this prefetch; without any key, none at all."""
    return {**request, "prefetch": dict(prefetch)} if prefetch else dict(request)


_FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "The data could not be read."}],
}


def _is_bundle(value: object) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == "Bundle"


def _answers(templates: Mapping[str, str]) -> dict[str, Any]:
    """Answer each template as a client with an empty chart would: reads with a resource, searches with no match."""
    found = ((key, _answer(template)) for key, template in templates.items())
    return {key: value for key, value in found if value is not None}


def _answer(template: str) -> Json | None:
    if template == "{{context.userId}}":
        return _resource(USER)
    match = _TYPE.fullmatch(template)
    if match is None:
        return None
    if match["rest"].startswith("?"):
        return {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []}
    if match["type"] == "Patient":
        return _resource(f"Patient/{PATIENT}", gender="female", birthDate="1980-01-01")
    key = USER.partition("/")[2] if match["type"] == "Practitioner" else f"conformance-{match['type'].lower()}"
    return _resource(f"{match['type']}/{key}")
