"""Whether the cards of an answer keep the contract of CDS Hooks: the conformance checks, put to one answer."""

from collections.abc import Iterator

import msgspec

from service.conformance import actions, cards
from service.conformance.client import Exchange
from service.conformance.model import Level, judge
from service.conformance.visit import VALID, Call, Offered, Visit
from service.replay import calls

_CHECKS = tuple(check for check in (*cards.CHECKS, *actions.CHECKS) if check.level is Level.SHALL)


def faults(call: calls.Call, status: int, body: bytes) -> tuple[str, ...]:
    """Return each SHALL of the cards and actions that an answer departs from; nothing where it keeps them all."""
    try:
        request, response = msgspec.json.decode(call.exchange.request), msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ("cards.json: the answer is no JSON",) if status == 200 else ()
    offered = Offered(call.exchange.service, call.exchange.hook, {})
    seen = Exchange("POST", call.exchange.service, status, body=body, json=response)
    visit = Visit("", "", seen, calls=(Call(offered, call.exchange.id, VALID, request, seen),))
    return tuple(_departures(visit))


def _departures(visit: Visit) -> Iterator[str]:
    for result in judge(_CHECKS, visit):
        if result.departures:
            yield f"{result.check.name}: {result.check.title} ({result.check.requirements})"
