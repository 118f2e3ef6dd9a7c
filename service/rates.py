"""How often cards are overridden and accepted, and why: counts from the store, with Wilson intervals.

A card that nobody reacted to is never reported (CDS Hooks 2.0.1, Card ignored), so rates are of the cards with an
outcome, and how many of the shown ones have one is said beside them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from cards.wilson import Interval, wilson
from service.store import CardOutcome

ACCEPTED, OVERRIDDEN = "accepted", "overridden"
NO_REASON = "(no reason chosen)"


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the 95% Wilson interval; None of none."""

    events: int
    of: int

    @property
    def interval(self) -> Interval | None:
        """Return the interval of the proportion."""
        return wilson(self.events, self.of) if self.of else None


@dataclass(frozen=True, slots=True)
class Tally:
    """The cards of one group. `hidden` were kept back by a silent rule or client and are in no other number."""

    shown: int = 0
    hidden: int = 0
    accepted: int = 0
    overridden: int = 0

    @property
    def answered(self) -> Share:
        """Return how many of the shown cards have an outcome."""
        return Share(self.accepted + self.overridden, self.shown)

    @property
    def override_rate(self) -> Share:
        """Return how many of the cards with an outcome were overridden."""
        return Share(self.overridden, self.accepted + self.overridden)

    @property
    def acceptance_rate(self) -> Share:
        """Return how many of the cards with an outcome were accepted."""
        return Share(self.accepted, self.accepted + self.overridden)


@dataclass(frozen=True, slots=True)
class Rates:
    """All cards since a day, and the same cards by each dimension; `reasons` counts override reasons by rule."""

    since: date | None
    total: Tally
    by: Mapping[str, Mapping[str, Tally]]
    reasons: Mapping[str, Mapping[str, int]]


DIMENSIONS: Mapping[str, Callable[[CardOutcome], str]] = {
    "rule": lambda item: item.rule,
    "hook": lambda item: item.hook,
    "client": lambda item: item.client,
    "indicator": lambda item: item.indicator,
    "week": lambda item: week_of(item.issued_at),
}


def rates(cards: Iterable[CardOutcome], since: date | None = None) -> Rates:
    """Count cards, as the store yields them; `since` is only repeated in the result."""
    total, by = _Count(), {name: dict[str, _Count]() for name in DIMENSIONS}
    reasons: dict[str, Counter[str]] = {}
    for item in cards:
        total.add(item)
        for name, value_of in DIMENSIONS.items():
            by[name].setdefault(value_of(item), _Count()).add(item)
        if item.shown and item.outcome == OVERRIDDEN:
            reasons.setdefault(item.rule, Counter())[item.reason or NO_REASON] += 1
    return Rates(
        since,
        total.tally(),
        {name: {value: counted[value].tally() for value in sorted(counted)} for name, counted in by.items()},
        {rule: dict(reasons[rule].most_common()) for rule in sorted(reasons)},
    )


def week_of(at: datetime) -> str:
    """Name the week of a time in UTC, as ISO 8601 does: 2026-W12."""
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02d}"


@dataclass(slots=True)
class _Count:
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, item: CardOutcome) -> None:
        if not item.shown:
            self.seen["hidden"] += 1
            return
        self.seen["shown"] += 1
        if item.outcome is not None:
            self.seen[item.outcome] += 1

    def tally(self) -> Tally:
        return Tally(self.seen["shown"], self.seen["hidden"], self.seen[ACCEPTED], self.seen[OVERRIDDEN])
