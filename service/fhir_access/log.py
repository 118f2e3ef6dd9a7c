"""What the log says of the reads of one call: counts, times and fixed words, no address and no word of a server."""

import logging
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any

from service import telemetry
from service.fhir_access.chart_reads import FhirTrace
from service.fhir_access.fetch import SECURITY, FhirAccess, FhirCall, FhirReader, FhirSession, NoFhirAccess, Refusal

NOTHING_READ = FhirTrace()
ANOTHER_PATIENT = "resource-of-another-patient"
"""What a client or a server mixed up, and no reading of it can mend."""


class ObservedFhir:
    """A reader that remembers of one call how long its reads took, or why there were none."""

    def __init__(self, reader: FhirReader, clock: Callable[[], float] = monotonic) -> None:
        """Observe `reader`; `clock` counts seconds and never goes back."""
        self._reader, self._clock = reader, clock
        self._began = 0.0
        self._session: FhirSession | None = None
        self._calls: list[FhirCall] = []
        self.milliseconds: float | None = None
        self.refusal: Refusal | None = None

    def open(self, access: FhirAccess) -> FhirSession:
        """Open the session of the other reader and begin to count. Raises NoFhirAccess as that does."""
        try:
            self._session = self._reader.open(access)
        except NoFhirAccess as refused:
            # What nobody offered is nothing to tell.
            self.refusal = None if refused.reason is Refusal.NOT_OFFERED else refused.reason
            raise
        self._began = self._clock()
        return self

    def get(self, url: str) -> FhirCall:
        """Read as the other one does."""
        if self._session is None:
            raise AssertionError("open comes first")
        call = self._session.get(url)
        self._calls.append(call)
        return call

    def close(self) -> None:
        """Close the session and stop counting."""
        if self._session is not None:
            self._session.close()
            self.milliseconds = round((self._clock() - self._began) * 1000, 1)

    def calls(self) -> tuple[FhirCall, ...]:
        """Return every read so far, by address: what a call that fails would else not tell."""
        return tuple(sorted(self._calls, key=lambda call: call.url))

    def words(self, trace: FhirTrace = NOTHING_READ) -> tuple[str, ...]:
        """Return the fixed words of all that went wrong, for the counts."""
        return (*filter(None, [self.refusal]), *(read.problem for read in trace.reads if read.problem))

    def said(self, trace: FhirTrace = NOTHING_READ) -> dict[str, Any]:
        """Return the fields of the log line of the call; without a trace, what is known of a call that failed."""
        fields: dict[str, Any] = {"fhir_refusal": self.refusal, "fhir_ms": self.milliseconds}
        if trace.reads:
            problems = [str(read.problem) for read in trace.reads if read.problem]
            fields |= {
                "fhir_reads": sum(read.pages for read in trace.reads),
                "fhir_failures": len(problems),
                "fhir_problems": sorted(set(problems)),
            }
        return {name: value for name, value in fields.items() if value not in (None, [])}


def warn_of(words: Iterable[str], said: Mapping[str, Any], request_id: str) -> None:
    """Write what an attack would look like as a line of its own; `said` is what the log knows of the call."""
    if seen := sorted((SECURITY | {ANOTHER_PATIENT}).intersection(words)):
        told = {name: said[name] for name in ("service", "client") if name in said}
        telemetry.write("security", level=logging.WARNING, request_id=request_id, problems=seen, **told)
