"""The Flask application: wiring only. Every answer gets a request id, CORS headers and one log line."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Request, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from service import telemetry
from service.answer import OVER_HTTP, answer
from service.cases import read_case
from service.clients.auth import Authenticator, build_authenticator
from service.cors import cors_headers
from service.dashboard.page import dashboard_blueprint, has_dashboard
from service.discovery import SERVICES
from service.every_answer import with_headers
from service.evidence import evidence_blueprint
from service.failures import answer_failures
from service.feedback import feedback_blueprint
from service.fhir_access.fetch import FhirReader
from service.health import health_blueprint
from service.hooks import CHUNK, hooks_blueprint
from service.notes import Notes, notes
from service.openapi.page import openapi_blueprint
from service.order_helper import order_helper_blueprint
from service.pages import Entry, Pages
from service.pages.blueprint import pages_blueprint
from service.sandbox.blueprint import sandbox_blueprint
from service.sandbox.tokens import Page, page_of
from service.settings import Settings, load_settings
from service.site import Clock, Site, site_of
from service.stopping import Stopping
from service.tls import refuse_unusable_authorities

if TYPE_CHECKING:
    from service.metrics.metrics import Metrics

SITE, METRICS = "upa_cds", "upa_cds_metrics"
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


class _NoSessions(SessionInterface):
    """Nobody has a session here: a call proves itself anew each time."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 - Flask gives both
        """Give the session that holds nothing and takes nothing."""
        return self._none


_OF_A_REQUEST = {"return_rule": True}


class _Address(MapAdapter):
    """The address of a request. What was found for one is not looked for again; what was not found is."""

    def match(self, *asked: Any, **also: Any) -> Any:
        """Give the rule of the address and what it says in its place, or raise what MapAdapter does."""
        if asked or also != _OF_A_REQUEST:
            return super().match(*asked, **also)
        rule, said = _found(self.map, self.path_info, self.default_method)
        return rule, dict(said)


@lru_cache(maxsize=64)
def _found(pages: Map, path: str, method: str) -> tuple[Rule, Mapping[str, Any]]:
    return MapAdapter(pages, "", "/", "", "http", path, method).match(return_rule=True)


class _Application(Flask):
    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Take a view as it is: none of ours is a coroutine, which Flask else asks of five functions in every call."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Find the page by its path alone: none of ours is of one host, and no answer leads to an address of ours."""
        if request is None:
            return None
        asked = request.environ
        scheme, query = asked["wsgi.url_scheme"], asked.get("QUERY_STRING")
        return _Address(self.url_map, "", request.root_path, "", scheme, request.path, request.method, query)


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
    Raises SettingsError if the settings name a rule that the knowledge does not have, recordings that cannot be made,
    or certificates of a FHIR server that cannot be read.
    """
    app = _Application("service", static_folder=None)
    # An answer is never a redirect: browsers refuse one for a preflight.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    # OPTIONS is a browser's preflight, for the pages that a browser may call from elsewhere.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    page = page_of(settings)
    trust = trust or build_authenticator(settings, () if page is None else (page.client,))
    site = site_of(settings, trust, clock, ready=ready, fhir=fhir, stopping=stopping)
    refuse_unusable_authorities(settings)
    app.extensions[SITE] = site
    metrics = _metrics(site) if settings.metrics_port is not None else None
    if metrics is not None:
        app.extensions[METRICS] = metrics
    for pages in _blueprints(site, page):
        app.register_blueprint(pages)
    _add_preflights(app, settings)
    app.after_request(lambda response: _finish(response, metrics))
    answer_failures(app)
    app.wsgi_app = with_headers(app.wsgi_app, settings)  # type: ignore[assignment, method-assign]
    return app


def _blueprints(site: Site, page: Page | None) -> Iterator[Blueprint]:
    settings, frame = site.settings, Pages(_menu(site.settings), site.settings.frame_ancestors)
    yield hooks_blueprint(site)
    yield feedback_blueprint(site)
    yield health_blueprint(site)
    yield openapi_blueprint(order_helper=settings.order_helper)
    yield pages_blueprint(frame)
    yield evidence_blueprint(site, frame)
    if settings.order_helper:
        yield order_helper_blueprint(site)
    if settings.shows_sandbox:
        yield sandbox_blueprint(site, frame, page)
    if has_dashboard(settings):
        yield dashboard_blueprint(site, frame)


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
    site: Site = app.extensions[SITE]
    site.trust.warm()
    if site.engine is not None:
        case = read_case(WARMING_CASE)
        service = next(service for service in SERVICES if service.hook == case.hook)
        answer(case.body, service, engine=site.engine, on=case.on)


def local_server(app: Flask, port: int = 0) -> BaseWSGIServer:
    """Make a small server of this application on a port of this machine (0: a free one), to be run in a thread."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietRequests)


class _QuietRequests(WSGIRequestHandler):
    """The application writes its own log lines."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def _metrics(site: Site) -> "Metrics":
    # Only who wants metrics needs what they are counted with.
    from service.metrics.metrics import Metrics, Watched

    counted = [
        ("deviations", site.counts),
        ("database_losses", site.ledger.counts),
        ("database_losses", site.tallies.counts),
        ("exceptions", site.memory.counts),
        ("log_fields_withheld", telemetry.WITHHELD),
        ("log_lines_dropped", telemetry.DROPPED),
        *([] if site.recorder is None else [("recordings", site.recorder.counts)]),
        *([] if site.trail is None else [("audit_lines", site.trail.counts)]),
    ]
    watched = Watched(
        counted, lambda: site.ledger.waiting, lambda: site.store().check(), site.in_flight.under_way, site.fhir.seen
    )
    if site.engine is None:
        return Metrics(watched)
    quiet = {*site.settings.disabled_rules, *site.settings.silent_rules}
    known = site.engine.catalogue
    return Metrics(watched, (known.version, known.sha256), [rule for rule in known.rules if rule not in quiet])


def _add_preflights(app: Flask, settings: Settings) -> None:
    """Answer a browser's OPTIONS for every page it may call, without asking who calls (brief section 8)."""
    for rule, methods in PREFLIGHTS.items():

        def preflight(_: str = "", methods: str = methods) -> Response:
            headers = {"Allow": methods, **cors_headers(request.headers.get("Origin"), settings, methods=methods)}
            response = Response(status=204, headers=headers)
            # There is nothing to be of a type.
            del response.headers["Content-Type"]
            return response

        app.add_url_rule(rule, f"preflight {rule}", preflight, methods=["OPTIONS"], provide_automatic_options=False)


def _finish(response: Response, metrics: "Metrics | None") -> Response:
    noted = notes()
    if not noted.body_read:
        _read_rest()
    seconds = perf_counter() - noted.began
    _log(response.status_code, seconds, noted)
    if metrics is not None:
        metrics.call(noted.said, response.status_code, seconds, noted.given)
    return response


def _read_rest() -> None:
    """Read what is left of the body: an answer before its end would break the client's connection."""
    rest = 0
    # A client that went away in the middle leaves nothing to read; its answer is already decided.
    with suppress(OSError, HTTPException):
        while rest < LONGEST_REST and (chunk := request.stream.read(CHUNK)):
            rest += len(chunk)


def _log(status: int, seconds: float, noted: Notes) -> None:
    said = noted.said
    level = logging.ERROR if status >= 500 else logging.INFO if said or status >= 400 else logging.DEBUG
    duration = round(seconds * 1000, 1)
    fields = {"outcome": "refused" if status >= 400 else None, "status": status, "duration_ms": duration} | said
    telemetry.write("call", level=level, request_id=noted.request_id, method=_method(noted), **fields)


def _method(noted: Notes) -> str:
    """Name the method of the request; a word that a caller made up is not repeated."""
    method = noted.wsgi["REQUEST_METHOD"].upper()
    return method if method in METHODS else "other"
