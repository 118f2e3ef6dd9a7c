"""The page /openapi.json: open to everybody, the same for every site."""

from functools import cache

import msgspec
from flask import Blueprint, Response

from service.openapi.document import openapi_document


def openapi_blueprint() -> Blueprint:
    """Make the page. The document is written when it is first asked for."""
    pages = Blueprint("openapi", __name__)

    @pages.get("/openapi.json")
    def described() -> Response:
        return Response(_written(), mimetype="application/json")

    return pages


@cache
def _written() -> bytes:
    return msgspec.json.encode(openapi_document())
