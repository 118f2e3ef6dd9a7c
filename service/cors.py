"""Which web pages may call us, said in headers (brief: any page on loopback without clients, else listed origins).

No credentials are ever allowed: calls carry a bearer header, not a cookie.
"""

from collections.abc import Mapping

from service.settings import Settings

MAX_AGE = "600"
EXPOSED_HEADERS = "X-Request-ID, X-Knowledge"
ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-ID"


def may_call(origin: str, settings: Settings) -> bool:
    """Tell whether a browser page of this origin may call the service."""
    if not settings.clients:
        return settings.loopback
    return any(origin.lower() in client.origins for client in settings.clients)


def cors_headers(origin: str | None, settings: Settings, *, methods: str | None = None) -> Mapping[str, str]:
    """Give the headers of an answer to this origin; `methods` is given for a preflight."""
    headers = {"Vary": "Origin"}
    if origin is None or not may_call(origin, settings):
        return headers
    headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
    if methods is not None:
        headers |= {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": MAX_AGE,
        }
    return headers
