"""Calls to record, of the recorded cases and made up, and words that must not be found again."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import cache, partial
from importlib.resources import as_file, files
from typing import Any

from service.cases import Case
from service.knowledge import site_catalogue
from service.recording.deidentify import deidentified
from service.recording.format import Exchange, FhirCall
from service.recording.key import RecordingKey
from service.recording.policy import load_policy
from service.recording.words import Vocabulary, vocabulary
from service.replay import service_of
from service.settings import Settings

KEY = RecordingKey(bytes(range(32)))
ON = date(2026, 3, 16)
# None of them is a word of a drug, a dose or a card.
CANARIES = (
    "Zebulon",
    "Quackenbush",
    "Wibblestreet",
    "Snorkelheim",
    "4815162342",
    "zq@wibble.example",
    "+1-555-0142-877",
    "https://ehr.wibble.example/fhir",
    "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJ3aWJibGUifQ.c2ln",
    "tok3n-Qx9wibble",
    "<div>Wibblenarrative</div>",
)


@cache
def words() -> Vocabulary:
    # With the overlay that some cases have, so that their recordings know its words and codes too.
    with as_file(files("fhir_fixtures") / "overlays" / "example.yaml") as overlay:
        return vocabulary(site_catalogue(Settings(overlay=overlay)), load_policy())


def exchange_of(case: Case) -> Exchange:
    service = service_of(case)
    return call(
        case.request,
        case.expected,
        id=case.name,
        at=datetime.combine(case.on, time(12, tzinfo=UTC)),
        on=case.on,
        service=service.id,
        hook=service.hook,
        status=case.status,
        fhir_calls=case.server,
        exceptions=case.exceptions,
    )


def call(request: Any, response: Any = None, **changed: Any) -> Exchange:
    given: dict[str, Any] = {
        "id": "call-1",
        "at": datetime.combine(ON, time(9, 30, 15, 250_000, tzinfo=UTC)),
        "on": ON,
        "service": "upadacitinib-combination-select",
        "hook": "order-select",
        "request": json.dumps(request, ensure_ascii=False).encode(),
        "fhir_calls": (),
        "status": 200,
        "response": b"" if response is None else json.dumps(response, ensure_ascii=False).encode(),
        "latency_ms": 4.5,
        "knowledge_version": "1.0.0",
        "knowledge_sha256": "ab" * 32,
        "client": None,
        "profile": "spec",
        "jurisdiction": "us",
    }
    return Exchange(**given | changed)


def kept(exchange: Exchange, key: RecordingKey = KEY) -> Exchange:
    made = deidentified(exchange, partial(key.of_patient, exchange.client or ""), words(), load_policy())
    assert made is not None
    return made


def kept_request(request: Any) -> Any:
    return json.loads(kept(call(request)).request)


def around(resource: dict[str, Any], **request: Any) -> dict[str, Any]:
    """Put a resource into the prefetch of a request."""
    entry = {"fullUrl": f"https://ehr.wibble.example/fhir/{resource.get('resourceType')}/1", "resource": resource}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
    context = {"patientId": "p1", "userId": "Practitioner/1", "draftOrders": {"resourceType": "Bundle", "entry": []}}
    made = {
        "hook": "order-select",
        "hookInstance": "0501fbf2-e078-5447-af23-9bf832f71a8a",
        "context": context,
        "prefetch": {"medicationRequests": bundle},
    }
    return made | request


def kept_resource(resource: dict[str, Any]) -> Any:
    return kept_request(around(resource))["prefetch"]["medicationRequests"]["entry"][0]["resource"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Name every place in a JSON value, objects, lists and leaves."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


def with_at(value: Any, path: tuple[Any, ...], put: Any) -> Any:
    """Return a copy of a JSON value with something else at a place."""
    if not path:
        return put
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_at(value[path[0]], path[1:], put)
    return copy


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def read(url: str, body: Any, **changed: Any) -> FhirCall:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given: dict[str, Any] = {"method": "GET", "url": url, "status": 200, "body": content, "problem": None}
    return FhirCall(**given | changed)
