"""Around every answer: its notes, a request id, who may call from a web page, what a browser may not do with it.

Headers are added outside of Flask, to the plain list that WSGI has: those of Flask are searched and copied for each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from service import telemetry
from service.cors import cors_headers
from service.notes import begin_notes, end_notes
from service.settings import Settings

# What is no page needs nothing of a browser: should one show it, it loads, runs and frames nothing.
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
TWO_YEARS = "max-age=63072000"
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", NO_PAGE),
)

Header = tuple[str, str]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _named(allowed: Mapping[str, str], fixed: Iterable[Header]) -> list[tuple[str, Header]]:
    """Return headers, each with its name as it is compared."""
    return [(name.lower(), (name, value)) for name, value in (*allowed.items(), *fixed)]


def with_headers(application: Wsgi, settings: Settings) -> Wsgi:
    """Give an application that adds the headers to every answer, and that has notes while it is made.

    What an answer says itself stays.
    """
    # Where another program ends TLS, this is that program's to say.
    fixed = (*_ALWAYS, ("Strict-Transport-Security", TWO_YEARS)) if settings.tls_cert else _ALWAYS
    always = _named(cors_headers(None, settings), fixed)

    def outer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request_id = telemetry.request_id(environ.get("HTTP_X_REQUEST_ID"))
        origin = environ.get("HTTP_ORIGIN")

        def start(status: str, headers: Sequence[Header], error: Any = None) -> Any:
            allowed = always if origin is None else _named(cors_headers(origin, settings), fixed)
            said = {name.lower() for name, _ in headers}
            added = [item for name, item in allowed if name not in said]
            return start_response(status, [*headers, *added, ("X-Request-ID", request_id)], error)

        begun = begin_notes(environ, request_id)
        try:
            return application(environ, start)
        finally:
            end_notes(begun)

    return outer
