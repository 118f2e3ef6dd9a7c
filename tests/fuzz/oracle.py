"""What holds for every answer, whatever was sent: named one by one, so that a fuzzer can say what broke."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, Literal

import msgspec

from service.answer import Engine, answer, build_engine
from service.conformance import actions, cards
from service.conformance.client import Exchange
from service.conformance.model import Level, judge
from service.conformance.visit import VALID, Call, Offered, Visit
from service.discovery import SERVICES, Service
from service.errors import ServiceError, operation_outcome
from service.every_answer import NO_PAGE
from service.fhir_access.recorded import RecordedFhir
from service.settings import Settings
from tests.clients import contract
from tests.described import departures
from tests.fuzz.generated import CANARY, ON
from tests.markup import PARSERS, kinds

Profile = Literal["spec", "epic", "sandbox"]
PROFILES: tuple[Profile, ...] = ("spec", "epic", "sandbox")
SERVICE: Mapping[str, Service] = {service.hook: service for service in SERVICES}
# Of our own words no renderer makes more than this.
HARMLESS = frozenset(
    f"{kind}_{end}"
    for kind in ("paragraph", "strong", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td")
    for end in ("open", "close")
) | {"text", "softbreak", "text_special"}
_CHECKS = tuple(check for check in (*cards.CHECKS, *actions.CHECKS) if check.level is Level.SHALL)
_HEADERS = {
    "content-type": "application/json",
    "x-request-id": "x",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": NO_PAGE,
    "referrer-policy": "no-referrer",
    "vary": "Origin",
}
SECONDS = 1.0
_EMPTY: tuple[Any, ...] = (None, "", [], {})


class Hang(Exception):
    """An answer took longer than a second of computing time."""


@cache
def engine(profile: Profile) -> Engine:
    """Make the engine of a profile once."""
    made = build_engine(Settings())
    return replace(made, options=replace(made.options, profile=profile))


def answered(body: bytes, service: Service, profile: Profile = "spec", on: date = ON) -> tuple[int, bytes]:
    """Answer a call in this process as the service does; whatever is not foreseen is raised."""
    try:
        return 200, answer(body, service, engine=engine(profile), on=on, fhir=RecordedFhir(())).body
    except ServiceError as error:
        return error.status, msgspec.json.encode(operation_outcome(error))


def faults(body: bytes, service: Service, profile: Profile = "spec") -> list[str]:
    """Answer a call and name everything that is wrong with the answer."""
    status, given = answered(body, service, profile)
    found = departures("POST", f"/cds-services/{service.id}", status, _HEADERS, given)
    if answered(body, service, profile) != (status, given):
        found.append("the same request got other bytes")
    if status != 200:
        return found + (["the error repeats what was sent"] if CANARY.encode() in given.lower() else [])
    if found:
        return found
    told = _without_drafts(json.loads(given))
    return [*contract.faults(told, profile), *_conformance(body, service, told), *markup(told)]


def _without_drafts(told: Any) -> Any:
    """Leave out of an answer what its client left empty: a draft goes back as it came, and may hold anything."""
    for card in told["cards"]:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion.get("actions", ()):
                if action["type"] == "update":
                    action["resource"] = _filled(action["resource"])
    return told


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kept for key, part in value.items() if (kept := _filled(part)) not in _EMPTY}
    if isinstance(value, list):
        return [kept for part in value if (kept := _filled(part)) not in _EMPTY]
    return value.strip() if isinstance(value, str) else value


def _conformance(body: bytes, service: Service, told: Any) -> Iterator[str]:
    """Hold an answer against each SHALL of the standard, with the request that it answers."""
    seen = Exchange("POST", service.id, 200, body=json.dumps(told).encode(), json=told)
    call = Call(Offered(service.id, service.hook, {}), "fuzz", VALID, json.loads(body), seen)
    for result in judge(_CHECKS, Visit("", "", seen, calls=(call,))):
        if result.departures:
            yield f"{result.check.name}: {result.departures[0]}"


def markup(told: Any) -> Iterator[str]:
    """Name each text of the cards of which a markdown renderer makes a link, a picture, HTML or a heading."""
    for where, text in _texts(told):
        for name, parser in PARSERS.items():
            if more := set(kinds(parser.parse(text))) - HARMLESS:
                yield f"{where}: {name} makes {sorted(more)}"


def _texts(told: Any) -> Iterator[tuple[str, str]]:
    for number, card in enumerate(told["cards"]):
        yield f"cards[{number}].summary", card["summary"]
        yield f"cards[{number}].detail", card["detail"]
        for suggestion in card.get("suggestions", ()):
            yield f"cards[{number}].suggestions.label", suggestion["label"]
            yield from (
                (f"cards[{number}].actions.description", it["description"]) for it in suggestion.get("actions", ())
            )


@contextmanager
def watchdog(seconds: float = SECONDS) -> Iterator[None]:
    """Raise Hang where the block computes for longer; time that other programs take does not count."""

    def bark(*_: object) -> None:
        raise Hang(f"more than {seconds} s of computing")

    before = signal.signal(signal.SIGVTALRM, bark)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
