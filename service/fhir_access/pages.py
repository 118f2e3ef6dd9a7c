"""One query to a FHIR server, read to its last page, as if its answer had come by prefetch.

A later page is an address that the server wrote. It is followed inside the base only, never twice, and not for ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from service import strict_json
from service.errors import InvalidRequest
from service.fhir import Delivery, open_value
from service.fhir_access.fetch import Fault, FhirCall, FhirSession
from service.fhir_server import within

MOST_PAGES = 10
MOST_RESOURCES = 2000
# These leave out a part of one answer; every other fault leaves out an answer.
_INSIDE = frozenset({Fault.ERROR_AMONG_MATCHES, Fault.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be read for a prefetch key.

    `kind` is the type of the resources. `url` is relative to the base; None where the client delivered the first page,
    and `begun` is what it delivered.
    """

    key: str
    kind: str
    url: str | None
    begun: Delivery = field(default_factory=Delivery, repr=False)

    @property
    def is_read(self) -> bool:
        """Say whether it asks for one resource by its id and not for the matches of a search."""
        return self.url is not None and "?" not in self.url


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a query: the calls in their order, what they delivered, and what is wrong with it, if anything."""

    query: Query
    calls: tuple[FhirCall, ...]
    delivery: Delivery
    problem: str | None = None


def read_pages(session: FhirSession, query: Query, base: str) -> Answered:
    """Read a query to the end, or to the first thing that goes wrong; what was read until then is delivered."""
    reading = _Reading(session, query, base)
    reading.run()
    return Answered(query, tuple(reading.calls), reading.delivery(), reading.problem)


@dataclass(slots=True)
class _Reading:
    session: FhirSession
    query: Query
    base: str
    calls: list[FhirCall] = field(default_factory=list)
    opened: list[Delivery] = field(default_factory=list)
    problem: str | None = None

    def run(self) -> None:
        begun = self.query.begun
        waiting = list(self._inside(begun, "")) if self.query.url is None else [self.query.url]
        seen: set[str] = set()
        while waiting:
            url = waiting.pop(0)
            if fault := self._limit(url in seen):
                self._note(fault)
                return
            seen.add(url)
            page = self._page(url)
            if page is None:
                return
            self.opened.append(page)
            waiting += self._inside(page, url)

    def _limit(self, again: bool) -> Fault | None:
        if again:
            return Fault.PAGES_IN_A_CIRCLE
        if len(self.calls) >= MOST_PAGES:
            return Fault.TOO_MANY_PAGES
        count = sum(len(page.resources) for page in (self.query.begun, *self.opened))
        return Fault.TOO_MANY_RESOURCES if count >= MOST_RESOURCES else None

    def _inside(self, page: Delivery, url: str) -> Iterator[str]:
        for link in page.pages:
            found = within(self.base, link, page=url) if link is not None else None
            if found is None:
                self._note(Fault.LINK_UNREADABLE if link is None else Fault.LINK_REFUSED)
            else:
                yield found

    def _page(self, url: str) -> Delivery | None:
        call = self.session.get(url)
        self.calls.append(call)
        page, problem = opened(call)
        if page is not None and (self.query.is_read == page.is_bundle):
            page, problem = None, Fault.UNEXPECTED_RESOURCE
        if page is not None and self.query.is_read and page.kinds != {self.query.kind}:
            page, problem = None, Fault.UNEXPECTED_RESOURCE
        if problem is not None:
            self._note(problem)
        return page

    def _note(self, problem: str) -> None:
        # The first thing that went wrong is what is told.
        self.problem = self.problem or problem

    def delivery(self) -> Delivery:
        begun, read = self.query.begun, self.opened
        started = bool(read) or self.query.url is None
        inside = self.problem in _INSIDE and started
        return Delivery(
            resources=[resource for page in (begun, *read) for resource in page.resources],
            is_bundle=started and not self.query.is_read,
            failed=begun.failed or inside or not started,
            garbage=begun.garbage,
            pages=[None] if started and self.problem and not inside else [],
            wrapped=begun.wrapped,
        )


def opened(call: FhirCall) -> tuple[Delivery | None, str | None]:
    """Open the answer of a call: what it delivered, if anything, and what is wrong with it, if anything."""
    if call.problem is not None:
        return None, call.problem
    try:
        # A key that stands twice is read differently by different readers, so the answer is refused as a whole.
        strict_json.loads(call.body, "The answer")
    except InvalidRequest:
        return None, Fault.UNREADABLE
    page = open_value(msgspec.Raw(call.body))
    if page.failed and not page.is_bundle:
        return None, Fault.ANSWER_IS_OUTCOME
    if not page.is_bundle and not page.resources:
        return None, Fault.UNREADABLE
    return page, Fault.ERROR_AMONG_MATCHES if page.failed else Fault.UNREADABLE if page.garbage else None
