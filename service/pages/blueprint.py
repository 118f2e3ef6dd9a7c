"""Pages over HTTP: the files they load, and a page as a response."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, request

from service.errors import UnknownService
from service.pages.assets import media_type
from service.pages.page import Pages

FOR_EVER = "public, max-age=31536000, immutable"


def pages_blueprint(site: Pages) -> Blueprint:
    """Make the addresses of the files that pages load; they say nothing of anybody and are open to all."""
    pages = Blueprint("pages", __name__)
    kept = site.assets

    @pages.get("/static/<digest>/<package>/<file>")
    def static(digest: str, package: str, file: str) -> Response:
        name = f"{package}/{file}"
        if digest != kept.digest or name not in kept.content:
            raise UnknownService("No page loads this file. Load the page again: it names the files of this version.")
        response = Response(kept.content[name], mimetype=media_type(name))
        response.headers["Cache-Control"] = FOR_EVER
        return response

    return pages


def page_response(site: Pages, template: str, *, needs: Iterable[str] = (), **content: Any) -> Response:
    """Answer this request with a page; see `Pages.page`."""
    made = site.page(template, request.path, needs=needs, **content)
    response = Response(made.body, mimetype="text/html")
    response.headers.extend(made.headers)
    return response
