"""A FHIR server that is down is left alone for a while, and the calls of that while are told so at once.

Without it each order of ours would wait for the whole time that a call may read, and a server in trouble would get a
burst of reads with each. One call in each pause asks again. Counts are those of this process.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic

from service import telemetry
from service.fhir_access.fetch import Fault, FhirAccess, FhirCall, FhirReader, FhirSession
from service.fhir_access.guarded_get import Problem
from service.fhir_server import without_slash

FAILURES = 5
PAUSE_SECONDS = 30.0
# A server that says no, or says too much, is up.
_DOWN = frozenset({Problem.TIMEOUT, Problem.UNREACHABLE, Problem.BROKEN_OFF, Problem.TLS})
_NOT_ASKED = frozenset({Problem.ADDRESS_REFUSED, Fault.LINK_REFUSED})
_BUSY = 429


class Breaker:
    """A reader that pauses a base after FAILURES calls in a row to which it answered nothing.

    A base that answers one query of a call and not another is up. `clock` counts seconds and never goes back.
    """

    def __init__(self, reader: FhirReader, clock: Callable[[], float] = monotonic) -> None:
        """Read through `reader`."""
        self._reader, self._clock = reader, clock
        self._circuits: dict[str, _Circuit] = {}
        self._lock = threading.Lock()

    def open(self, access: FhirAccess) -> FhirSession:
        """Begin the reads of a call, or give the session of a paused server. Raises NoFhirAccess."""
        session = self._reader.open(access)
        if not access.seconds:
            # There is no time to ask, and that says nothing of the server.
            return session
        circuit = self._circuit(without_slash(access.offer.server or ""))
        entry = circuit.entry()
        if entry is _Entry.REFUSED:
            session.close()
            return _Paused()
        return _Watched(session, circuit, probe=entry is _Entry.PROBE)

    @property
    def paused(self) -> int:
        """Return how many servers are left alone just now."""
        return sum(self.seen().values())

    def seen(self) -> dict[str, bool]:
        """Say of each server that was asked whether it is left alone just now, by its base."""
        with self._lock:
            return {base: circuit.is_open for base, circuit in self._circuits.items()}

    def _circuit(self, base: str) -> "_Circuit":
        with self._lock:
            return self._circuits.setdefault(base, _Circuit(base, self._clock))


class _Entry(Enum):
    FREE = 1
    PROBE = 2
    REFUSED = 3


@dataclass(slots=True)
class _Circuit:
    """What is known of one base: open while `until` is set, and one probe at a time once that time has come."""

    base: str
    clock: Callable[[], float]
    failures: int = 0
    until: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_open(self) -> bool:
        return self.until is not None

    def entry(self) -> _Entry:
        with self._lock:
            if self.until is None:
                return _Entry.FREE
            if self.clock() < self.until:
                return _Entry.REFUSED
            # The others wait as long again, also where the probe never comes back.
            self.until = self.clock() + PAUSE_SECONDS
            return _Entry.PROBE

    def answered(self) -> None:
        with self._lock:
            was_open, self.until, self.failures = self.is_open, None, 0
        if was_open:
            telemetry.write("fhir-server-resumed", server=self.base)

    def failed(self, *, probe: bool) -> None:
        with self._lock:
            self.failures += 1
            # Calls that began before the pause may end in it; they prolong nothing.
            pauses = probe or (self.until is None and self.failures >= FAILURES)
            if pauses:
                self.until = self.clock() + PAUSE_SECONDS
        if pauses and not probe:
            telemetry.write("fhir-server-paused", level=logging.WARNING, server=self.base)

    def asked_nothing(self, *, probe: bool) -> None:
        with self._lock:
            if probe and self.until is not None:
                # The next call asks in place of this one.
                self.until = self.clock()


class _Watched:
    """A session whose outcome is told to the circuit when it ends."""

    def __init__(self, session: FhirSession, circuit: _Circuit, *, probe: bool) -> None:
        self._session, self._circuit, self._probe = session, circuit, probe
        self._calls: list[FhirCall] = []

    def get(self, url: str) -> FhirCall:
        call = self._session.get(url)
        self._calls.append(call)
        return call

    def close(self) -> None:
        self._session.close()
        asked = [call for call in tuple(self._calls) if call.problem not in _NOT_ASKED]
        if not asked:
            self._circuit.asked_nothing(probe=self._probe)
        elif all(map(_is_down, asked)):
            self._circuit.failed(probe=self._probe)
        else:
            self._circuit.answered()


@dataclass(frozen=True, slots=True)
class _Paused:
    """The session of a call that finds its server paused."""

    def get(self, url: str) -> FhirCall:
        return FhirCall("GET", url, None, b"", Fault.SERVER_PAUSED)

    def close(self) -> None:
        """Do nothing: nobody was asked."""


def _is_down(call: FhirCall) -> bool:
    return call.problem in _DOWN or (call.status is not None and (call.status >= 500 or call.status == _BUSY))
