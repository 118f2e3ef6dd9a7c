"""One operation of the document: its answers, its errors and the headers that every answer has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import getdoc

from service.cors import ALLOWED_HEADERS, EXPOSED_HEADERS, MAX_AGE
from service.errors import InternalError, ServiceError, Unauthorized
from service.every_answer import TWO_YEARS
from service.openapi.answers import operation_outcome
from service.openapi.schema import TEXT, Json, ref

JSON, HTML = "application/json", "text/html"
Errors = tuple[type[ServiceError], ...]
# Every answer has these; errors too.
COMMON: Json = {
    name: {"$ref": f"#/components/headers/{name}"}
    for name in (
        "X-Request-ID",
        "X-Knowledge",
        "X-Content-Type-Options",
        "Cache-Control",
        "Content-Security-Policy",
        "Referrer-Policy",
        "Strict-Transport-Security",
        "Vary",
        "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers",
    )
}
HEADERS: Json = {
    "X-Request-ID": {
        "description": "Id of the call in the log; a short, plain one of the caller is kept.",
        "required": True,
        "schema": TEXT,
    },
    "X-Knowledge": {
        "description": "The knowledge that a call was answered from: its version, with the start of its hash.",
        "schema": {"type": "string", "pattern": r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?\+[0-9A-Za-z.-]+$"},
    },
    "X-Content-Type-Options": {"required": True, "schema": {"const": "nosniff"}},
    "Cache-Control": {"required": True, "schema": {"const": "no-store"}},
    "Content-Security-Policy": {
        "description": "What is no page may load nothing and be framed by nobody; a page has a policy of its own.",
        "required": True,
        "schema": TEXT,
    },
    "Referrer-Policy": {"required": True, "schema": {"const": "no-referrer"}},
    "Strict-Transport-Security": {
        "description": "Where https is our own.",
        "schema": {"const": TWO_YEARS},
    },
    "Vary": {"required": True, "schema": {"enum": ["Origin", "Accept, Origin"]}},
    "Access-Control-Allow-Origin": {"description": "For pages that may call.", "schema": TEXT},
    "Access-Control-Expose-Headers": {"description": "For pages that may call.", "schema": {"const": EXPOSED_HEADERS}},
    "WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}},
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}},
    "Allow": {"description": "The methods of this address.", "required": True, "schema": TEXT},
}
# Of who may see a page: the browser asks for a password.
ASKED: Json = {"WWW-Authenticate": {"required": True, "schema": {"type": "string", "pattern": "^Basic "}}}
_OF_PAGES: Json = {"Permissions-Policy": {"description": "Where the answer is a page.", "schema": TEXT}}


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one address does. `content` is the schema of a success by media type.

    `body` is the request body as OpenAPI has it, `also` are further answers by status, `headers` those of
    the success that differ; `signed` says that a client with
    keys has to prove itself.
    """

    id: str
    summary: str
    content: Mapping[str, Json]
    errors: Errors = ()
    body: Json | None = None
    parameters: tuple[Json, ...] = ()
    signed: bool = False
    also: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, Json] = field(default_factory=dict)


def operation(it: Operation) -> Json:
    """Write an operation as OpenAPI has it."""
    headers = {**COMMON, **(_OF_PAGES if HTML in it.content else {}), **it.headers}
    success = {"description": "The answer.", "headers": headers, "content": _content(it.content)}
    made: Json = {"operationId": it.id, "summary": it.summary, "responses": {"200": success, **it.also}}
    made["responses"] |= error_answers((*it.errors, InternalError))
    if it.parameters:
        made["parameters"] = list(it.parameters)
    if it.body is not None:
        made["requestBody"] = it.body
    made["security"] = [{}, {"clientJwt": []}] if it.signed else []
    return made


def head(it: Operation) -> Json:
    """Write the HEAD beside a GET: the same without the body."""
    made = operation(it)
    bare = {status: {key: said[key] for key in said if key != "content"} for status, said in made["responses"].items()}
    return {**made, "operationId": f"{it.id}-head", "summary": f"{it.summary} Without the body.", "responses": bare}


def preflight(id_: str, methods: str) -> Json:
    """Write the OPTIONS that a browser sends before it calls; who calls is not asked."""
    said = {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": MAX_AGE,
    }
    cors = {
        name: {"description": "For pages that may call.", "schema": {"const": value}} for name, value in said.items()
    }
    allow = {"Allow": {"required": True, "schema": {"const": methods}}}
    answer = {"description": "What a page may send.", "headers": {**COMMON, **allow, **cors}}
    return {
        "operationId": f"{id_}-preflight",
        "summary": "Tell a browser which pages may call.",
        "security": [],
        "responses": {"204": answer, **error_answers((InternalError,))},
    }


def error_answers(errors: Errors) -> Json:
    """Write the answers of these errors, those of one status as one."""
    by_status: dict[int, list[type[ServiceError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {str(status): _error(*named) for status, named in sorted(by_status.items())}


def _error(*errors: type[ServiceError]) -> Json:
    told = " ".join(dict.fromkeys((getdoc(error) or "").split("\n\n")[0].replace("\n", " ") for error in errors))
    if errors == (Unauthorized,):
        # The same bytes whatever is wrong.
        headers = {**COMMON, "WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}}
        return {"description": told, "headers": headers}
    headers = dict(COMMON)
    waits = [error.retry_after is not None for error in errors]
    if any(waits):
        headers["Retry-After"] = {**HEADERS["Retry-After"], "required": all(waits)}
    return {"description": told, "headers": headers, "content": _content({JSON: operation_outcome(*errors)})}


def _content(by_media_type: Mapping[str, Json]) -> Json:
    return {media_type: {"schema": schema} for media_type, schema in by_media_type.items()}


def component(name: str) -> Mapping[str, Json]:
    """Name a component as the one JSON answer."""
    return {JSON: ref(name)}
