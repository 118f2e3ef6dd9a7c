"""One guarded GET: no redirect, no proxy of the environment, little time, few bytes.

Whoever asks gets an answer or a reason of a fixed vocabulary, and both by the deadline, whatever the peer does. The
peer's words are not repeated, and neither are the headers that were sent.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from queue import Empty, SimpleQueue
from time import monotonic

import requests
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

CHUNK = 16 * 1024


class Problem(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN_OFF = "broken-off"
    TLS = "tls"
    REDIRECT = "redirect"
    STATUS = "status"
    TOO_LONG = "too-long"
    ADDRESS_REFUSED = "address-refused"


@dataclass(frozen=True, slots=True)
class Got:
    """What a peer said: its status and media type, and the body where the status is 200."""

    status: int
    media_type: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no body; `status` where the peer sent one."""

    problem: Problem
    status: int | None = None
    connecting: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much. `ends` is a time of `clock`, which counts seconds and never goes back."""

    ends: float
    connect_seconds: float
    most_bytes: int
    clock: Callable[[], float] = monotonic

    @property
    def left(self) -> float:
        """Give the seconds that are left."""
        return max(self.ends - self.clock(), 0.0)


@dataclass(slots=True)
class Sockets:
    """The connections of a call, so that a thread which waits for a silent peer can be let go."""

    _open: list[socket.socket] = field(default_factory=list)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, connection: socket.socket) -> None:
        """Keep a connection; where the call is over already, end it."""
        with self._lock:
            self._open.append(connection)
            if self._closed:
                _hang_up(connection)

    def hang_up(self) -> None:
        """End every connection, also one that another thread reads from."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        # Not the method of a TLS socket: that is not made for being called while another thread reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def guarded_session() -> requests.Session:
    """Make a session that takes nothing from the environment and keeps no cookie."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(_NoCookies())
    return session


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """A peer's cookie is neither kept nor sent."""

    def set_ok(self, *_: object) -> bool:
        """Keep none."""
        return False


def by_the_end(work: Callable[[], Got | Failed], limits: Limits) -> Got | Failed:
    """Give what the work gives, or a timeout once the time is over."""
    # A timeout of requests counts from byte to byte, so that a peer that drips holds it for ever, and a name server has
    # a patience of its own. A thread can be left behind.
    if not limits.left:
        return Failed(Problem.TIMEOUT)
    answer: SimpleQueue[Got | Failed] = SimpleQueue()
    threading.Thread(target=lambda: answer.put(work()), name="guarded-get", daemon=True).start()
    try:
        return answer.get(timeout=limits.left)
    except Empty:
        return Failed(Problem.TIMEOUT)


def attempt(session: requests.Session, url: str, headers: Mapping[str, str], limits: Limits) -> Got | Failed:
    """Get an address in this thread: never raises for what the peer does, but may wait for it."""
    try:
        return _get(session, url, headers, limits)
    except requests.exceptions.SSLError:
        return Failed(Problem.TLS)
    except requests.ConnectTimeout:
        return Failed(Problem.UNREACHABLE, connecting=True)
    except requests.Timeout:
        return Failed(Problem.TIMEOUT)
    except requests.ConnectionError as error:
        return Failed(Problem.UNREACHABLE, connecting=_never_connected(error))
    except requests.exceptions.ChunkedEncodingError:
        return Failed(Problem.BROKEN_OFF)
    except (requests.RequestException, HTTPError, OSError, ValueError):
        return Failed(Problem.UNREACHABLE)


def _never_connected(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _get(session: requests.Session, url: str, headers: Mapping[str, str], limits: Limits) -> Got | Failed:
    left = max(limits.left, 0.001)
    sent = {"Accept-Encoding": "identity", **headers}
    timeout = (min(limits.connect_seconds, left), left)
    with session.get(url, headers=sent, timeout=timeout, allow_redirects=False, stream=True) as response:
        if 300 <= response.status_code < 400:
            return Failed(Problem.REDIRECT, response.status_code)
        if response.status_code != 200:
            return Failed(Problem.STATUS, response.status_code)
        return _body(response, limits)


def _body(response: requests.Response, limits: Limits) -> Got | Failed:
    body = bytearray()
    # Undoes a compression that nobody asked for, a chunk at a time, and counts what comes out of it.
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > limits.most_bytes:
            return Failed(Problem.TOO_LONG, response.status_code)
        if not limits.left:
            return Failed(Problem.TIMEOUT, response.status_code)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Got(response.status_code, media_type, bytes(body))
