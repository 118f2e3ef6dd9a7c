"""The page /openapi.json: open to everybody, and about no site in particular."""

from functools import cache

import msgspec
from flask import Blueprint, Response

from service.openapi.document import openapi_document


def openapi_blueprint(*, order_helper: bool) -> Blueprint:
    """Make the page. The document is written when it is first asked for."""
    pages = Blueprint("openapi", __name__)

    @pages.get("/openapi.json")
    def described() -> Response:
        return Response(_written(order_helper=order_helper), mimetype="application/json")

    return pages


@cache
def _written(*, order_helper: bool) -> bytes:
    return msgspec.json.encode(openapi_document(order_helper=order_helper))
