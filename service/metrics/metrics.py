"""Counting calls: a few additions to numbers in memory that the workers of a machine share; nothing of a patient.

What other parts count for `/readyz` is carried over now and then, and costs a call nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from cards.model import Indicator
from service import __version__
from service.answer import Answer
from service.bounded import Bounded
from service.errors import Unauthorized
from service.metrics.families import Families, families
from service.telemetry import Counts

OTHER, OK = "other", "ok"
NOT_OBTAINABLE = "not-obtainable"
CHECK_SECONDS = 1.0
_YES = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Watched:
    """What is asked for now and then: counts behind the metric they go to, and how the database stands.

    `waiting` counts what is queued for it; `check` raises where it cannot be used. `calls` are those under way and the
    most there may be; `paused` says of each FHIR server whether it is left alone.
    """

    counts: Sequence[tuple[str, Counts]]
    waiting: Callable[[], int]
    check: Callable[[], object]
    calls: Callable[[], tuple[int, int]]
    paused: Callable[[], Mapping[str, bool]]


@dataclass(slots=True)
class Metrics:
    """The metrics of one application. `knowledge` is version and hash, `rules` those that are to show cards."""

    watched: Watched
    knowledge: tuple[str, str] | None = None
    rules: Iterable[str] = ()
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _families: Families = field(init=False)
    _children: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _carried: dict[tuple[str, str], int] = field(default_factory=dict)
    _bounded: Bounded = field(default_factory=lambda: Bounded(slots=1, seconds=CHECK_SECONDS))

    def __post_init__(self) -> None:
        self._families = families(self.registry)
        # A rule that never fired is a nought and not a gap, so that one which stops can be told.
        for rule in self.rules:
            for indicator in Indicator:
                self._families.cards.labels(rule, indicator.value, "yes")

    def call(self, said: Mapping[str, Any], status: int, seconds: float, given: Answer | None) -> None:
        """Count one request: what the log says of it, and for a hook call that was answered its answer."""
        service, hook = said.get("service", OTHER), said.get("hook")
        outcome = said.get("outcome") or ("refused" if status >= 400 else OTHER)
        self._add("requests", service, str(status), outcome)
        if status == Unauthorized.status and (reason := said.get("refusal")):
            self._add("auth_refusals", reason)
        if reason := said.get("fhir_refusal"):
            self._add("fhir_refusals", str(reason))
        if (waited := said.get("fhir_ms")) is not None:
            self._families.fhir_seconds.observe(waited / 1000)
        if hook is not None and outcome != "feedback":
            self._seconds(hook).observe(seconds)
        if status == 412:
            self._add("not_checked", NOT_OBTAINABLE)
        if given is not None and given.outcome != "out-of-scope":
            self._answered(given)

    def refresh(self) -> None:
        """Carry over what others count, and ask how the calls, FHIR servers and the database stand."""
        for family, counts in self.watched.counts:
            for name, number in counts.seen().items():
                new = number - self._carried.get((family, name), 0)
                if new:
                    self._counter(family, name).inc(new)
                    self._carried[family, name] = number
        self._families.cards_waiting.set(self.watched.waiting())
        under_way, most = self.watched.calls()
        self._families.calls_in_flight.set(under_way)
        self._families.calls_at_once.set(most)
        for server, paused in self.watched.paused().items():
            self._families.fhir_server_paused.labels(server).set(paused)
        self._families.database_usable.labels("feedback").set(self._usable())
        self._families.build_info.labels(__version__).set(1)
        if self.knowledge:
            self._families.knowledge_info.labels(*self.knowledge).set(1)

    def _answered(self, given: Answer) -> None:
        for card in given.issued:
            self._add("cards", card.rule, card.indicator, _YES[card.shown])
        if given.outcome == "incomplete":
            for gap in given.gaps:
                self._add("not_checked", gap)
        if given.unidentified:
            self._families.unidentified.inc(given.unidentified)
        for read in given.trace.fhir.reads:
            self._add("fhir_reads", read.problem or OK)

    def _usable(self) -> int:
        try:
            self._bounded(self.watched.check)
        except Exception:
            # Too slow, or a failure that nobody foresaw: it cannot be used either way.
            return 0
        return 1

    def _add(self, family: str, *labels: str) -> None:
        self._counter(family, *labels).inc()

    def _counter(self, family: str, *labels: str) -> Counter:
        """Return one counter; found once, since to look it up by its labels costs as much as to add to it."""
        key = (family, *labels)
        if (known := self._children.get(key)) is None:
            known = self._children[key] = getattr(self._families, family).labels(*labels)
        return known  # type: ignore[no-any-return]

    def _seconds(self, hook: str) -> Any:
        key = ("request_seconds", hook)
        if (known := self._children.get(key)) is None:
            known = self._children[key] = self._families.request_seconds.labels(hook)
        return known
