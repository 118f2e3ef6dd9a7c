"""What the dashboard shows of a period: cards and feedback, calls, and rules that have gone silent. Numbers only."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from math import ceil

from service.dashboard.silence import Silence, silence
from service.rates import Rates, Share, rates, week_of
from service.store import CallKind, CardOutcome
from service.tallies import BEYOND, BUCKETS, COMPLETE, OUT_OF_SCOPE

DIMENSIONS: Mapping[str, Callable[[CallKind], str]] = {
    "hook": lambda kind: kind.hook,
    "client": lambda kind: kind.client,
    "week": lambda kind: week_of(datetime.combine(kind.day, datetime.min.time(), UTC)),
}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, both included. `today` is the day of whoever asks."""

    since: date
    until: date
    today: date

    @property
    def weeks(self) -> tuple[str, ...]:
        """Name every week that the period touches, in order."""
        days = (self.since + timedelta(days=number) for number in range((self.until - self.since).days + 1))
        return tuple(dict.fromkeys(week_of(datetime.combine(day, datetime.min.time(), UTC)) for day in days))


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one group: by outcome, and by the upper end of their bucket of latency, in milliseconds."""

    outcomes: Mapping[str, int]
    buckets: Mapping[int, int]

    @property
    def total(self) -> int:
        """Return how many there were."""
        return sum(self.outcomes.values())

    @property
    def in_scope(self) -> int:
        """Return how many were about a drug of a rule, or were refused before that could be told."""
        return self.total - self.outcomes.get(OUT_OF_SCOPE, 0)

    @property
    def not_checked(self) -> Share:
        """Return how many of those in scope were not checked to the end."""
        return Share(self.in_scope - self.outcomes.get(COMPLETE, 0), self.in_scope)

    def latency(self, share: float) -> int | None:
        """Return the time in which this share was answered, as the upper end of a bucket; None without calls.

        BEYOND stands for longer than the last bucket.
        """
        if not self.total:
            return None
        ends = (*BUCKETS, BEYOND)
        rank = ceil(share * self.total)
        sums = accumulate(self.buckets.get(end, 0) for end in ends)
        return next(end for end, reached in zip(ends, sums, strict=True) if reached >= rank)


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything on the page. `calls` of all, and `by` dimension; `silences` has every enabled rule, alarming first."""

    period: Period
    rates: Rates
    calls: Calls
    by: Mapping[str, Mapping[str, Calls]]
    silences: tuple[Silence, ...]

    @property
    def empty(self) -> bool:
        """Tell whether nothing was stored for this period."""
        return not (self.calls.total or self.rates.total.shown or self.rates.total.hidden)


def figures(
    period: Period, cards: Iterable[CardOutcome], counted: Mapping[CallKind, int], rules: Iterable[str]
) -> Figures:
    """Count a period: its cards as the store yields them, its counted calls, and the ids of the enabled rules."""
    fired: dict[str, Counter[date]] = {}
    found = rates(_noted(cards, fired), period.since)
    days: Counter[date] = Counter()
    for kind, number in counted.items():
        days[kind.day] += number
    judged = (silence(rule, fired.get(rule, {}), days, period.since, min(period.today, period.until)) for rule in rules)
    return Figures(
        period,
        found,
        _calls(counted),
        {name: _split(counted, of) for name, of in DIMENSIONS.items()},
        tuple(sorted(judged, key=lambda item: (item.chance, item.rule))),
    )


def _noted(cards: Iterable[CardOutcome], fired: dict[str, Counter[date]]) -> Iterable[CardOutcome]:
    """Pass cards on and note on which days each rule fired; a card that was kept back was made all the same."""
    for card in cards:
        fired.setdefault(card.rule, Counter())[card.issued_at.astimezone(UTC).date()] += 1
        yield card


def _split(counted: Mapping[CallKind, int], of: Callable[[CallKind], str]) -> Mapping[str, Calls]:
    groups: dict[str, dict[CallKind, int]] = {}
    for kind, number in counted.items():
        groups.setdefault(of(kind), {})[kind] = number
    return {name: _calls(groups[name]) for name in sorted(groups)}


def _calls(counted: Mapping[CallKind, int]) -> Calls:
    outcomes: Counter[str] = Counter()
    buckets: Counter[int] = Counter()
    for kind, number in counted.items():
        outcomes[kind.outcome] += number
        buckets[kind.up_to_ms] += number
    return Calls(outcomes, buckets)
