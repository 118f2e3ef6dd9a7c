"""The page /sandbox and what it asks for beside the public addresses of CDS Hooks, which it calls as an EHR would."""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from service.cases import case_names, read_case, shift
from service.discovery import SERVICES, Service, service_by_id
from service.errors import InvalidRequest, UnknownService
from service.hooks import read_body
from service.pages import Pages
from service.pages.blueprint import page_response
from service.pages.page import CALLS, SCRIPTS
from service.sandbox.record import page_data
from service.sandbox.tokens import FORWARDED, Page, Sender, refuse_others
from service.sandbox.whatif import explained, what_if
from service.site import Clock, Site
from service.wire import peek_hook

TEMPLATE = "sandbox/templates/sandbox.html"
SMALL = 4096


def sandbox_blueprint(site: Site, frame: Pages, page: Page | None) -> Blueprint:
    """Make /sandbox and its data. `page` is the client that it is, where calls need a token."""
    pages = Blueprint("sandbox", __name__)

    @pages.get("/sandbox")
    def sandbox() -> Response:
        # Off loopback there are no tokens, and the page can only ask what would be answered.
        calls = page is not None or not site.trust.clients
        return page_response(frame, TEMPLATE, needs=(SCRIPTS, CALLS), calls=calls, local=site.settings.stays_here)

    @pages.get("/sandbox/data")
    def data() -> Response:
        made = site.usable_engine()
        return _json(page_data(made.catalogue, made.options, site.today(), tokens=page is not None))

    @pages.post("/sandbox/explain")
    def explain() -> Response:
        asked = what_if(request.args.to_dict(), site.usable_engine(), site.today())
        body = read_body(site.settings.max_body_bytes)
        return _json(explained(body, _service(body), asked))

    _add_cases(pages, site.today)
    if page is not None:
        _add_token(pages, page, site.trust.addresses[0], site.clock)
    return pages


def _add_cases(pages: Blueprint, today: Callable[[], date]) -> None:
    """Add the recorded cases: their names, and the request of each."""

    @pages.get("/sandbox/cases")
    def cases() -> Response:
        return _json({"cases": _names()})

    @pages.get("/sandbox/cases/<name>")
    def case(name: str) -> Response:
        if name not in _names():
            raise UnknownService("No recorded case has this name. GET /sandbox/cases lists them.")
        return Response(shift(read_case(name), today()).body, mimetype="application/json")


def _add_token(pages: Blueprint, page: Page, address: str, clock: Clock) -> None:
    """Add the tokens for calls of the page to this service, whose base URL is `address`."""

    @pages.post("/sandbox/token")
    def token() -> Response:
        refuse_others(_sender())
        service_id, feedback = _wanted(read_body(SMALL))
        audience = f"{address}/cds-services/{service_id}{'/feedback' if feedback else ''}"
        return _json({"token": page.token(audience, clock())})


def _service(body: bytes) -> Service:
    hook = peek_hook(body)
    for service in SERVICES:
        if service.hook == hook:
            return service
    raise InvalidRequest(f"hook: send one of {', '.join(item.hook for item in SERVICES)}.")


@cache
def _names() -> tuple[str, ...]:
    return case_names()


def _wanted(body: bytes) -> tuple[str, bool]:
    try:
        asked = msgspec.json.decode(body, type=_Wanted)
    except msgspec.DecodeError:
        raise InvalidRequest("Send an object with service, the id of a CDS service, and feedback, a boolean.") from None
    if service_by_id(asked.service) is None:
        raise UnknownService("No CDS service has this id. Take the id from GET /cds-services.")
    return asked.service, asked.feedback


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    service: str
    feedback: bool = False


def _sender() -> Sender:
    headers = request.headers
    return Sender(
        remote=request.remote_addr,
        host=headers.get("Host", ""),
        origin=headers.get("Origin"),
        site=headers.get("Sec-Fetch-Site"),
        forwarded=any(name in headers for name in FORWARDED),
    )


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), mimetype="application/json")
