"""The FHIR server of a recorded call: it answers what was recorded, and never the network."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from service.errors import ServiceError
from service.fhir_access.fetch import FhirAccess, FhirCall, FhirReader, FhirSession, NoFhirAccess, Refusal
from service.fhir_access.recorded import RecordedFhir
from service.replay.calls import Call
from service.replay.reading import OK, SILENT


class NeedsNetwork(ServiceError):
    """A version asks for what was not recorded: its answer would need the network."""

    status = 502
    code = "transient"


class RecordedReads:
    """The reads of one recorded call.

    Whether its server may be read was decided when it was recorded: a recording holds neither the token nor the name of
    the server.
    """

    def __init__(self, calls: Mapping[str, FhirCall], *, refused: bool) -> None:
        """Know these calls by their address; `refused`: then the server was not read although data were missing."""
        self._calls, self._refused = calls, refused

    def open(self, access: FhirAccess) -> FhirSession:
        """Begin. Raises NoFhirAccess where no server was offered, or its reading refused."""
        if not self._calls and access.offer.server is None:
            raise NoFhirAccess(Refusal.NOT_OFFERED)
        if self._refused:
            raise NoFhirAccess(Refusal.NOT_LISTED)
        return self

    def get(self, url: str) -> FhirCall:
        """Give the recorded answer. Raises NeedsNetwork, which names the query and no id."""
        # In which version the server was asked is no more known than its address.
        older = url.replace("MedicationRequest?", "MedicationOrder?", 1)
        if url not in self._calls and older in self._calls:
            return self._calls[older]
        if url not in self._calls:
            raise NeedsNetwork(f"needs network: {_without_ids(url)}")
        return self._calls[url]

    def close(self) -> None:
        """Do nothing: there is no connection."""


def reads_of(call: Call) -> FhirReader:
    """Return the FHIR server of a call; that of a recorded case is granted as over the network."""
    exchange = call.exchange
    calls = [FhirCall(item.method, item.url, item.status, item.body, item.problem) for item in exchange.fhir_calls]
    if call.settings is not None:
        return RecordedFhir(calls)
    # In scope and yet nothing was read: nothing was missing, or the server was not to be read. A call that was answered
    # with silence may have been out of scope, so of it nothing is known.
    silent = exchange.status == OK and exchange.response in SILENT
    return RecordedReads({item.url: item for item in calls}, refused=not calls and not silent)


def _without_ids(url: str) -> str:
    path, _, query = url.partition("?")
    names = "&".join(name for name, _ in parse_qsl(query, keep_blank_values=True))
    return path.split("/")[0] + (f"?{names}" if names else "")
