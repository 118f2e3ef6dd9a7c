"""Reads from the FHIR server of one hook call: who may be asked, and each answer as it came.

`FhirReader` is the seam: behind it is the network (`HttpFhir`), or recorded calls. All that depends on time, names and
connections is behind it, so whoever plays the same calls back gets the same answer.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from service.fhir_access.guarded_get import Problem
from service.fhir_server import FhirServer, find_server
from service.wire import FhirOffer, FhirVersion

_TOKEN = re.compile(r"[!-~]{1,16384}")


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
    SERVER_PAUSED = "server-paused"


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
    """What a call offers, for which patient it is, and what its client may have read for how many seconds.

    `version` is the FHIR version of its server, as far as the call shows it.
    """

    offer: FhirOffer
    patient: str
    servers: tuple[FhirServer, ...]
    seconds: float
    version: FhirVersion | None = None


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
