"""Checks of the hook calls: status, body, faulty requests and prefetch states (CDS Hooks 2.0.1, Calling a CDS Service).

What is said of a faulty request means something only where the service answers the valid one; a service that refuses
everything is not praised for refusing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.conformance.client import (
    JSON_TYPES,
    NOT_FOUND,
    OK,
    PRECONDITION_FAILED,
    UNAUTHORIZED,
    Exchange,
    answered,
    refused,
)
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.reading import shown
from service.conformance.visit import AGAIN, CONTEXT_FIELD, FIELD, VALID, Call, Visit

SHALL, SHOULD, INFORMATIVE = Level.SHALL, Level.SHOULD, Level.INFORMATIVE

QUICK_SECONDS = 0.5
_SERVED = "200, or 412 if data are missing"


def _of(visit: Visit, *kinds: str) -> Iterator[Call]:
    """Yield the calls of these kinds whose own valid request was answered."""
    served = {(item.service, item.seed) for item in visit.calls if item.variant == VALID and answered(item.exchange)}
    for call in visit.calls:
        if call.kind in kinds and (call.service, call.seed) in served:
            yield call


def _valid(visit: Visit) -> Iterable[Observation]:
    for call in visit.calls:
        # A recorded case may be faulty on purpose; the generic request and those of the user are not.
        if call.variant == VALID and not call.is_case:
            given = call.exchange
            hint = "; give --jwt or --key" if given.status == UNAUTHORIZED else ""
            yield observe(call.where, _SERVED, given.told + hint, holds=answered(given))


def _never_5xx(visit: Visit) -> Iterable[Observation]:
    for call in visit.calls:
        status = call.exchange.status
        holds = status is not None and status < 500
        yield observe(call.where, "an answer that is no 5xx", call.exchange.told, holds=holds)


def _successes(visit: Visit) -> Iterator[Call]:
    return (call for call in visit.calls if call.exchange.status == OK)


def _is_json(visit: Visit) -> Iterable[Observation]:
    for call in _successes(visit):
        given = call.exchange
        came = given.unreadable or given.media_type or "no Content-Type"
        holds = given.unreadable is None and given.media_type in JSON_TYPES
        yield observe(call.where, "a body of JSON in UTF-8 with its Content-Type", came, holds=holds)


def _cards(visit: Visit) -> Iterable[Observation]:
    for call in _successes(visit):
        body = call.exchange.json
        cards = body.get("cards") if isinstance(body, Mapping) else None
        came = shown(cards if isinstance(body, Mapping) else body)
        yield observe(f"{call.where}: $.cards", "an object with the array cards", came, holds=isinstance(cards, list))


def _tolerant(visit: Visit) -> Iterable[Observation]:
    for call in _of(visit, "unknown fields"):
        yield observe(call.where, _SERVED, call.exchange.told, holds=answered(call.exchange))


def _refuses(kind: str) -> Any:
    def look(visit: Visit) -> Iterable[Observation]:
        for call in _of(visit, kind):
            yield observe(call.where, "4xx", call.exchange.told, holds=refused(call.exchange))

    return look


def _malformed_is_400(visit: Visit) -> Iterable[Observation]:
    for call in _of(visit, "malformed"):
        yield observe(call.where, "HTTP 400", call.exchange.told, holds=call.exchange.status == 400)


def _unknown(visit: Visit) -> Iterable[Observation]:
    if visit.unknown is not None:
        holds = visit.unknown.status == NOT_FOUND
        yield observe("a service that is not offered", "HTTP 404", visit.unknown.told, holds=holds)


def _outcomes(visit: Visit) -> Iterable[Observation]:
    calls = [(call.where, call.exchange) for call in visit.calls]
    lost = [("a service that is not offered", visit.unknown)] if visit.unknown else []
    for where, exchange in (*calls, *lost):
        if exchange.status is not None and exchange.status >= 400 and exchange.status not in (401, 403):
            holds = _is_outcome(exchange)
            yield observe(where, "an OperationOutcome in the body", shown(exchange.json), holds=holds)


def _is_outcome(exchange: Exchange) -> bool:
    return isinstance(exchange.json, Mapping) and exchange.json.get("resourceType") == "OperationOutcome"


def _prefetch(state: str) -> Any:
    def look(visit: Visit) -> Iterable[Observation]:
        for call in _of(visit, f"prefetch {state}"):
            # Without templates and without prefetch in the request there is no state to be in.
            if state == "absent" or "prefetch" in call.request:
                yield observe(call.where, _SERVED, call.exchange.told, holds=answered(call.exchange))

    return look


def _empty_is_data(visit: Visit) -> Iterable[Observation]:
    for call in _of(visit, "prefetch null", "prefetch empty"):
        if "prefetch" in call.request and answered(call.exchange):
            holds = call.exchange.status != PRECONDITION_FAILED
            yield observe(call.where, "200: an empty record was supplied, nothing is missing", "HTTP 412", holds=holds)


def _same(visit: Visit) -> Iterable[Observation]:
    first = {(call.service, call.seed): call for call in visit.calls if call.variant == VALID}
    for call in _of(visit, AGAIN):
        before = first[call.service, call.seed].exchange
        same = (before.status, before.body) == (call.exchange.status, call.exchange.body)
        yield observe(call.where, "the same answer to the same bytes", "another answer", holds=same)


def _quick(visit: Visit) -> Iterable[Observation]:
    for call in visit.calls:
        if call.variant == VALID and answered(call.exchange):
            seconds = call.exchange.seconds
            yield observe(
                call.where,
                f"within {QUICK_SECONDS * 1000:.0f} ms",
                f"{seconds * 1000:.0f} ms",
                holds=seconds <= QUICK_SECONDS,
            )


def _every_service(visit: Visit) -> Iterable[Observation]:
    called = {call.service for call in visit.calls}
    for service in visit.offered:
        came = f"not called: no generic request is known for the hook {shown(service.hook)}; give --request"
        yield observe(service.id, "a call with a request of its hook", came, holds=service in called)


_NEEDS_VALID = "a service that answers the valid request"

CHECKS = (
    Check("calls.every-service", "Each offered service was called.", INFORMATIVE, (23,), _every_service, (16,)),
    Check(
        "calls.valid",
        "A valid request is answered with 200, or with 412 if data are missing.",
        SHALL,
        (23, 42, 57),
        _valid,
        (16, 54, 74),
        needs="an offered service whose hook is known here",
    ),
    Check("calls.no-5xx", "No request, however odd, is answered with a 5xx.", SHOULD, (59,), _never_5xx, (76,)),
    Check("calls.json", "A successful answer is JSON and says so.", SHALL, (1, 6), _is_json, (1,)),
    Check(
        "calls.cards",
        "A successful answer is an object with the array cards, empty if there is nothing to say.",
        SHALL,
        (57, 58),
        _cards,
        (74, 77),
    ),
    Check(
        "calls.unknown-fields",
        "Extensions and unknown fields do not disturb.",
        SHALL,
        (30, 118),
        _tolerant,
        needs=_NEEDS_VALID,
    ),
    Check(
        "calls.missing-field",
        "A request without hook, hookInstance or context is refused.",
        SHALL,
        (24, 25, 28),
        _refuses(FIELD),
        needs=_NEEDS_VALID,
    ),
    Check(
        "calls.missing-context-field",
        "A request without the patient or the drafts of its hook is refused.",
        SHOULD,
        (28,),
        _refuses(CONTEXT_FIELD),
        needs=_NEEDS_VALID,
    ),
    Check(
        "calls.wrong-hook",
        "A request of a hook that the service does not answer is refused.",
        SHOULD,
        (24,),
        _refuses("wrong hook"),
        needs=_NEEDS_VALID,
    ),
    Check(
        "calls.malformed",
        "A body that is no JSON object is refused.",
        SHALL,
        (1, 59),
        _refuses("malformed"),
        (1,),
        needs=_NEEDS_VALID,
    ),
    Check(
        "calls.malformed-400",
        "A body that is no JSON object is answered with 400.",
        SHOULD,
        (59,),
        _malformed_is_400,
        (76,),
        needs=_NEEDS_VALID,
    ),
    Check("calls.unknown-service", "A service that is not offered is not found.", SHALL, (15,), _unknown, (10, 16)),
    Check(
        "calls.error-outcome",
        "An error carries an OperationOutcome.",
        SHOULD,
        (60,),
        _outcomes,
        needs="an answer with an error",
    ),
    Check(
        "calls.prefetch-absent",
        "Without prefetch and FHIR access the answer is 200 or 412.",
        SHALL,
        (35, 41, 42),
        _prefetch("absent"),
        (54,),
        needs=_NEEDS_VALID,
    ),
    Check(
        "calls.prefetch-null",
        "Prefetch keys that are null (no data) are understood.",
        SHALL,
        (39,),
        _prefetch("null"),
        needs="a service with prefetch templates",
    ),
    Check(
        "calls.prefetch-empty",
        "Searches without a match are understood.",
        SHALL,
        (39,),
        _prefetch("empty"),
        needs="a service with prefetch templates",
    ),
    Check(
        "calls.prefetch-outcome",
        "An OperationOutcome in place of the data is understood.",
        SHALL,
        (38, 40),
        _prefetch("outcome"),
        (52,),
        needs="a service with prefetch templates",
    ),
    Check(
        "calls.empty-is-data",
        "An empty record is not answered as a missing one.",
        SHOULD,
        (43,),
        _empty_is_data,
        needs="a service with prefetch templates",
    ),
    Check("calls.deterministic", "The same request gets the same answer.", INFORMATIVE, (), _same, needs=_NEEDS_VALID),
    Check("calls.quick", "A valid request is answered quickly.", INFORMATIVE, (31,), _quick, (27,)),
)
