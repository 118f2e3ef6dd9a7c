"""What a call needs and did not bring, read from the FHIR server that it offers.

Only what is missing is asked for: a query of our prefetch that was not supplied, that failed, or that has more pages,
and a Medication that nothing delivered names. `null` and an empty Bundle are answers. What cannot be read stays
missing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self
from urllib.parse import quote

import msgspec

from service.discovery import PREFETCH
from service.fhir import Delivery, Resource
from service.fhir_access.fetch import (
    Fault,
    FhirAccess,
    FhirCall,
    FhirReader,
    FhirSession,
    NoFhirAccess,
    Refusal,
)
from service.fhir_access.pages import MOST_PAGES, MOST_RESOURCES, Answered, Query, read_pages
from service.fhir_access.pinned import AT_ONCE
from service.fhir_server import FhirServer, find_server, within
from service.prefetch import Prefetched
from service.wire import FhirVersion

MOST_MEDICATIONS = 40
PAGE_SIZE = MOST_RESOURCES // MOST_PAGES
_PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105 - a token of a template
_MEDICATION = re.compile(r"(Medication/[A-Za-z0-9._~-]{1,256})(/_history/[^/?]*)?")
_GONE = (404, 410)


@dataclass(frozen=True, slots=True)
class Read:
    """One query for `explain` and the log: its pages, how many resources they had, and what is wrong with it."""

    query: str
    pages: int
    resources: int
    problem: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class FhirTrace:
    """What became of the FHIR access of a call. `refusal` is why nothing was read although something was missing."""

    refusal: Refusal | None = None
    reads: tuple[Read, ...] = ()


class ChartReads:
    """The reads of one call, made when they are first needed, within one span of time; a context manager."""

    def __init__(self, reader: FhirReader, access: FhirAccess) -> None:
        """Remember where to read; nothing is asked yet."""
        self._reader, self._access = reader, access
        self._session: FhirSession | None = None
        self._refusal: Refusal | None = None
        self._answers: list[Answered] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """End every read that is still under way."""
        if self._session is not None:
            self._session.close()

    @property
    def calls(self) -> tuple[FhirCall, ...]:
        """Return every call in the order of the queries, whichever was answered first."""
        return tuple(call for answer in self._answers for call in answer.calls)

    @property
    def offered(self) -> bool:
        """Say whether the call names a server at all."""
        return self._access.offer.server is not None

    @property
    def tried(self) -> bool:
        """Say whether the server was asked anything."""
        return bool(self.calls)

    @property
    def trace(self) -> FhirTrace:
        """Return what was read."""
        return FhirTrace(self._refusal, tuple(map(_read, self._answers)))

    def medications(self, references: Iterable[str]) -> tuple[Resource, ...]:
        """Read the Medications of references inside the base, each once and MOST_MEDICATIONS of them in a call."""
        base = self._base
        names = dict.fromkeys(name for item in references if base and (name := _medication(base, item)))
        known = {answer.query.key for answer in self._answers}
        wanted = [Query(name, "Medication", name) for name in names if name not in known]
        return tuple(
            msgspec.structs.replace(resource, url=answer.query.key)
            for answer in self._answered(wanted[: max(MOST_MEDICATIONS - self._read_singly, 0)])
            for resource in answer.delivery.resources
        )

    def completed(self, prefetched: Prefetched) -> Prefetched:
        """Return the record with what was missing from it, as far as it could be read."""
        queries = missing(prefetched.deliveries, self._access.patient, self._unsupported, self._version)
        answers = self._answered(queries)
        if any(call.status in _GONE for answer in answers if answer.query.kind == "Patient" for call in answer.calls):
            # Who does not know the patient has no medicines of the patient, and that says nothing.
            answers = self._unfounded(answers)
        # What failed twice stays what it was: a part of it may have come with the call.
        again = {item.query.key for item in answers if item.query.url is not None and item.delivery.failed}
        kept = again & prefetched.deliveries.keys()
        return prefetched.completed({item.query.key: item.delivery for item in answers if item.query.key not in kept})

    def _unfounded(self, answers: Sequence[Answered]) -> list[Answered]:
        doubted = [
            replace(item, delivery=Delivery(failed=True), problem=item.problem or Fault.PATIENT_UNKNOWN)
            if item.query.url is not None and not item.delivery.resources
            else item
            for item in answers
        ]
        self._answers = [*self._answers[: len(self._answers) - len(doubted)], *doubted]
        return doubted

    @property
    def _base(self) -> str | None:
        return (self._access.offer.server or "").removesuffix("/") or None

    @property
    def _server(self) -> FhirServer | None:
        return find_server(self._access.servers, self._access.offer.server or "")

    @property
    def _unsupported(self) -> frozenset[str]:
        server = self._server
        return frozenset(server.unsupported) if server else frozenset()

    @property
    def _version(self) -> FhirVersion | None:
        """Return the version of the server, first as the site has it."""
        server = self._server
        return FhirVersion(server.version) if server and server.version else self._access.version

    @property
    def _read_singly(self) -> int:
        return sum(answer.query.kind == "Medication" for answer in self._answers)

    def _answered(self, queries: Sequence[Query]) -> list[Answered]:
        session = self._opened() if queries else None
        if session is None:
            return []
        base = self._base or ""
        answers = _side_by_side(lambda query: read_pages(session, query, base), queries)
        self._answers += answers
        return answers

    def _opened(self) -> FhirSession | None:
        if self._session is None and self._refusal is None:
            try:
                self._session = self._reader.open(self._access)
            except NoFhirAccess as refused:
                self._refusal = refused.reason
        return self._session


def missing(
    deliveries: Mapping[str, Delivery],
    patient: str,
    unsupported: frozenset[str] = frozenset(),
    version: FhirVersion | None = None,
) -> list[Query]:
    """Return what is to be read of a patient's record, the keys of our prefetch in their order first.

    A query counts as supplied where its key was answered, or where resources of its type came under another key. A
    server of DSTU2 has its orders as MedicationOrder: so it is asked, and so is one of no known version whose client
    delivered such.
    """
    if version is None and any("MedicationOrder" in delivery.kinds for delivery in deliveries.values()):
        version = FhirVersion.DSTU2
    kinds = _DSTU2_KINDS if version is FhirVersion.DSTU2 else _KINDS
    whole = {key: delivery for key, delivery in deliveries.items() if not delivery.broken}
    renamed = {kind for key, delivery in whole.items() if key not in PREFETCH for kind in delivery.kinds}
    queries = [
        Query(key, kind, _query(PREFETCH[key].replace(_KINDS[key], kind), patient))
        for key, kind in kinds.items()
        if key not in whole
        and (key in deliveries or kind not in renamed)
        and unsupported.isdisjoint({kind, _KINDS[key]})
    ]
    return queries + [
        Query(key, kinds.get(key, ""), None, delivery)
        for key, delivery in whole.items()
        if delivery.paged and (key in PREFETCH or not delivery.kinds.isdisjoint(_READ_KINDS))
    ]


# The type that each key of our prefetch asks for, and what that was before STU3.
_KINDS: Mapping[str, str] = {key: re.split(r"[?/]", template, maxsplit=1)[0] for key, template in PREFETCH.items()}
_DSTU2_KINDS: Mapping[str, str] = {**_KINDS, "medicationRequests": "MedicationOrder"}
_READ_KINDS = frozenset({*_KINDS.values(), *_DSTU2_KINDS.values()})


def _query(template: str, patient: str) -> str:
    url = template.replace(_PATIENT_TOKEN, quote(patient, safe=""))
    # A server's own page size is often 10 or 20, and each page costs the time of a call there and back.
    return f"{url}&_count={PAGE_SIZE}" if "?" in url else url


def _medication(base: str, reference: str) -> str | None:
    found = _MEDICATION.fullmatch(within(base, reference) or "")
    return found[1] if found else None


def _side_by_side(work: Callable[[Query], Answered], queries: Sequence[Query]) -> list[Answered]:
    """Do the work for all queries at the same time; each one comes back by the deadline of the session."""
    if len(queries) == 1:
        return [work(queries[0])]
    with ThreadPoolExecutor(min(AT_ONCE, len(queries)), thread_name_prefix="fhir-read") as threads:
        return list(threads.map(work, queries))


def _read(answer: Answered) -> Read:
    new = len(answer.delivery.resources) - len(answer.query.begun.resources)
    named = answer.query.url or f"further pages of {answer.query.key}"
    last = answer.calls[-1].status if answer.calls else None
    return Read(named, len(answer.calls), new, answer.problem, last)
