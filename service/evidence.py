"""The evidence pages: the whole registry, and that of one rule; a page to read and print, or JSON."""

from base64 import b64encode
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from flask import Blueprint, Response, render_template, request

from service.answer import Engine
from service.errors import InvalidRequest, NotReady
from service.registry import registry

HTML, JSON = "text/html", "application/json"
FORMATS = {"html": HTML, "json": JSON}


def evidence_blueprint(engine: Engine | None, today: Callable[[], date]) -> Blueprint:
    """Make /evidence and /evidence/<rule>; approvals are judged on the site's day, which `today` tells."""
    pages = Blueprint("evidence", __name__)
    style = files("service").joinpath("templates", "evidence.css").read_text(encoding="utf-8")

    # OPTIONS of these pages is a browser's preflight; the application answers it.
    @pages.get("/evidence", provide_automatic_options=False)
    @pages.get("/evidence/<rule>", provide_automatic_options=False)
    def evidence(rule: str | None = None) -> Response:
        wanted = _wanted()
        if engine is None:
            raise NotReady("The knowledge could not be loaded. Ask the operator to look at /readyz and the log.")
        said = registry(engine.catalogue, today(), rule=rule)
        response = _page(said, style) if wanted == HTML else _data(said)
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


def _page(said: dict[str, Any], style: str) -> Response:
    response = Response(render_template("evidence.html", said=said, style=style), mimetype=HTML)
    response.headers["Content-Security-Policy"] = content_security_policy(style)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def content_security_policy(style: str) -> str:
    """Allow the page's own style sheet, by its hash, and nothing else: no script, no image, no frame, no form."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
