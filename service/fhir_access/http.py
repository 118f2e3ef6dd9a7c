"""Reads from a FHIR server over HTTP: one base, one token, one deadline, and only addresses that were checked."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from service import addresses
from service.addresses import AddressRefused, Resolve
from service.fhir_access.fetch import AT_ONCE, Fault, FhirAccess, FhirCall, FhirSession, granted
from service.fhir_access.guarded_get import Failed, Got, Limits, Problem, Sockets, attempt, by_the_end, guarded_session
from service.fhir_server import FhirServer, absolute, within

CONNECT_SECONDS = 0.25
MOST_BYTES = 5 * 1024**2
_JSON = frozenset({"", "application/fhir+json", "application/json", "application/json+fhir", "text/json"})


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
        # A name server may hold the one for as long as it likes; the end of a call must not wait for it.
        self._resolving, self._lock = threading.Lock(), threading.Lock()
        self._found: Sequence[str] | Failed | None = None
        self._sessions: dict[str, requests.Session] = {}
        self._bytes = 0

    def get(self, url: str) -> FhirCall:
        address = absolute(self._server.base, url)
        if within(self._server.base, address) is None:
            # The last gate, whoever wrote the address: an id of a patient may be "..".
            return FhirCall("GET", url, None, b"", Fault.LINK_REFUSED)
        got = by_the_end(lambda: self._read(address), self._limits)
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
        with self._lock:
            for session in self._sessions.values():
                session.close()

    def _read(self, url: str) -> Got | Failed:
        found = self._addresses()
        if isinstance(found, Failed):
            return found
        if not self._limits.left:
            # The name server took all the time, and nobody waits any more.
            return Failed(Problem.TIMEOUT)
        got = attempt(self._session(found[0]), url, self._headers, self._limits)
        if isinstance(got, Failed) and got.connecting and self._limits.left:
            # Once more, and only where nothing was asked yet: at the next address, if the name has one.
            got = attempt(self._session(found[1 % len(found)]), url, self._headers, self._limits)
        return got

    def _addresses(self) -> Sequence[str] | Failed:
        with self._resolving:
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
