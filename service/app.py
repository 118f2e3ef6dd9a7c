"""The Flask application: wiring only. Every answer gets a request id, CORS headers and one log line."""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from cards import KnowledgeError
from service import telemetry
from service.answer import OVER_HTTP, Engine, answer, build_engine
from service.audit.trail import Trail
from service.cases import read_case
from service.clients.auth import Authenticator, build_authenticator
from service.cors import cors_headers
from service.dashboard.page import dashboard_blueprint, has_dashboard
from service.discovery import SERVICES
from service.documented import Memory
from service.errors import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    ServiceError,
    Unauthorized,
    UnknownService,
    operation_outcome,
)
from service.every_answer import REQUEST_ID, with_headers
from service.evidence import evidence_blueprint
from service.feedback import feedback_blueprint
from service.fhir_access.breaker import Breaker
from service.fhir_access.fetch import FhirReader
from service.health import Load, health_blueprint
from service.hooks import CHUNK, WHOLE, Clock, hooks_blueprint
from service.in_flight import InFlight
from service.ledger import Ledger
from service.openapi.page import openapi_blueprint
from service.order_helper import order_helper_blueprint
from service.pages import Entry, Pages
from service.pages.blueprint import pages_blueprint
from service.pseudonyms import Pseudonyms
from service.recording.recorder import Recorder, taking
from service.sandbox.blueprint import sandbox_blueprint
from service.sandbox.tokens import page_of
from service.settings import Settings, check_options, check_rules, load_settings
from service.stopping import Stopping
from service.store import Opener, Place
from service.tallies import Tallies
from service.telemetry import Counts
from service.tls import refuse_unusable_authorities

if TYPE_CHECKING:
    from service.metrics.metrics import Metrics

EXTENSION = "upa_cds"
TRUST = "upa_cds_trust"
LEDGER = "upa_cds_ledger"
RECORDER = "upa_cds_recorder"
TRAIL = "upa_cds_trail"
METRICS = "upa_cds_metrics"
TALLIES = "upa_cds_tallies"
WARMING_CASE = "order-select__upadacitinib-beside-current-infliximab"
LONGEST_REST = 64 * 1024**2
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
PREFLIGHTS = {
    "/cds-services": "GET, HEAD, OPTIONS",
    "/cds-services/<_>": "POST, OPTIONS",
    "/cds-services//<_>": "POST, OPTIONS",
    "/cds-services/<_>/feedback": "POST, OPTIONS",
    "/cds-services//<_>/feedback": "POST, OPTIONS",
    "/evidence": "GET, HEAD, OPTIONS",
    "/evidence/<_>": "GET, HEAD, OPTIONS",
}


def utc_now() -> datetime:
    """Ask the machine for the time; everything else gets it as an argument."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    ready: bool = False,
    fhir: FhirReader = OVER_HTTP,
    stopping: Stopping | None = None,
    trust: Authenticator | None = None,
) -> Flask:
    """Wire the service of one site. Without usable knowledge it runs, is not ready, and says so at /readyz.

    With `ready` it raises KnowledgeError instead. `trust` is that of an application that this one takes the place of.
    Raises SettingsError if the settings name a rule that the
    knowledge does not have, recordings that cannot be made, or certificates of a FHIR server that cannot be read.
    """
    app = Flask("service", static_folder=None)
    # An answer is never a redirect: browsers refuse one for a preflight.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    # OPTIONS is a browser's preflight, for the pages that a browser may call from elsewhere.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    counts, engine = Counts(), _engine(settings, ready=ready)
    page = page_of(settings)
    trust = trust or build_authenticator(settings, () if page is None else (page.client,))
    store, pseudonyms = Opener(Place.of(settings)), Pseudonyms.of_site(settings)
    ledger, memory = Ledger(store, pseudonyms, clock), Memory.of_site(settings, store, pseudonyms)
    tallies, recorder, breaker = Tallies(store), _recorder(settings, engine), Breaker(fhir)
    trail, in_flight = Trail.of_site(settings, pseudonyms, clock), InFlight(settings.max_calls_at_once)
    refuse_unusable_authorities(settings)
    app.extensions |= {EXTENSION: engine, TRUST: trust, LEDGER: ledger, RECORDER: recorder, TALLIES: tallies}
    app.extensions[TRAIL] = trail
    if settings.metrics_port is not None:
        app.extensions[METRICS] = _metrics(settings, engine, counts, store, ledger, memory, tallies, recorder, trail)
    app.register_blueprint(
        hooks_blueprint(
            settings, engine, trust, clock, counts, memory, ledger, tallies, in_flight, breaker, recorder, trail
        )
    )
    app.register_blueprint(
        feedback_blueprint(settings, trust, clock, counts, store, pseudonyms, ledger, in_flight, trail)
    )
    load = Load(in_flight, breaker, stopping)
    app.register_blueprint(
        health_blueprint(settings, engine, trust, counts, store, ledger, memory, load, recorder, tallies, trail)
    )
    app.register_blueprint(openapi_blueprint(order_helper=settings.order_helper))
    if settings.order_helper:
        app.register_blueprint(order_helper_blueprint(settings, engine, trust, clock))
    site = Pages(_menu(settings), settings.frame_ancestors)
    app.register_blueprint(pages_blueprint(site))
    app.register_blueprint(evidence_blueprint(engine, site, lambda: clock().astimezone(settings.zone).date()))
    if settings.shows_sandbox:
        app.register_blueprint(sandbox_blueprint(settings, engine, site, trust, page, clock))
    if has_dashboard(settings):
        app.register_blueprint(dashboard_blueprint(settings, engine, site, store, clock))
    _add_preflights(app, settings)
    app.before_request(_begin)
    app.after_request(lambda response: _finish(response, app.extensions.get(METRICS)))
    app.register_error_handler(Exception, _failed)
    app.wsgi_app = with_headers(app.wsgi_app, settings)  # type: ignore[assignment, method-assign]
    return app


def _menu(settings: Settings) -> tuple[Entry, ...]:
    sandbox = (Entry("Sandbox", "sandbox"),) if settings.shows_sandbox else ()
    dashboard = (Entry("Dashboard", "dashboard"),) if has_dashboard(settings) else ()
    return (Entry("Evidence", "evidence"), *dashboard, *sandbox)


def application_factory() -> Flask:
    """Make the application for any WSGI server, from the environment and the TOML file it names."""
    settings = load_settings()
    telemetry.configure_logging(settings.log_level)
    return create_app(settings)


def warm(app: Flask) -> None:
    """Answer one packaged case in this process, so that the first caller does not wait for models or clients' keys."""
    trust: Authenticator = app.extensions[TRUST]
    trust.warm()
    engine: Engine | None = app.extensions[EXTENSION]
    if engine is not None:
        case = read_case(WARMING_CASE)
        service = next(service for service in SERVICES if service.hook == case.hook)
        answer(case.body, service, engine=engine, on=case.on)


def local_server(app: Flask, port: int = 0) -> BaseWSGIServer:
    """Make a small server of this application on a port of this machine (0: a free one), to be run in a thread."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietRequests)


class _QuietRequests(WSGIRequestHandler):
    """The application writes its own log lines."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def _engine(settings: Settings, *, ready: bool) -> Engine | None:
    try:
        engine = build_engine(settings)
    except KnowledgeError as error:
        if ready:
            raise
        telemetry.write("knowledge-unusable", level=logging.ERROR, problems=list(error.problems))
        return None
    check_rules(settings, engine.catalogue.rules)
    check_options(settings, engine.catalogue.options.ingredients())
    return engine


def _recorder(settings: Settings, engine: Engine | None) -> Recorder | None:
    made_with = taking(settings, engine.catalogue) if engine is not None else None
    return None if made_with is None else Recorder(made_with)


def _metrics(
    settings: Settings,
    engine: Engine | None,
    counts: Counts,
    store: Opener,
    ledger: Ledger,
    memory: Memory,
    tallies: Tallies,
    recorder: Recorder | None,
    trail: Trail | None,
) -> "Metrics":
    # Only who wants metrics needs what they are counted with.
    from service.metrics.metrics import Metrics, Watched

    counted = [
        ("deviations", counts),
        ("database_losses", ledger.counts),
        ("database_losses", tallies.counts),
        ("exceptions", memory.counts),
        ("log_fields_withheld", telemetry.WITHHELD),
        *([] if recorder is None else [("recordings", recorder.counts)]),
        *([] if trail is None else [("audit_lines", trail.counts)]),
    ]
    watched = Watched(counted, lambda: ledger.waiting, lambda: store().check())
    if engine is None:
        return Metrics(watched)
    quiet = {*settings.disabled_rules, *settings.silent_rules}
    known = engine.catalogue
    return Metrics(watched, (known.version, known.sha256), [rule for rule in known.rules if rule not in quiet])


def _add_preflights(app: Flask, settings: Settings) -> None:
    """Answer a browser's OPTIONS for every page it may call, without asking who calls (brief section 8)."""
    for rule, methods in PREFLIGHTS.items():

        def preflight(_: str = "", methods: str = methods) -> Response:
            headers = {"Allow": methods, **cors_headers(request.headers.get("Origin"), settings, methods=methods)}
            return Response(status=204, headers=headers)

        app.add_url_rule(rule, f"preflight {rule}", preflight, methods=["OPTIONS"], provide_automatic_options=False)


def _begin() -> None:
    g.began = perf_counter()
    g.request_id = request.environ[REQUEST_ID]


def _finish(response: Response, metrics: "Metrics | None") -> Response:
    if not g.get(WHOLE):
        _read_rest()
    seconds = perf_counter() - g.began
    _log(response.status_code, seconds)
    if metrics is not None:
        metrics.call(g.get("said", {}), response.status_code, seconds, g.get("given"))
    return response


def _read_rest() -> None:
    """Read what is left of the body: an answer before its end would break the client's connection."""
    rest = 0
    # A client that went away in the middle leaves nothing to read; its answer is already decided.
    with suppress(OSError, HTTPException):
        while rest < LONGEST_REST and (chunk := request.stream.read(CHUNK)):
            rest += len(chunk)


def _log(status: int, seconds: float) -> None:
    said = g.get("said", {})
    level = logging.ERROR if status >= 500 else logging.INFO if said or status >= 400 else logging.DEBUG
    duration = round(seconds * 1000, 1)
    fields = {"outcome": "refused" if status >= 400 else None, "status": status, "duration_ms": duration} | said
    telemetry.write("call", level=level, request_id=g.request_id, method=_method(), **fields)


def _method() -> str:
    """Name the method of the request; a word that a caller made up is not repeated."""
    return request.method if request.method in METHODS else "other"


def _failed(error: Exception) -> Response:
    """Turn any failure into its OperationOutcome; of an unforeseen one the log gets type and place."""
    named = _named(error)
    if isinstance(named, InternalError):
        g.said = {**g.get("said", {}), "outcome": "failed", **telemetry.failure(error)}
    if isinstance(named, Unauthorized):
        return _refused(named)
    body = msgspec.json.encode(operation_outcome(named))
    response = Response(body, status=named.status, mimetype="application/json")
    if named.retry_after is not None:
        response.headers["Retry-After"] = str(named.retry_after)
    if isinstance(error, HTTPException):
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _refused(error: Unauthorized) -> Response:
    """Give the one bare answer that any fault of a caller gets; the log gets the reason."""
    g.said = {**g.get("said", {}), "refusal": str(error.reason), "client": error.client}
    response = Response(status=error.status, headers={"WWW-Authenticate": "Bearer"})
    del response.headers["Content-Type"]
    return response


def _named(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    match error.code if isinstance(error, HTTPException) else 500:
        case 404:
            return UnknownService("Nothing is served at this address. Start at GET /cds-services.")
        case 405:
            return MethodNotAllowed("This address does not take this method. The Allow header names those it takes.")
        case 413:
            return BodyTooLarge("The request body is too long. Send less, or raise max_body_bytes.")
        case int(code) if 400 <= code < 500:
            return InvalidRequest("The request cannot be read as HTTP. Send a complete request.")
        case _:
            return InternalError("The service failed. Its log has the cause, under the id in the X-Request-ID header.")
