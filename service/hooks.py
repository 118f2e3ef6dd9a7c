"""The CDS Hooks pages: discovery, and one call per hook (CDS Hooks 2.0.1, Discovery; Calling a CDS Service)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from time import monotonic, perf_counter
from typing import Any
from uuid import uuid4

import msgspec
from flask import Blueprint, Response, g, request
from werkzeug.http import parse_options_header

from cards.detect import DocumentedException
from cards.model import Gap
from service import wire
from service.answer import OVER_HTTP, Answer, Engine, answer
from service.audit.decision import Decision
from service.audit.trail import Trail
from service.clients.auth import Authenticator
from service.clients.jwks import WAIT_SECONDS
from service.discovery import Service, discovery_document, service_by_id
from service.documented import Memory
from service.errors import BodyTooLarge, NotReady, ServiceError, UnknownService, UnsupportedMedia
from service.fhir_access.fetch import FhirCall, FhirReader
from service.fhir_access.log import ANOTHER_PATIENT, ObservedFhir, warn_of
from service.fhir_access.remaining import Remaining
from service.in_flight import InFlight
from service.ledger import IssuedCall, Ledger
from service.recording.format import Exchange
from service.recording.recorder import Recorder
from service.settings import ANYONE, Client, Settings
from service.tallies import FAILED, REFUSED, Tallies
from service.telemetry import Counts

Clock = Callable[[], datetime]

MEDIA_TYPES = frozenset({"application/json", "application/fhir+json", "application/json+fhir"})
CHUNK = 64 * 1024
# Says in `g` that the body was read to its end.
WHOLE = "body_was_read"
_LENGTH = re.compile(r"[1-9][0-9]{0,14}")
JSON = "application/json"
KNOWLEDGE_HEADER = "X-Knowledge"


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that was read, for the recording."""

    service: Service
    client: Client
    now: datetime
    body: bytes
    reads: tuple[FhirCall, ...] = ()
    exceptions: tuple[DocumentedException, ...] = ()


def hooks_blueprint(
    settings: Settings,
    engine: Engine | None,
    trust: Authenticator,
    clock: Clock,
    counts: Counts,
    memory: Memory,
    ledger: Ledger,
    tallies: Tallies,
    in_flight: InFlight,
    fhir: FhirReader = OVER_HTTP,
    recorder: Recorder | None = None,
    trail: Trail | None = None,
) -> Blueprint:
    """Make the pages of one site. `clock` gives an aware time and is asked once per call; `fhir` reads from servers."""
    pages = Blueprint("hooks", __name__)
    longest, zone = settings.max_body_bytes, settings.zone
    pages.after_request(lambda response: _tallied(response, tallies))
    if engine is not None:
        named = named_knowledge(engine.catalogue.version, engine.catalogue.sha256)
        pages.after_request(lambda response: _named_by(response, named))
    if recorder is not None:
        pages.after_request(lambda response: _recorded(response, recorder, settings, engine))

    if trail is not None:
        pages.after_request(lambda response: _audited(response, trail, engine))

    # OPTIONS of these pages is a browser's preflight; the application answers it.
    @pages.get("/cds-services", provide_automatic_options=False)
    def discover() -> Response:
        found = discovery_document(settings.announced_version, order_helper=settings.order_helper)
        return Response(msgspec.json.encode(found), mimetype="application/json")

    # A client that was given the address with a trailing slash asks for a double one.
    @pages.post("/cds-services//<service_id>", provide_automatic_options=False)
    @pages.post("/cds-services/<service_id>", provide_automatic_options=False)
    def call(service_id: str) -> Response:
        service = named_service(service_id)
        with in_flight.call():
            return answered(service, clock())

    def answered(service: Service, now: datetime) -> Response:
        began = monotonic()
        client = caller(trust, service, now, seconds=settings.fhir_seconds)
        waited = monotonic() - began
        g.tallied = (now, client.id, service.hook)
        with in_flight.waiting_for_caller():
            body = read_body(longest)
        deviations = request_deviations()
        if engine is None:
            raise NotReady("The knowledge could not be loaded. Ask the operator to look at /readyz and the log.")
        g.call = _Call(service, client, now, body)
        today, reader = now.astimezone(zone).date(), ObservedFhir(Remaining(fhir, waited))
        documented = memory.of(client, engine.catalogue, today)
        try:
            given = answer(body, service, engine=engine, on=today, client=client, fhir=reader, documented=documented)
        except ServiceError:
            _note(recorder, reads=reader.calls())
            counts.add(reader.words())
            g.said = {**g.get("said", {}), **reader.said()}
            raise
        if given.issued:
            ledger.put(_issued(given, service, engine, client, now))
        g.given = given
        _note(recorder, reads=given.fhir_calls, exceptions=given.exceptions)
        deviations += given.deviations
        said, words = g.said, (*reader.words(given.trace.fhir), *_mixed_up(given))
        _tell(counts, deviations, words)
        g.said = {
            **said,
            "outcome": given.outcome,
            "rules": given.rules,
            "indicators": given.indicators,
            "gaps": given.gaps,
            "unidentified": given.unidentified,
            "deviations": deviations,
            **reader.said(given.trace.fhir),
        }
        return Response(given.body, content_type=JSON)

    return pages


def _tell(counts: Counts, deviations: tuple[str, ...], words: tuple[str, ...]) -> None:
    if deviations or words:
        counts.add((*deviations, *words))
        warn_of(words, g.said, g.request_id)


def _mixed_up(given: Answer) -> tuple[str, ...]:
    strangers = given.assessment is not None and Gap.OTHER_PATIENT in given.assessment.gaps
    return (ANOTHER_PATIENT,) if strangers else ()


def named_knowledge(version: str, sha256: str) -> str:
    """Name a state of the knowledge for a header: its version, with the hash as build metadata (SemVer 2.0.0, 10)."""
    return f"{version}{'.' if '+' in version else '+'}{sha256[:8]}"


def _named_by(response: Response, named: str) -> Response:
    """Name the knowledge that an answer comes from, to those who may have one."""
    if g.get("call") is not None:
        response.headers[KNOWLEDGE_HEADER] = named
    return response


def _issued(given: Answer, service: Service, engine: Engine, client: Client, now: datetime) -> IssuedCall:
    known = engine.catalogue
    return IssuedCall(
        client.id, service.id, service.hook, now, known.version, known.sha256, given.issued, given.patient, given.user
    )


def _note(recorder: Recorder | None, **found: Any) -> None:
    """Add to what will be recorded of a call, where calls are recorded."""
    if recorder is not None:
        g.call = replace(g.call, **found)


def caller(
    trust: Authenticator, service: Service, now: datetime, *, feedback: bool = False, seconds: float = WAIT_SECONDS
) -> Client:
    """Tell which client makes this call, before anything of it is read; its keys are waited for `seconds` at most.

    Raises Unauthorized, ReplayStoreUnavailable.
    """
    # A WSGI server gives one value; to ask for all of them reads every header there is.
    environ = request.environ
    shown = environ.get("HTTP_AUTHORIZATION")
    given = () if shown is None else (shown,)
    remote = environ.get("REMOTE_ADDR")
    client = trust.authenticate(given, remote, service.id, now, feedback=feedback, seconds=seconds)
    if client is not ANYONE:
        g.said = {**g.get("said", {}), "client": client.id}
    return client


def _tallied(response: Response, tallies: Tallies) -> Response:
    """Count a call of somebody who may call, whatever became of it."""
    if tallied := g.get("tallied"):
        status = response.status_code
        outcome = g.said["outcome"] if status < 400 else REFUSED if status < 500 else FAILED
        at, client, hook = tallied
        tallies.add(at, client, hook, outcome, (perf_counter() - g.began) * 1000)
    return response


def _recorded(response: Response, recorder: Recorder, settings: Settings, engine: Engine | None) -> Response:
    """Have a call recorded once its answer is on its way; what was refused before its body was read is not."""
    call: _Call | None = g.get("call")
    if call is not None and engine is not None:
        exchange = Exchange(
            id=uuid4().hex,
            at=call.now,
            on=call.now.astimezone(settings.zone).date(),
            service=call.service.id,
            hook=call.service.hook,
            request=call.body,
            fhir_calls=call.reads,
            status=response.status_code,
            response=response.get_data(),
            latency_ms=round((perf_counter() - g.began) * 1000, 1),
            knowledge_version=engine.catalogue.version,
            knowledge_sha256=engine.catalogue.sha256,
            client=None if call.client is ANYONE else call.client.id,
            profile=settings.profile if call.client is ANYONE else call.client.profile,
            jurisdiction=settings.jurisdiction,
            exceptions=call.exceptions,
        )
        recorder.expect()
        response.call_on_close(partial(recorder.take, exchange))
    return response


def _audited(response: Response, trail: Trail, engine: Engine | None) -> Response:
    """Have an answer entered in the audit trail; what was refused before its body was read decided nothing."""
    call: _Call | None = g.get("call")
    if call is not None and engine is not None:
        given: Answer | None = g.get("given")
        known = engine.catalogue
        decision = Decision(
            at=call.now,
            request_id=g.request_id,
            service=call.service.id,
            hook=call.service.hook,
            client=call.client.id,
            status=response.status_code,
            outcome="failed" if given is None or response.status_code >= 400 else given.outcome,
            knowledge_version=known.version,
            knowledge_sha256=known.sha256,
            patient=_patient(call) if given is None else given.patient,
        )
        if given is not None:
            decision = replace(decision, rules=given.rules, gaps=given.gaps, cards=given.issued)
        trail.take(decision)
    return response


def _patient(call: _Call) -> str | None:
    """Find whose call it was that could not be answered, if it says so."""
    try:
        return wire.read_request(call.body, call.service).patient
    except ServiceError:
        return None


def read_body(limit: int) -> bytes:
    """Read the body, or as much of it as shows that it is too long."""
    environ = request.environ
    # A server that ends the body itself needs no wrapper that counts (werkzeug.wsgi, get_input_stream).
    stream = environ["wsgi.input"] if environ.get("wsgi.input_terminated") else request.stream
    length = environ.get("CONTENT_LENGTH", "")
    # As a rule all of it comes at once, and joining one part copies nothing.
    parts: list[bytes] = []
    size, step = 0, min(int(length) if _LENGTH.fullmatch(length) else CHUNK, limit + 1)
    while size <= limit and (part := stream.read(step)):
        parts.append(part)
        size += len(part)
    if size > limit:
        raise BodyTooLarge(f"The request body is longer than {limit} bytes. Send less, or raise max_body_bytes.")
    setattr(g, WHOLE, True)
    return b"".join(parts)


def named_service(service_id: str) -> Service:
    """Find the service that the address names. Raises UnknownService."""
    service = service_by_id(service_id)
    if service is None:
        raise UnknownService("No CDS service has this id. Take the id from GET /cds-services.")
    g.said = {"service": service.id, "hook": service.hook}
    return service


def request_deviations() -> tuple[str, ...]:
    """Refuse what is not JSON in UTF-8 without compression; name what was served all the same."""
    environ = request.environ
    return media_deviations(environ.get("CONTENT_TYPE"), environ.get("HTTP_CONTENT_ENCODING"))


# Clients send the same headers with every call.
@lru_cache(maxsize=64)
def media_deviations(content_type: str | None, encoding: str | None) -> tuple[str, ...]:
    """Refuse what is not JSON in UTF-8 without compression; a missing type is served and counted."""
    if (encoding or "").strip().lower() not in ("", "identity"):
        raise UnsupportedMedia("The request body is compressed. Send it without Content-Encoding.")
    named, parameters = parse_options_header(content_type)
    if named and named.lower() not in MEDIA_TYPES:
        raise UnsupportedMedia("The request body is not of type application/json. Set Content-Type to it.")
    if parameters.get("charset", "utf-8").strip().lower() not in ("utf-8", "utf8"):
        raise UnsupportedMedia("The request body is not in UTF-8. Encode it in UTF-8 and set the charset so.")
    return () if named else ("content-type-missing",)
