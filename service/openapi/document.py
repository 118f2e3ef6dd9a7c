"""The document: every address of the service, what it takes and what it answers (OpenAPI 3.1.1)."""

from collections.abc import Iterator
from functools import cache
from inspect import getdoc
from typing import Any

from service import __version__
from service.dashboard.plots import PLOTS
from service.dashboard.tables import TABLES
from service.discovery import ORDER_HELPER, SCOPE, SERVICES, Service
from service.errors import (
    BodyTooLarge,
    DataUnavailable,
    InvalidRequest,
    MethodNotAllowed,
    NotReady,
    Overloaded,
    ReplayStoreUnavailable,
    ServiceError,
    StoreUnavailable,
    TooManyAttempts,
    Unauthorized,
    UnknownService,
    UnsupportedMedia,
)
from service.evidence import FORMATS
from service.hooks import MEDIA_TYPES
from service.openapi import answers
from service.openapi.operations import (
    ASKED,
    COMMON,
    HEADERS,
    HTML,
    JSON,
    Operation,
    component,
    error_answers,
    head,
    operation,
    preflight,
)
from service.openapi.registry_answer import evidence
from service.openapi.requests import feedback_request, hook_request
from service.openapi.schema import TEXT, Json, lenient, one_of, ref
from service.pages.assets import TYPES
from service.pages.blueprint import FOR_EVER

_SIGNED = (Unauthorized, ReplayStoreUnavailable)
_READ = (InvalidRequest, BodyTooLarge, UnsupportedMedia)
_PAGE: Json = {"type": "string"}
_TEXT_FILE: Json = {"type": "string"}
_FORMAT: Json = {
    "name": "format",
    "in": "query",
    "description": "Goes before the Accept header; where both leave it open, a page is sent.",
    "schema": one_of(FORMATS),
}


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


@cache
def openapi_document(*, order_helper: bool = False) -> dict[str, Any]:
    """Describe the service. What a setting changes is said as what it can be; only a test tool comes and goes."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "upadacitinib-cds",
            "version": __version__,
            "summary": "CDS Hooks 2.0.1 service that warns of combinations with upadacitinib.",
            "description": f"{SCOPE} Calls are read leniently; answers are exactly as described here.",
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(_paths(order_helper=order_helper)),
        "components": {
            "schemas": _schemas((*SERVICES, ORDER_HELPER) if order_helper else SERVICES),
            "headers": HEADERS,
            "responses": _elsewhere(),
            "securitySchemes": {
                "clientJwt": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Signed by the client for this very call; needed where clients have keys.",
                }
            },
        },
    }


def _schemas(services: tuple[Service, ...]) -> Json:
    calls = {_named(service): hook_request(service) for service in SERVICES}
    answered = {name: schema() for name, schema in answers.COMPONENTS.items()}
    found = {"Discovery": answers.discovery(services)}
    return {**calls, "Feedback": feedback_request(), **found, "Evidence": evidence(), **answered}


def _named(service: Service) -> str:
    return "".join(part.capitalize() for part in service.hook.split("-")) + "Call"


def _elsewhere() -> Json:
    """Describe what is answered at any other address, and to any other method."""
    said = {"NotFound": UnknownService, "MethodNotAllowed": MethodNotAllowed}
    made = {name: error_answers((error,))[str(error.status)] for name, error in said.items()}
    made["MethodNotAllowed"]["headers"] = {
        **made["MethodNotAllowed"]["headers"],
        "Allow": {"$ref": "#/components/headers/Allow"},
    }
    return {name: {**answer, "description": getdoc(said[name]) or ""} for name, answer in made.items()}


def _paths(*, order_helper: bool) -> Iterator[tuple[str, Json]]:
    yield "/cds-services", _called_from_pages("discovery", _get(_discovery()), "GET, HEAD, OPTIONS")
    for service in SERVICES:
        yield from _service(
            service, service.hook, _call(service), _feedback(service.hook, StoreUnavailable, Overloaded)
        )
    if order_helper:
        yield from _service(ORDER_HELPER, ORDER_HELPER.id, _HELPER, _feedback(ORDER_HELPER.id, UnknownService))
    for at, page in (("/evidence", _evidence()), ("/evidence/{rule}", _evidence_of_rule())):
        yield at, _called_from_pages(page.id, _get(page), "GET, HEAD, OPTIONS", page.parameters)
    yield from ((at, _get(page)) for at, page in _HEALTH.items())
    yield "/openapi.json", _get(_DOCUMENT)
    yield from ((at, _get(page)) for at, page in _DASHBOARD.items())
    yield "/static/{digest}/{package}/{file}", _get(_FILE)


def _service(service: Service, name: str, call: Operation, feedback: Operation) -> Iterator[tuple[str, Json]]:
    at = f"/cds-services/{service.id}"
    yield at, _called_from_pages(name, {"post": operation(call)}, "POST, OPTIONS")
    taken = {"post": operation(feedback)}
    yield f"{at}/feedback", _called_from_pages(f"{name}-feedback", taken, "POST, OPTIONS")


def _get(page: Operation) -> Json:
    return {"get": operation(page), "head": head(page)}


def _called_from_pages(id_: str, operations: Json, methods: str, parameters: tuple[Json, ...] = ()) -> Json:
    # A preflight does not look which rule there is.
    by_path = [{**item, "schema": {"type": "string"}} for item in parameters if item["in"] == "path"]
    return {**operations, "options": preflight(id_, methods) | ({"parameters": by_path} if by_path else {})}


def _discovery() -> Operation:
    return Operation("discovery", "Name the services and the prefetch that they want.", component("Discovery"))


def _call(service: Service) -> Operation:
    return Operation(
        service.hook,
        service.title,
        component("Cards"),
        (*_READ, *_SIGNED, DataUnavailable, NotReady, Overloaded),
        _body(_named(service)),
        signed=True,
    )


def _feedback(name: str, *errors: type[ServiceError]) -> Operation:
    return Operation(
        f"{name}-feedback",
        "Take what clinicians did with cards. 200 when it is written.",
        component("FeedbackTaken"),
        (*_READ, *_SIGNED, *errors),
        _body("Feedback"),
        signed=True,
    )


def _body(schema: str) -> Json:
    return {"required": True, "content": {media_type: {"schema": ref(schema)} for media_type in sorted(MEDIA_TYPES)}}


def _evidence() -> Operation:
    return Operation(
        "evidence",
        "All evidence behind the cards, with its verification state. No patient data.",
        {HTML: _PAGE, JSON: ref("Evidence")},
        (InvalidRequest, NotReady),
        parameters=(_FORMAT,),
    )


def _evidence_of_rule() -> Operation:
    return Operation(
        "evidence-of-rule",
        "The evidence behind the cards of one rule.",
        {HTML: _PAGE, JSON: ref("Evidence")},
        (InvalidRequest, UnknownService, NotReady),
        parameters=(_in_path("rule"), _FORMAT),
    )


_NOT_READY: Json = {
    "503": {
        "description": "What the service needs is missing.",
        "headers": COMMON,
        "content": {JSON: {"schema": ref("Readiness")}},
    }
}
_HEALTH = {
    "/livez": Operation("livez", "Is the process alive?", component("Alive")),
    "/readyz": Operation(
        "readyz", "Can it answer, and with what? Counts are of one worker.", component("Readiness"), also=_NOT_READY
    ),
}
_HELPER = Operation(
    ORDER_HELPER.id,
    ORDER_HELPER.title,
    {JSON: answers.helper_cards()},
    (*_READ, *_SIGNED, UnknownService, NotReady),
    _body(_named(ORDER_HELPER)),
    signed=True,
)
_PERIOD: tuple[Json, ...] = tuple(
    {"name": name, "in": "query", "description": f"{what} day in UTC.", "schema": {"type": "string", "format": "date"}}
    for name, what in (("from", "First"), ("to", "Last"))
)
_BASIC: Json = {"401": {"description": "The password of the dashboard is missing or wrong.", "headers": COMMON | ASKED}}


def _of_dashboard(id_: str, summary: str, media_type: str, *parameters: Json, **headers: Json) -> Operation:
    errors = (InvalidRequest, UnknownService, TooManyAttempts, StoreUnavailable)
    content = {media_type: _TEXT_FILE}
    return Operation(id_, summary, content, errors, parameters=(*parameters, *_PERIOD), also=_BASIC, headers=headers)


_DASHBOARD = {
    "/dashboard": _of_dashboard("dashboard", "What cards did, and what clinicians did with them.", HTML),
    "/dashboard/{table}.csv": _of_dashboard(
        "dashboard-table",
        "A table of the dashboard.",
        "text/csv",
        {**_in_path("table"), "schema": one_of(TABLES)},
        **{"Content-Disposition": {"required": True, "schema": TEXT}},
    ),
    "/dashboard/{plot}.svg": _of_dashboard(
        "dashboard-plot",
        "A plot of the dashboard.",
        "image/svg+xml",
        {**_in_path("plot"), "schema": one_of(PLOTS)},
        **{"Content-Security-Policy": {"required": True, "schema": TEXT}},
    ),
}
_DOCUMENT = Operation(
    "openapi",
    "This document.",
    {JSON: lenient("openapi info paths", openapi=TEXT, info={"type": "object"}, paths={"type": "object"})},
)
_FILE = Operation(
    "page-file",
    "A file that pages load. Its address is in the page, and changes with the files.",
    dict.fromkeys(TYPES.values(), _TEXT_FILE),
    (UnknownService,),
    parameters=tuple(_in_path(name) for name in ("digest", "package", "file")),
    headers={"Cache-Control": {"required": True, "schema": {"const": FOR_EVER}}},
)
