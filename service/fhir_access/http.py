"""Reads from a FHIR server over HTTP: one base, one token, one deadline, and only addresses that were checked."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from service import addresses
from service.addresses import Resolve
from service.fhir_access.fetch import Fault, FhirAccess, FhirCall, FhirSession, granted
from service.fhir_access.guarded_get import Failed, Limits, Problem
from service.fhir_access.pinned import PinnedReads
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
    """One base, one token, one deadline."""

    def __init__(self, server: FhirServer, token: str | None, limits: Limits, resolve: Resolve) -> None:
        self._server, self._reads = server, PinnedReads(server, limits, resolve)
        # The last is the type of DSTU2.
        self._headers = {"Accept": "application/fhir+json, application/json;q=0.9, application/json+fhir;q=0.8"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, url: str) -> FhirCall:
        address = absolute(self._server.base, url)
        if within(self._server.base, address) is None:
            # The last gate, whoever wrote the address: an id of a patient may be "..".
            return FhirCall("GET", url, None, b"", Fault.LINK_REFUSED)
        got = self._reads.get(address, self._headers)
        if isinstance(got, Failed):
            return FhirCall("GET", url, got.status, b"", str(got.problem))
        if got.media_type not in _JSON:
            return FhirCall("GET", url, got.status, b"", Fault.NOT_JSON)
        if not self._fits(len(got.body)):
            return FhirCall("GET", url, got.status, b"", Problem.TOO_LONG)
        return FhirCall("GET", url, got.status, got.body)

    def close(self) -> None:
        self._headers = {}
        self._reads.close()

    def _fits(self, size: int) -> bool:
        with self._lock:
            self._bytes += size
            return self._bytes <= MOST_BYTES
