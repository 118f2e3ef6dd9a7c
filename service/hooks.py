"""The CDS Hooks pages: discovery, and one call per hook (CDS Hooks 2.0.1, Discovery; Calling a CDS Service)."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from werkzeug.datastructures import Headers
from werkzeug.http import parse_options_header

from cards.model import Gap
from service.answer import Answer, Engine, answer
from service.clients.auth import Authenticator
from service.clients.jwks import WAIT_SECONDS
from service.discovery import Service, discovery_document, service_by_id
from service.errors import BodyTooLarge, Cause, ServiceError, UnknownService, UnsupportedMedia
from service.fhir_access.log import ANOTHER_PATIENT, ObservedFhir, warn_of
from service.fhir_access.remaining import Remaining
from service.ledger import IssuedCall
from service.notes import Call, Notes, notes
from service.settings import ANYONE, Client
from service.site import Site
from service.telemetry import Counts
from service.traces import leave_traces, note

MEDIA_TYPES = frozenset({"application/json", "application/fhir+json", "application/json+fhir"})
CHUNK = 64 * 1024
_LENGTH = re.compile(r"[1-9][0-9]{0,14}")
JSON = "application/json"


def hooks_blueprint(site: Site) -> Blueprint:
    """Make the pages of one site."""
    pages = Blueprint("hooks", __name__)
    leave_traces(pages, site)
    settings, in_flight, counts = site.settings, site.in_flight, site.counts
    longest, zone = settings.max_body_bytes, settings.zone

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
            return answered(service, site.clock())

    def answered(service: Service, now: datetime) -> Response:
        began = monotonic()
        client = caller(site.trust, service, now, seconds=settings.fhir_seconds)
        waited = monotonic() - began
        noted = notes()
        noted.tallied = (now, client.id, service.hook)
        with in_flight.waiting_for_caller():
            body = read_body(longest)
        deviations = request_deviations()
        engine = site.usable_engine()
        noted.call = Call(service, client, now, body)
        today, reader = now.astimezone(zone).date(), ObservedFhir(Remaining(site.fhir, waited))
        documented = site.memory.of(client, engine.catalogue, today)
        try:
            given = answer(body, service, engine=engine, on=today, client=client, fhir=reader, documented=documented)
        except ServiceError:
            note(site.recorder, reads=reader.calls())
            counts.add(reader.words())
            noted.said |= reader.said()
            raise
        if given.issued:
            site.ledger.put(_issued(given, service, engine, client, now))
        noted.given = given
        note(site.recorder, reads=given.fhir_calls, exceptions=given.exceptions)
        deviations += given.deviations
        words = (*reader.words(given.trace.fhir), *_mixed_up(given))
        _tell(counts, deviations, words, noted)
        noted.said |= {
            "outcome": given.outcome,
            "rules": given.rules,
            "indicators": given.indicators,
            "gaps": given.gaps,
            "unidentified": given.unidentified,
            "deviations": deviations,
            **reader.said(given.trace.fhir),
        }
        return _Given(given.body, content_type=JSON)

    return pages


class _Given(Response):
    """The answer to a call, a body that is whole: its headers say all there is to say, and lead nowhere else."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:  # noqa: ARG002 - Flask gives it
        """Give the headers as they are, which else are copied and looked through for what such an answer has not."""
        return self.headers

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """Give the body as it is, unless somebody waits for its end."""
        return super().get_app_iter(environ) if self._on_close else self.response  # type: ignore[return-value]


def _tell(counts: Counts, deviations: tuple[str, ...], words: tuple[str, ...], noted: Notes) -> None:
    if deviations or words:
        counts.add((*deviations, *words))
        warn_of(words, noted.said, noted.request_id)


def _mixed_up(given: Answer) -> tuple[str, ...]:
    strangers = given.assessment is not None and Gap.OTHER_PATIENT in given.assessment.gaps
    return (ANOTHER_PATIENT,) if strangers else ()


def _issued(given: Answer, service: Service, engine: Engine, client: Client, now: datetime) -> IssuedCall:
    known = engine.catalogue
    return IssuedCall(
        client.id, service.id, service.hook, now, known.version, known.sha256, given.issued, given.patient, given.user
    )


def caller(
    trust: Authenticator, service: Service, now: datetime, *, feedback: bool = False, seconds: float = WAIT_SECONDS
) -> Client:
    """Tell which client makes this call, before anything of it is read; its keys are waited for `seconds` at most.

    Raises Unauthorized, ReplayStoreUnavailable.
    """
    # A WSGI server gives one value; to ask for all of them reads every header there is.
    noted = notes()
    environ = noted.wsgi
    shown = environ.get("HTTP_AUTHORIZATION")
    given = () if shown is None else (shown,)
    remote = environ.get("REMOTE_ADDR")
    client = trust.authenticate(given, remote, service.id, now, feedback=feedback, seconds=seconds)
    if client is not ANYONE:
        noted.said |= {"client": client.id}
    return client


def read_body(limit: int, remedy: str = "Send less, or raise max_body_bytes.") -> bytes:
    """Read the body, or as much of it as shows that it is too long."""
    noted = notes()
    environ = noted.wsgi
    # A server that ends the body itself needs no wrapper that counts (werkzeug.wsgi, get_input_stream).
    stream = environ["wsgi.input"] if environ.get("wsgi.input_terminated") else request.stream
    stated = environ.get("CONTENT_LENGTH", "")
    length = int(stated) if _LENGTH.fullmatch(stated) else None
    # As a rule all of it comes at once, and joining one part copies nothing.
    parts: list[bytes] = []
    size, step = 0, min(length or CHUNK, limit + 1)
    # A body that says how long it is ends there: to ask for more is to wait for the server once more.
    while size <= limit and size != length and (part := stream.read(step)):
        parts.append(part)
        size += len(part)
    if size > limit:
        raise BodyTooLarge(f"The request body is longer than {limit} bytes. {remedy}")
    noted.body_read = True
    return b"".join(parts)


def named_service(service_id: str) -> Service:
    """Find the service that the address names. Raises UnknownService."""
    service = service_by_id(service_id)
    if service is None:
        raise UnknownService("No CDS service has this id. Take the id from GET /cds-services.")
    notes().said = {"service": service.id, "hook": service.hook}
    return service


def request_deviations() -> tuple[str, ...]:
    """Refuse what is not JSON in UTF-8 without compression; name what was served all the same."""
    environ = notes().wsgi
    return media_deviations(environ.get("CONTENT_TYPE"), environ.get("HTTP_CONTENT_ENCODING"))


# Clients send the same headers with every call.
@lru_cache(maxsize=64)
def media_deviations(content_type: str | None, encoding: str | None) -> tuple[str, ...]:
    """Refuse what is not JSON in UTF-8 without compression; a missing type is served and counted."""
    if (encoding or "").strip().lower() not in ("", "identity"):
        raise UnsupportedMedia("The request body is compressed. Send it without Content-Encoding.", Cause.COMPRESSED)
    named, parameters = parse_options_header(content_type)
    if named and named.lower() not in MEDIA_TYPES:
        raise UnsupportedMedia("The request body is not of type application/json. Set Content-Type to it.")
    if parameters.get("charset", "utf-8").strip().lower() not in ("utf-8", "utf8"):
        raise UnsupportedMedia(
            "The request body is not in UTF-8. Encode it in UTF-8 and set the charset so.", Cause.CHARSET
        )
    return () if named else ("content-type-missing",)
