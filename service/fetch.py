"""Reads from the FHIR server of one hook call: who may be asked, with which token, and each answer as it came.

`FhirReader` is the seam. Over HTTP it is `HttpFhir`; a replay answers from recorded calls. Everything that depends on
time, names or connections is behind the seam, so whoever plays the same calls back gets the same answer.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from service import addresses
from service.addresses import AddressRefused, Resolve
from service.fhir_server import FhirServer, absolute, find_server
from service.guarded_get import Failed, Got, Limits, Problem, Sockets, attempt, by_the_end, guarded_session
from service.wire import FhirOffer

CONNECT_SECONDS = 0.25
MOST_BYTES = 5 * 1024**2
AT_ONCE = 8

_TOKEN = re.compile(r"[!-~]{1,16384}")
_JSON = frozenset({"", "application/fhir+json", "application/json", "application/json+fhir", "text/json"})


class Fault(StrEnum):
    """What else can be wrong with a read, beside the problems of the transport (`Problem`)."""

    NOT_JSON = "not-json"
    UNREADABLE = "unreadable"
    ANSWER_IS_OUTCOME = "operation-outcome"
    ERROR_AMONG_MATCHES = "error-among-matches"
    UNEXPECTED_RESOURCE = "unexpected-resource"
    PATIENT_UNKNOWN = "patient-unknown"
    LINK_REFUSED = "link-refused"
    LINK_UNREADABLE = "link-unreadable"
    PAGES_IN_A_CIRCLE = "pages-in-a-circle"
    TOO_MANY_PAGES = "too-many-pages"
    TOO_MANY_RESOURCES = "too-many-resources"


SECURITY: frozenset[str] = frozenset({Problem.ADDRESS_REFUSED, Fault.LINK_REFUSED, Problem.REDIRECT})
"""The faults that an attack would show as; each is a warning in the log."""


class Refusal(StrEnum):
    """Why no FHIR server is read for a call."""

    NOT_OFFERED = "fhir-server-not-offered"
    NOT_LISTED = "fhir-server-not-listed"
    NOT_ASKED_FOR = "fhir-not-asked-for"
    TOKEN_MISSING = "fhir-token-missing"  # noqa: S105 - a word, not a token
    TOKEN_MALFORMED = "fhir-token-malformed"  # noqa: S105
    TOKEN_NOT_BEARER = "fhir-token-not-bearer"  # noqa: S105
    TOKEN_OF_OTHER_PATIENT = "fhir-token-of-another-patient"  # noqa: S105


class NoFhirAccess(Exception):
    """There is no FHIR server that may be read for this call; `reason` is a fixed word."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FhirCall:
    """One read and what came of it: the recording of it, too. No token is in it.

    `url` is relative to the base of the server, or a query alone (`?page=2`). `status` is None where no answer came.
    `problem` is a word of `Problem` or `Fault`, and None where the body is the answer to go by.
    """

    method: str
    url: str
    status: int | None
    body: bytes = field(repr=False)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """What a call offers, for which patient it is, and what its client may have read for how many seconds."""

    offer: FhirOffer
    patient: str
    servers: tuple[FhirServer, ...]
    seconds: float


class FhirSession(Protocol):
    """The FHIR server of one hook call."""

    def get(self, url: str) -> FhirCall:
        """Read an address relative to the base. Never raises for what the server does; used from several threads."""

    def close(self) -> None:
        """End the reads of the call: its token is of no more use."""


class FhirReader(Protocol):
    """Where reads from FHIR servers go: the network, a recording, or nowhere."""

    def open(self, access: FhirAccess) -> FhirSession:
        """Begin the reads of one hook call. Raises NoFhirAccess where none may be made."""


def granted(access: FhirAccess) -> FhirServer:
    """Return the server that a call may read. Raises NoFhirAccess.

    A token that is limited to another patient than the call is about shows that something is mixed up, so nothing is
    read at all, also where the server needs no token.
    """
    offer = access.offer
    if offer.server is None:
        raise NoFhirAccess(Refusal.NOT_OFFERED)
    server = find_server(access.servers, offer.server)
    if server is None:
        raise NoFhirAccess(Refusal.NOT_LISTED)
    if offer.patient is not None and offer.patient.rpartition("/")[2] != access.patient:
        raise NoFhirAccess(Refusal.TOKEN_OF_OTHER_PATIENT)
    if offer.token is None:
        if server.open:
            return server
        raise NoFhirAccess(Refusal.TOKEN_MISSING)
    if not _TOKEN.fullmatch(offer.token):
        raise NoFhirAccess(Refusal.TOKEN_MALFORMED)
    if (offer.token_type or "Bearer").lower() != "bearer":
        raise NoFhirAccess(Refusal.TOKEN_NOT_BEARER)
    return server


@dataclass(frozen=True, slots=True)
class NoFhir:
    """Reads nothing: for whoever wants an answer from what was sent alone."""

    def open(self, access: FhirAccess) -> FhirSession:
        """Refuse."""
        raise NoFhirAccess(Refusal.NOT_ASKED_FOR if access.offer.server else Refusal.NOT_OFFERED)


@dataclass(frozen=True, slots=True)
class HttpFhir:
    """Reads over HTTP. `resolve` finds the addresses of a name; `clock` counts seconds and never goes back."""

    resolve: Resolve = addresses.resolve
    clock: Callable[[], float] = monotonic

    def open(self, access: FhirAccess) -> FhirSession:
        """Begin to count the seconds of a call; nothing is resolved or connected yet. Raises NoFhirAccess."""
        server = granted(access)
        limits = Limits(self.clock() + access.seconds, CONNECT_SECONDS, MOST_BYTES, self.clock)
        return _HttpSession(server, access.offer.token, limits, self.resolve)


class _HttpSession:
    """One base, one token, one deadline. The base is resolved once, and its checked addresses are connected to."""

    def __init__(self, server: FhirServer, token: str | None, limits: Limits, resolve: Resolve) -> None:
        self._server, self._limits, self._resolve = server, limits, resolve
        self._headers = {"Accept": "application/fhir+json, application/json;q=0.9"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._sockets = Sockets()
        self._lock = threading.Lock()
        self._found: Sequence[str] | Failed | None = None
        self._sessions: dict[str, requests.Session] = {}
        self._bytes = 0

    def get(self, url: str) -> FhirCall:
        got = by_the_end(lambda: self._read(absolute(self._server.base, url)), self._limits)
        if isinstance(got, Failed):
            return FhirCall("GET", url, got.status, b"", str(got.problem))
        if got.media_type not in _JSON:
            return FhirCall("GET", url, got.status, b"", Fault.NOT_JSON)
        if not self._fits(len(got.body)):
            return FhirCall("GET", url, got.status, b"", Problem.TOO_LONG)
        return FhirCall("GET", url, got.status, got.body)

    def close(self) -> None:
        self._headers = {}
        self._sockets.hang_up()
        for session in self._sessions.values():
            session.close()

    def _read(self, url: str) -> Got | Failed:
        found = self._addresses()
        if isinstance(found, Failed):
            return found
        got = attempt(self._session(found[0]), url, self._headers, self._limits)
        if isinstance(got, Failed) and got.connecting and self._limits.left:
            # Once more, and only where nothing was asked yet: at the next address, if the name has one.
            got = attempt(self._session(found[1 % len(found)]), url, self._headers, self._limits)
        return got

    def _addresses(self) -> Sequence[str] | Failed:
        with self._lock:
            if self._found is None:
                self._found = self._checked()
            return self._found

    def _checked(self) -> Sequence[str] | Failed:
        server = self._server
        try:
            found = self._resolve(server.host, server.port)
            return addresses.check(found, private=server.private, only_this_machine=server.is_plain)
        except AddressRefused:
            return Failed(Problem.ADDRESS_REFUSED)
        except (OSError, UnicodeError):
            return Failed(Problem.UNREACHABLE)

    def _session(self, address: str) -> requests.Session:
        with self._lock:
            if address not in self._sessions:
                session = guarded_session()
                session.verify = str(self._server.ca_file) if self._server.ca_file else True
                session.adapters.clear()
                session.mount(self._server.base, _PinnedAdapter(self._server, address, self._sockets))
                self._sessions[address] = session
            return self._sessions[address]

    def _fits(self, size: int) -> bool:
        with self._lock:
            self._bytes += size
            return self._bytes <= MOST_BYTES


class _PinnedAdapter(HTTPAdapter):
    """Connects to one checked address; Host, server name and certificate stay those of the base."""

    def __init__(self, server: FhirServer, address: str, sockets: Sockets) -> None:
        self._server, self._address = server, address
        self._kinds = _watched(sockets)
        super().__init__(pool_connections=1, pool_maxsize=AT_ONCE)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - none is ever used
        cert: Any = None,
    ) -> HTTPConnectionPool:
        host, tls = self.build_connection_pool_key_attributes(request, verify or True, cert)
        host["host"] = self._address
        options: dict[str, Any] = dict(tls)
        if not self._server.is_plain:
            options |= {"server_hostname": self._server.host, "assert_hostname": self._server.host}
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(**host, pool_kwargs=options)
        pool.ConnectionCls = self._kinds[host["scheme"]]
        return pool

    def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
        request.headers["Host"] = self._server.base.split("/")[2]


def _watched(sockets: Sockets) -> Mapping[str, type[HTTPConnection]]:
    """Make connections that hand over their sockets, so that a silent peer can be left by the deadline."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    return {"http": Plain, "https": Secure}
