"""Reads from one peer of the configuration: its name is resolved once, and a checked address is connected to.

The FHIR servers of a site and the key sets of its clients are read in this way alone.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from service import addresses
from service.addresses import AddressRefused, Resolve
from service.fhir_access.guarded_get import Failed, Got, Limits, Problem, Sockets, attempt, by_the_end, guarded_session

# How many reads of a peer are under way at the same time.
AT_ONCE = 8


class Peer(Protocol):
    """Whom the configuration names: https, or plain http on this machine.

    `base` is what every address that is read begins with. `private` allows addresses of this machine and of private
    networks. `ca_file` holds the certificates (PEM) of an authority in place of the public ones.
    """

    @property
    def base(self) -> str: ...  # noqa: D102
    @property
    def host(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def is_plain(self) -> bool: ...  # noqa: D102
    @property
    def private(self) -> bool: ...  # noqa: D102
    @property
    def ca_file(self) -> Path | None: ...  # noqa: D102


class PinnedReads:
    """Reads within one span of time, from several threads; nothing is resolved or connected before the first."""

    def __init__(self, peer: Peer, limits: Limits, resolve: Resolve = addresses.resolve) -> None:
        """Read from this peer alone."""
        self._peer, self._limits, self._resolve = peer, limits, resolve
        self._sockets = Sockets()
        # A name server may hold the one for as long as it likes; the end of a call must not wait for it.
        self._resolving, self._lock = threading.Lock(), threading.Lock()
        self._found: Sequence[str] | Failed | None = None
        self._sessions: dict[str, requests.Session] = {}

    def get(self, url: str, headers: Mapping[str, str]) -> Got | Failed:
        """Get an absolute address of the peer. Never raises for what it does, and comes back by the end."""
        return by_the_end(lambda: self._read(url, headers), self._limits)

    def close(self) -> None:
        """End every read that is still under way."""
        self._sockets.hang_up()
        with self._lock:
            for session in self._sessions.values():
                session.close()

    def _read(self, url: str, headers: Mapping[str, str]) -> Got | Failed:
        found = self._addresses()
        if isinstance(found, Failed):
            return found
        if not self._limits.left:
            # The name server took all the time, and nobody waits any more.
            return Failed(Problem.TIMEOUT)
        got = attempt(self._session(found[0]), url, headers, self._limits)
        if isinstance(got, Failed) and got.connecting and self._limits.left:
            # Once more, and only where nothing was asked yet: at the next address, if the name has one.
            got = attempt(self._session(found[1 % len(found)]), url, headers, self._limits)
        return got

    def _addresses(self) -> Sequence[str] | Failed:
        with self._resolving:
            if self._found is None:
                self._found = self._checked()
            return self._found

    def _checked(self) -> Sequence[str] | Failed:
        peer = self._peer
        try:
            found = self._resolve(peer.host, peer.port)
            return addresses.check(found, private=peer.private, only_this_machine=peer.is_plain)
        except AddressRefused:
            return Failed(Problem.ADDRESS_REFUSED)
        except (OSError, UnicodeError):
            return Failed(Problem.UNREACHABLE)

    def _session(self, address: str) -> requests.Session:
        with self._lock:
            if address not in self._sessions:
                session = guarded_session()
                session.verify = str(self._peer.ca_file) if self._peer.ca_file else True
                session.adapters.clear()
                session.mount(self._peer.base, _PinnedAdapter(self._peer, address, self._sockets))
                self._sessions[address] = session
            return self._sessions[address]


class _PinnedAdapter(HTTPAdapter):
    """Connects to one checked address; Host, server name and certificate stay those of the name."""

    def __init__(self, peer: Peer, address: str, sockets: Sockets) -> None:
        self._peer, self._address = peer, address
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
        if not self._peer.is_plain:
            options |= {"server_hostname": self._peer.host, "assert_hostname": self._peer.host}
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(**host, pool_kwargs=options)
        pool.ConnectionCls = self._kinds[host["scheme"]]
        return pool

    def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
        request.headers["Host"] = urlsplit(self._peer.base).netloc


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
