"""The evidence pages: the whole registry, and that of one rule; a page to read and print, or JSON."""

from typing import Any

import msgspec
from flask import Blueprint, Response, request

from service.errors import InvalidRequest
from service.pages import Pages
from service.pages.blueprint import page_response
from service.registry import registry
from service.site import Site

HTML, JSON = "text/html", "application/json"
FORMATS = {"html": HTML, "json": JSON}
TEMPLATE = "pages/templates/evidence.html"


def evidence_blueprint(site: Site, frame: Pages) -> Blueprint:
    """Make /evidence and /evidence/<rule>; approvals are judged on the site's day."""
    pages = Blueprint("evidence", __name__)

    # OPTIONS of these pages is a browser's preflight; the application answers it.
    @pages.get("/evidence", provide_automatic_options=False)
    @pages.get("/evidence/<rule>", provide_automatic_options=False)
    def evidence(rule: str | None = None) -> Response:
        wanted = _wanted()
        said = registry(site.usable_engine().catalogue, site.today(), rule=rule)
        response = page_response(frame, TEMPLATE, said=said) if wanted == HTML else _data(said)
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
