"""Checks of the discovery document (CDS Hooks 2.0.1, Discovery; Prefetch Template)."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from service.conformance.client import OK, UNAUTHORIZED, is_loopback
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.reading import empty_values, extensions, is_text, objects, shown
from service.conformance.visit import Visit

SHALL, SHOULD = Level.SHALL, Level.SHOULD

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+][0-9A-Za-z.+-]+)?", flags=re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+", flags=re.ASCII)
_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_QUERY = re.compile(r"(\{\{.+\}\}|[A-Z][A-Za-z]+(/[^?#\s]+|\?[^#\s]+)?)", flags=re.ASCII)
_USER_TOKENS = frozenset({"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"})
_ANY_TOKEN = re.compile(r"context\.[A-Za-z].*|%[A-Za-z].*|today\(\).*", flags=re.ASCII)
# From 3.0 on a token may be a FHIRPath where the client supports it, so that the rest of 2.0 is a SHOULD here.
_ROOT_FIELDS = frozenset({"userId", "patientId", "encounterId", "performer", "order"})
# _has and the like are outside the subset that row 48 recommends, so is every parameter with a dot (chaining).
_CONTROLS = frozenset({"_count", "_maxresults", "_sort", "_id", "_lastUpdated"})
_PREFIXES = re.compile(r"(sa|eb|ne|ap)\d{4}")


def _services(visit: Visit) -> Iterator[tuple[str, Mapping[str, Any]]]:
    document = visit.discovery.json
    for index, item in objects(document.get("services") if isinstance(document, Mapping) else None):
        yield f"$.services[{index}]", item


def _templates(visit: Visit) -> Iterator[tuple[str, str]]:
    for where, service in _services(visit):
        prefetch = service.get("prefetch")
        for key, template in prefetch.items() if isinstance(prefetch, Mapping) else ():
            if isinstance(template, str):
                yield f"{where}.prefetch.{key}", template


def _status(visit: Visit) -> Iterable[Observation]:
    hint = "; give --jwt or --key" if visit.discovery.status == UNAUTHORIZED else ""
    yield observe("GET /cds-services", "HTTP 200", visit.discovery.told + hint, holds=visit.discovery.status == OK)


def _is_json(visit: Visit) -> Iterable[Observation]:
    given = visit.discovery
    if given.status == OK:
        yield observe("body", "JSON in UTF-8", given.unreadable, holds=given.unreadable is None)
        came = given.media_type or "no Content-Type"
        yield observe("Content-Type", "application/json", came, holds=came == "application/json")


def _array(visit: Visit) -> Iterable[Observation]:
    if visit.discovery.status == OK:
        document = visit.discovery.json
        listed = document.get("services") if isinstance(document, Mapping) else document
        holds = isinstance(document, Mapping) and isinstance(listed, list)
        yield observe("$.services", "an object with the array services", shown(listed), holds=holds)
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            yield observe(f"$.services[{index}]", "an object", shown(item), holds=isinstance(item, Mapping))


def _text(field: str) -> Any:
    def look(visit: Visit) -> Iterable[Observation]:
        for where, service in _services(visit):
            value = service.get(field)
            yield observe(f"{where}.{field}", "text", shown(value), holds=is_text(value))

    return look


def _optional_text(field: str) -> Any:
    def look(visit: Visit) -> Iterable[Observation]:
        for where, service in _services(visit):
            if field in service:
                value = service[field]
                yield observe(f"{where}.{field}", "text", shown(value), holds=is_text(value))

    return look


def _id(visit: Visit) -> Iterable[Observation]:
    for where, service in _services(visit):
        key = service.get("id")
        holds = isinstance(key, str) and _SEGMENT.fullmatch(key) is not None
        yield observe(
            f"{where}.id", "the last segment of an address: letters, digits, . _ ~ -", shown(key), holds=holds
        )


def _unique(visit: Visit) -> Iterable[Observation]:
    counted = Counter((str(item.get("id")), str(item.get("hook"))) for _, item in _services(visit))
    for (key, hook), times in counted.items():
        yield observe(f"service {key}", f"one entry for {hook}", f"{times} entries", holds=times == 1)


def _prefetch(visit: Visit) -> Iterable[Observation]:
    for where, service in _services(visit):
        if "prefetch" in service:
            prefetch = service["prefetch"]
            yield observe(f"{where}.prefetch", "an object", shown(prefetch), holds=isinstance(prefetch, Mapping))
            for key, template in prefetch.items() if isinstance(prefetch, Mapping) else ():
                yield observe(f"{where}.prefetch.{key}", "a query as text", shown(template), holds=is_text(template))


def _queries(visit: Visit) -> Iterable[Observation]:
    for where, template in _templates(visit):
        expected = "a relative FHIR read or search: Type/id or Type?parameters"
        plain = _TOKEN.sub("{{token}}", template)
        yield observe(where, expected, shown(template), holds=_QUERY.fullmatch(plain) is not None)


def _tokens(visit: Visit) -> Iterable[Observation]:
    for where, template in _templates(visit):
        tokens = [token.strip() for token in _TOKEN.findall(template)]
        closed = not set(_TOKEN.sub("", template)) & set("{}")
        known = all(token in _USER_TOKENS or _ANY_TOKEN.fullmatch(token) for token in tokens)
        yield observe(
            where, "{{context.field}} or a user token in double braces", shown(template), holds=closed and known
        )


def _root_fields(visit: Visit) -> Iterable[Observation]:
    for where, template in _templates(visit):
        for token in (found.strip() for found in _TOKEN.findall(template)):
            holds = token in _USER_TOKENS or token.removeprefix("context.") in _ROOT_FIELDS
            yield observe(
                where, "a context field that every client can resolve, as patientId", shown(token), holds=holds
            )


def _subset(visit: Visit) -> Iterable[Observation]:
    for where, template in _templates(visit):
        _, _, query = _TOKEN.sub("token", template).partition("?")
        odd = [name for name, value in parse_qsl(query, keep_blank_values=True) if not _is_plain(name, value)]
        expected = "plain parameters: no _include, chaining or modifier but :in"
        yield observe(where, expected, f"parameter {odd[0]}" if odd else "", holds=not odd)


def _is_plain(name: str, value: str) -> bool:
    bare, _, modifier = name.partition(":")
    if modifier not in ("", "in") or _PREFIXES.match(value):
        return False
    return bare in _CONTROLS or not (bare.startswith("_") or "." in bare)


def _version(visit: Visit) -> Iterable[Observation]:
    for where, service in _services(visit):
        # New in 3.0, so that a service of 2.0 without it lacks nothing.
        if "version" in service:
            value = service["version"]
            holds = isinstance(value, str) and _SEMVER.fullmatch(value) is not None
            yield observe(f"{where}.version", "the version of CDS Hooks, as 2.0.1", shown(value), holds=holds)


def _empties(visit: Visit) -> Iterable[Observation]:
    if visit.discovery.json is not None:
        found = list(empty_values(visit.discovery.json, allowed=frozenset({"$.services"})))
        for path in found or ["$"]:
            yield observe(path, "a value, or the field left out", "null or empty", holds=not found)


def _extensions(visit: Visit) -> Iterable[Observation]:
    for where, value in extensions(visit.discovery.json):
        yield observe(where, "a JSON object", shown(value), holds=isinstance(value, Mapping))


def _https(visit: Visit) -> Iterable[Observation]:
    # A SHALL in production; a test installation may be plain, so that it is a warning here.
    if not is_loopback(visit.base):
        yield observe(visit.base, "https beyond this machine", "http", holds=visit.base.startswith("https://"))


_TEMPLATES = "a service with prefetch templates"

CHECKS = (
    Check(
        "discovery.status",
        "Discovery answers GET with 200, without a redirect.",
        SHALL,
        (9, 11, 21),
        _status,
        (4, 5, 13),
    ),
    Check("discovery.json", "The discovery document is JSON and says so.", SHALL, (1, 6), _is_json, (1,)),
    Check("discovery.services", "The document is an object with the array services.", SHALL, (10,), _array, (6,)),
    Check("discovery.hook", "Each service names its hook.", SHALL, (12,), _text("hook"), (7,)),
    Check("discovery.title", "Each service has a title.", SHOULD, (13,), _text("title"), (8,)),
    Check("discovery.description", "Each service has a description.", SHALL, (14,), _text("description"), (9,)),
    Check("discovery.id", "Each id can be the last segment of an address.", SHALL, (15,), _id, (10, 16)),
    Check("discovery.unique", "No id is offered twice for one hook.", SHALL, (15, 20), _unique, (10,)),
    Check(
        "discovery.usage",
        "Usage requirements are text.",
        SHALL,
        (17,),
        _optional_text("usageRequirements"),
        (12,),
        needs="a service with usageRequirements",
    ),
    Check(
        "discovery.version",
        "A version of CDS Hooks is a semantic version.",
        SHOULD,
        (18,),
        _version,
        needs="a service with version, which is new in CDS Hooks 3.0",
    ),
    Check(
        "discovery.hook-version",
        "A hook version is text.",
        SHALL,
        (19,),
        _optional_text("hookVersion"),
        needs="a service with hookVersion",
    ),
    Check(
        "discovery.prefetch",
        "Prefetch maps keys to queries.",
        SHALL,
        (16, 33, 34),
        _prefetch,
        (11, 29, 36),
        needs=_TEMPLATES,
    ),
    Check(
        "discovery.queries",
        "Each prefetch template is a relative FHIR query.",
        SHALL,
        (16,),
        _queries,
        (11,),
        needs=_TEMPLATES,
    ),
    Check(
        "discovery.tokens",
        "Prefetch tokens are well-formed.",
        SHALL,
        (44, 45, 46),
        _tokens,
        (35, 55, 56, 59),
        needs=_TEMPLATES,
    ),
    Check(
        "discovery.root-tokens",
        "Prefetch tokens need no FHIRPath: they are root fields or users.",
        SHOULD,
        (47, 49),
        _root_fields,
        (57,),
        needs="a template with a token",
    ),
    Check(
        "discovery.subset",
        "Prefetch templates keep to the recommended queries.",
        SHOULD,
        (48,),
        _subset,
        (58,),
        needs=_TEMPLATES,
    ),
    Check("discovery.no-empty-values", "No value is null or empty.", SHALL, (3, 4), _empties, (3,)),
    Check(
        "discovery.extensions",
        "Each extension is an object.",
        SHALL,
        (22, 117),
        _extensions,
        (214,),
        needs="an extension in discovery",
    ),
    Check(
        "discovery.https",
        "Beyond this machine the service is called over HTTPS.",
        SHOULD,
        (2,),
        _https,
        (2, 168),
        needs="a service that is not on this machine",
    ),
)
