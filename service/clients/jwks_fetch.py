"""Get a JWK Set with one guarded GET.

The address comes from the configuration, which allows https, and plain http on this machine.
"""

from collections.abc import Callable
from time import monotonic

from service.errors import KeysUnavailable
from service.fhir_access.guarded_get import Failed, Limits, Problem, guarded_get, guarded_session

MOST_BYTES = 64 * 1024
CONNECT_SECONDS = 0.5
DEADLINE_SECONDS = 2.0

# The seam: anything that gives the bytes behind an address or raises KeysUnavailable.
Fetch = Callable[[str], bytes]


def fetch_jwks(url: str) -> bytes:
    """Give the body of a JWK Set within DEADLINE_SECONDS.

    Raises KeysUnavailable with the reason in a fixed vocabulary; the peer's words are not repeated.
    """
    limits = Limits(monotonic() + DEADLINE_SECONDS, CONNECT_SECONDS, MOST_BYTES)
    with guarded_session() as session:
        got = guarded_get(session, url, {"Accept": "application/json"}, limits)
    if isinstance(got, Failed):
        raise KeysUnavailable(f"status {got.status}" if got.problem is Problem.STATUS else got.problem)
    return got.body
