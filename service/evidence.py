"""The evidence pages: the whole registry, and that of one rule; a page to read and print, or JSON."""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from service.answer import Engine
from service.errors import InvalidRequest, NotReady
from service.pages import Pages
from service.pages.blueprint import page_response
from service.registry import registry

HTML, JSON = "text/html", "application/json"
FORMATS = {"html": HTML, "json": JSON}
TEMPLATE = "pages/templates/evidence.html"


def evidence_blueprint(engine: Engine | None, site: Pages, today: Callable[[], date]) -> Blueprint:
    """Make /evidence and /evidence/<rule>; approvals are judged on the site's day, which `today` tells."""
    pages = Blueprint("evidence", __name__)

    # OPTIONS of these pages is a browser's preflight; the application answers it.
    @pages.get("/evidence", provide_automatic_options=False)
    @pages.get("/evidence/<rule>", provide_automatic_options=False)
    def evidence(rule: str | None = None) -> Response:
        wanted = _wanted()
        if engine is None:
            raise NotReady("The knowledge could not be loaded. Ask the operator to look at /readyz and the log.")
        said = registry(engine.catalogue, today(), rule=rule)
        response = page_response(site, TEMPLATE, said=said) if wanted == HTML else _data(said)
        # What is sent depends on both, and a cache must know.
        response.headers["Vary"] = "Accept, Origin"
        return response

    return pages


def _wanted() -> str:
    """Return the media type asked for: `?format=` over the Accept header, a page where both leave it open."""
    name = request.args.get("format")
    if name is None:
        return request.accept_mimetypes.best_match((HTML, JSON), default=HTML)
    if name not in FORMATS:
        raise InvalidRequest("This format is not served. Give format=html or format=json, or leave it out.")
    return FORMATS[name]


def _data(said: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(said), mimetype=JSON)
