"""One visit to a service: every call that the checks look at afterwards, and what came back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from service.conformance.client import OK, Client, Exchange
from service.conformance.model import Part
from service.conformance.reading import is_reference, is_text, is_uuid, objects
from service.conformance.samples import (
    PREFETCH_STATES,
    in_state,
    incomplete,
    incomplete_contexts,
    valid_request,
    with_extras,
)
from service.conformance.tokens import Credentials

GENERIC = "generic request"
VALID = "valid"
AGAIN = "sent again"
FIELD = "without a field"
CONTEXT_FIELD = "without a context field"
UNKNOWN_HOOK = "org.example.conformance-unknown"
UNKNOWN_SERVICE = "conformance-no-such-service"


@dataclass(frozen=True, slots=True)
class Offered:
    """A service as discovery offers it; `templates` are those prefetch templates that are text."""

    id: str
    hook: str
    templates: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Seed:
    """A hook request from outside: a file of the user, or a recorded case. `services` limits whom it is sent to."""

    name: str
    hook: str
    body: bytes
    is_case: bool = False
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One hook call. `seed` names the request it was made from, `variant` what was done to it.

    `is_case` tells a recorded case, which may be a faulty request on purpose.
    """

    service: Offered
    seed: str
    variant: str
    request: Any
    exchange: Exchange
    is_case: bool = False

    @property
    def kind(self) -> str:
        """Return what kind of variant this is."""
        return self.variant.partition(":")[0]

    @property
    def where(self) -> str:
        """Say which call this was."""
        changed = "" if self.variant == VALID else f", {self.variant}"
        return f"{self.service.id} ({self.seed}{changed})"


@dataclass(frozen=True, slots=True)
class Posted:
    """One feedback post to a service; `variant` says what was in it."""

    service: str
    variant: str
    exchange: Exchange

    @property
    def kind(self) -> str:
        """Return what kind of post this is."""
        return self.variant.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Crossed:
    """One call as a browser page of another origin makes it: a preflight, an answer or an error."""

    kind: str
    where: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Trust:
    """What became of a good token, of no token, of each forged one, and of a token that was used twice."""

    where: str
    good: Exchange
    without: Exchange
    forged: Mapping[str, Exchange] = field(default_factory=dict)
    replayed: tuple[Exchange, Exchange] | None = None
    feedback: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """The evidence of one visit."""

    base: str
    origin: str
    discovery: Exchange
    offered: tuple[Offered, ...] = ()
    calls: tuple[Call, ...] = ()
    unknown: Exchange | None = None
    feedback: tuple[Posted, ...] = ()
    crossed: tuple[Crossed, ...] = ()
    trust: Trust | None = None


@dataclass(frozen=True)
class Visitor:
    """Makes one visit. `skipped` are groups whose calls are not made."""

    client: Client
    base: str
    now: datetime
    seeds: tuple[Seed, ...] = ()
    origin: str = "https://sandbox.cds-hooks.org"
    credentials: Credentials | None = None
    skipped: frozenset[Part] = frozenset()

    @property
    def discovery_url(self) -> str:
        """Return the address of the discovery document."""
        return f"{self.base}/cds-services"

    def discover(self) -> Exchange:
        """Ask for the discovery document."""
        return self.client.get(self.discovery_url)

    def visit(self, discovery: Exchange) -> Visit:
        """Make every call that is to be made, service by service."""
        services = offered(discovery)
        calls = tuple(call for service in services for call in self._calls(service))
        body = _body_for(calls)
        return Visit(
            base=self.base,
            origin=self.origin,
            discovery=discovery,
            offered=services,
            calls=calls,
            unknown=self.client.post(self.url(UNKNOWN_SERVICE), body) if services else None,
            feedback=() if Part.FEEDBACK in self.skipped else tuple(self._feedback(services, calls)),
            crossed=() if Part.CORS in self.skipped else tuple(self._crossed(services, calls, body)),
            trust=None if Part.TRUST in self.skipped else self._trust(calls),
        )

    def url(self, service: str) -> str:
        """Return the address of a service."""
        return f"{self.discovery_url}/{quote(service, safe='')}"

    def _calls(self, service: Offered) -> Iterator[Call]:
        generic = valid_request(service.hook, service.templates)
        if generic is not None:
            yield self._call(service, GENERIC, VALID, generic)
            yield self._call(service, GENERIC, AGAIN, generic)
            yield from self._variants(service, generic)
            yield from self._states(service, GENERIC, generic)
        probed = False
        for seed in self._seeds_of(service):
            request = json.loads(seed.body)
            first = self._call(service, seed.name, VALID, request, seed.body)
            yield replace(first, is_case=seed.is_case)
            # One recorded case with something to say is enough for the states; the user's own requests all matter.
            if not seed.is_case or (not probed and cards_of(first.exchange)):
                probed = probed or seed.is_case
                yield self._call(service, seed.name, AGAIN, request, seed.body)
                yield from self._states(service, seed.name, request)

    def _seeds_of(self, service: Offered) -> Iterator[Seed]:
        for seed in self.seeds:
            if seed.hook == service.hook and (seed.services is None or service.id in seed.services):
                yield seed

    def _variants(self, service: Offered, generic: Mapping[str, Any]) -> Iterator[Call]:
        yield self._call(service, GENERIC, "unknown fields", with_extras(generic))
        for name, request in incomplete(generic):
            yield self._call(service, GENERIC, f"{FIELD}: {name}", request)
        for name, request in incomplete_contexts(generic):
            yield self._call(service, GENERIC, f"{CONTEXT_FIELD}: {name}", request)
        yield self._call(service, GENERIC, "wrong hook", {**generic, "hook": UNKNOWN_HOOK})
        yield self._call(service, GENERIC, "malformed: cut short", None, json.dumps(generic).encode()[:-1])
        yield self._call(service, GENERIC, "malformed: no object", None, b'["no object"]')

    def _states(self, service: Offered, seed: str, request: Mapping[str, Any]) -> Iterator[Call]:
        for state in PREFETCH_STATES:
            yield self._call(service, seed, f"prefetch {state}", in_state(request, service.templates, state))

    def _call(self, service: Offered, seed: str, variant: str, request: Any, body: bytes | None = None) -> Call:
        sent = self.client.post(self.url(service.id), request if body is None else body)
        return Call(service, seed, variant, request, sent)

    def _feedback(self, services: tuple[Offered, ...], calls: tuple[Call, ...]) -> Iterator[Posted]:
        for key in dict.fromkeys(service.id for service in services):
            url = f"{self.url(key)}/feedback"
            for variant, body in self._feedback_bodies(_card_to_judge(key, calls)):
                yield Posted(key, variant, self.client.post(url, body))
        if services:
            url = f"{self.url(UNKNOWN_SERVICE)}/feedback"
            body = {"feedback": [self._entry(str(uuid4()), "overridden")]}
            yield Posted(UNKNOWN_SERVICE, "unknown service", self.client.post(url, body))

    def _feedback_bodies(self, card: Mapping[str, Any] | None) -> Iterator[tuple[str, bytes | Mapping[str, Any]]]:
        key = card["uuid"] if card else str(uuid4())
        overridden = self._entry(key, "overridden", overrideReason=_reason(card or {}))
        if card:
            yield "overridden", {"feedback": [overridden]}
            yield "sent again", {"feedback": [overridden]}
            yield "batch", {"feedback": [overridden, self._entry(key, "overridden")]}
            taken = [item["uuid"] for _, item in objects(card.get("suggestions")) if is_uuid(item.get("uuid"))]
            if taken:
                yield "accepted", {"feedback": [self._entry(key, "accepted", acceptedSuggestions=[{"id": taken[0]}])]}
        yield "malformed: cut short", b'{"feedback": ['
        yield "malformed: without the array", {}
        yield "malformed: unknown outcome", {"feedback": [{**overridden, "outcome": "conformance-unknown"}]}
        yield "malformed: without the card", {"feedback": [{k: v for k, v in overridden.items() if k != "card"}]}

    def _entry(self, card: str, outcome: str, **more: Any) -> dict[str, Any]:
        time = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"card": card, "outcome": outcome, "outcomeTimestamp": time, **more}

    def _crossed(self, services: tuple[Offered, ...], calls: tuple[Call, ...], body: bytes) -> Iterator[Crossed]:
        yield Crossed("preflight", "discovery", self._preflight(self.discovery_url, "GET", "authorization"))
        yield Crossed("answer", "discovery", self.client.get(self.discovery_url, Origin=self.origin))
        for service in dict.fromkeys(service.id for service in services):
            asked = self._preflight(self.url(service), "POST", "authorization,content-type")
            yield Crossed("preflight", service, asked)
        if served := next((call for call in calls if call.variant == VALID and call.exchange.status == OK), None):
            url, key = self.url(served.service.id), served.service.id
            yield Crossed("answer", key, self.client.post(url, json.dumps(served.request).encode(), Origin=self.origin))
            yield Crossed("error", f"{key}, malformed", self.client.post(url, body[:-1], Origin=self.origin))
        if services:
            lost = self.client.post(self.url(UNKNOWN_SERVICE), body, Origin=self.origin)
            yield Crossed("error", "an unknown service", lost)

    def _preflight(self, url: str, method: str, headers: str) -> Exchange:
        asked = {
            "Origin": self.origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        }
        return self.client.send("OPTIONS", url, None, None, asked)

    def _trust(self, calls: tuple[Call, ...]) -> Trust | None:
        call = next((call for call in calls if call.variant == VALID), None)
        if self.credentials is None or call is None:
            return None
        url, body = self.url(call.service.id), json.dumps(call.request).encode()
        forged = self.credentials.forged(url)
        twice = None
        if "expired" in forged:  # with a key, each call before had a token of its own
            token = self.credentials.token(url)
            twice = (self._with(token, url, body), self._with(token, url, body))
        feedback = json.dumps({"feedback": [self._entry(str(uuid4()), "overridden")]}).encode()
        return Trust(
            where=call.service.id,
            good=self.client.post(url, body),
            without=self._with(None, url, body),
            forged={kind: self._with(token, url, body) for kind, token in forged.items()},
            replayed=twice,
            feedback=None if Part.FEEDBACK in self.skipped else self._with(None, f"{url}/feedback", feedback),
        )

    def _with(self, token: str | None, url: str, body: bytes) -> Exchange:
        return self.client.send("POST", url, body, token, {})


def offered(discovery: Exchange) -> tuple[Offered, ...]:
    """Read the services that can be called from a discovery document, as far as it is one."""
    document = discovery.json
    listed = document.get("services") if isinstance(document, Mapping) else None
    return tuple(
        Offered(item["id"], item["hook"], _templates(item.get("prefetch")))
        for _, item in objects(listed)
        if is_text(item.get("id")) and is_text(item.get("hook"))
    )


def cards_of(exchange: Exchange) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the cards of a successful answer that are objects, with their places."""
    if exchange.status != OK or not isinstance(exchange.json, Mapping):
        return []
    return list(objects(exchange.json.get("cards")))


def drafts_of(request: Any) -> frozenset[str]:
    """Return `Type/id` of every resource of `context.draftOrders`, however deep a client put it."""
    context = request.get("context") if isinstance(request, Mapping) else None
    context = context[0] if isinstance(context, list) and context else context
    orders = context.get("draftOrders") if isinstance(context, Mapping) else None
    return frozenset(name for name in _names(orders) if is_reference(name))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get("resourceType", "Bundle") != "Bundle":
            yield f"{value['resourceType']}/{value.get('id')}"
        else:
            for item in value.values():
                yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)


def _templates(prefetch: Any) -> dict[str, str]:
    return {k: v for k, v in prefetch.items() if isinstance(v, str)} if isinstance(prefetch, Mapping) else {}


def _body_for(calls: tuple[Call, ...]) -> bytes:
    """Return a valid body for addresses where nobody should read it."""
    request = next((call.request for call in calls if call.variant == VALID), valid_request("patient-view", {}))
    return json.dumps(request).encode()


def _card_to_judge(service: str, calls: tuple[Call, ...]) -> Mapping[str, Any] | None:
    """Choose a card of the service that can be told by its uuid, one with suggestions if there is one."""
    cards = [card for call in calls if call.service.id == service for _, card in cards_of(call.exchange)]
    known = [card for card in cards if is_uuid(card.get("uuid"))]
    return max(known, key=lambda card: bool(card.get("suggestions")), default=None)


def _reason(card: Mapping[str, Any]) -> dict[str, Any]:
    offered_reasons = [item for _, item in objects(card.get("overrideReasons"))]
    if offered_reasons:
        return {"reason": {key: offered_reasons[0].get(key) for key in ("code", "system")}}
    return {"userComment": "Conformance check, no clinical reason."}
