"""One guarded GET of a JWK Set: no redirect, no proxy of the environment, little time, few bytes.

The address comes from the configuration, which allows https, and plain http on this machine.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic

import requests

from service.errors import KeysUnavailable

MOST_BYTES = 64 * 1024
CONNECT_SECONDS = 0.5
DEADLINE_SECONDS = 2.0

# The seam: anything that gives the bytes behind an address or raises KeysUnavailable.
Fetch = Callable[[str], bytes]


def fetch_jwks(url: str) -> bytes:
    """Give the body of a JWK Set within DEADLINE_SECONDS.

    Raises KeysUnavailable with the reason in a fixed vocabulary; the peer's words are not repeated.
    """
    # A timeout of requests counts from byte to byte, so that a peer that drips holds it for ever. A thread of its own
    # can be left behind.
    answer: SimpleQueue[bytes | KeysUnavailable] = SimpleQueue()
    threading.Thread(target=lambda: answer.put(_attempt(url)), name="jwks-fetch", daemon=True).start()
    try:
        got = answer.get(timeout=DEADLINE_SECONDS)
    except Empty:
        raise KeysUnavailable("timeout") from None
    if isinstance(got, KeysUnavailable):
        raise got
    return got


def _attempt(url: str) -> bytes | KeysUnavailable:
    try:
        return _get(url)
    except KeysUnavailable as error:
        return error
    except requests.exceptions.SSLError:
        return KeysUnavailable("tls")
    except requests.Timeout:
        return KeysUnavailable("timeout")
    except (requests.RequestException, OSError, ValueError):
        return KeysUnavailable("unreachable")


def _get(url: str) -> bytes:
    ends = monotonic() + DEADLINE_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        timeout = (CONNECT_SECONDS, DEADLINE_SECONDS)
        with session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True) as response:
            if response.is_redirect or 300 <= response.status_code < 400:
                raise KeysUnavailable("redirect")
            if response.status_code != 200:
                raise KeysUnavailable(f"status {response.status_code}")
            return _body(response, ends)


def _body(response: requests.Response, ends: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(4096):
        body += chunk
        if len(body) > MOST_BYTES:
            raise KeysUnavailable("too long")
        if monotonic() > ends:
            raise KeysUnavailable("timeout")
    return bytes(body)
