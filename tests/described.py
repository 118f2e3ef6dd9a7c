"""Holds an answer of the service against /openapi.json: its status, its headers, its media type, its body."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from service.openapi import openapi_document

Json = dict[str, Any]
_ADDRESS = "urn:openapi"
_DOCUMENTS = [openapi_document()]
# What any answer over HTTP may have, whoever the server is.
_OF_HTTP = {"content-type", "content-length", "date", "server", "connection", "transfer-encoding"}


def departures(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes, *, order_helper: bool = False
) -> list[str]:
    """Name everything in which an answer is not as described; `path` may have a query."""
    _use(order_helper)
    found = _answer(method.lower(), path.partition("?")[0], status)
    if found is None:
        return [f"{method} {path}: {status} is not described"]
    answer, where = found
    named = {name.lower(): value for name, value in headers.items()}
    told = (*_headers(answer, where, named), *_body(answer, where, named.get("content-type", ""), body))
    return [f"{method} {path} {status}: {each}" for each in told]


def _use(order_helper: bool) -> None:
    """Take the document of a site with the order helper, or of one without."""
    if _DOCUMENTS[-1] is not (wanted := openapi_document(order_helper=order_helper)):
        _DOCUMENTS[:] = [wanted]
        _registry.cache_clear()
        validator.cache_clear()


def request_faults(path: str, request: Any) -> list[str]:
    """Name everything in which the body of a request is not as described."""
    where = (*_path(path)[1:], "post", "requestBody", "content", "application/json", "schema")  # type: ignore[index]
    return [error.json_path for error in validator(*where).iter_errors(request)]


def _path(path: str) -> tuple[Json, str, str] | None:
    """Find a described address, one without parameters first."""
    paths = _DOCUMENTS[-1]["paths"]
    segments = path.split("/")
    for described in sorted(paths, key=lambda each: "{" in each):
        wanted = described.split("/")
        if len(wanted) == len(segments) and all(
            each == segment or (each.startswith("{") and segment)
            for each, segment in zip(wanted, segments, strict=True)
        ):
            return paths[described], "paths", described
    return None


def _answer(method: str, path: str, status: int) -> tuple[Json, tuple[str, ...]] | None:
    found = _path(path)
    if found is None or method not in found[0]:
        elsewhere = "NotFound" if found is None else "MethodNotAllowed"
        where: tuple[str, ...] = ("components", "responses", elsewhere)
        return (_at(where), where) if status == (404 if found is None else 405) else None
    where = (*found[1:], method, "responses", str(status))
    answers = found[0][method]["responses"]
    return (answers[str(status)], where) if str(status) in answers else None


def _headers(answer: Json, where: tuple[str, ...], given: Mapping[str, str]) -> Iterator[str]:
    described = answer.get("headers", {})
    for name, header in described.items():
        place = (*where, "headers", name)
        if "$ref" in header:
            place = ("components", "headers", header["$ref"].rpartition("/")[2])
        value = given.get(name.lower())
        if value is None:
            if _at(place).get("required"):
                yield f"the header {name} is missing"
            continue
        whole = _at(place)["schema"].get("type") == "integer"
        yield from (
            f"{name}: {it.message}" for it in validator(*place, "schema").iter_errors(int(value) if whole else value)
        )
    known = {name.lower() for name in described} | _OF_HTTP
    yield from (f"the header {name} is not described" for name in sorted(given.keys() - known))


def _body(answer: Json, where: tuple[str, ...], content_type: str, body: bytes) -> Iterator[str]:
    if "content" not in answer:
        if body:
            yield "there is a body"
        return
    media_type = content_type.partition(";")[0]
    if media_type not in answer["content"]:
        yield f"the media type is {media_type!r}"
        return
    value: Any = json.loads(body) if media_type == "application/json" else body.decode()
    schema = validator(*where, "content", media_type, "schema")
    yield from (f"{error.json_path}: {error.message[:200]}" for error in schema.iter_errors(value))


def _at(where: tuple[str, ...]) -> Json:
    value: Any = _DOCUMENTS[-1]
    for name in where:
        value = value[name]
    found: Json = value
    return found


@cache
def validator(*where: str) -> Draft202012Validator:
    """Make the validator of a schema in the document."""
    pointer = "/".join(name.replace("~", "~0").replace("/", "~1") for name in where)
    return Draft202012Validator({"$ref": f"{_ADDRESS}#/{pointer}"}, registry=_registry())


@cache
def _registry() -> Registry[Any]:
    document: Resource[Any] = DRAFT202012.create_resource(_DOCUMENTS[-1])
    empty: Registry[Any] = Registry()
    made: Registry[Any] = empty.with_resource(_ADDRESS, document)
    return made
