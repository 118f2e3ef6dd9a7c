"""The course of a daily medicine: dose levels with their days, the induction, the maintenance, the response (row S4).

Orders and statements make the levels; supplies and given doses verify that they were taken, and fill days that no order
covers. Where orders of different doses overlap, the later start ends the earlier one; different doses that start on one
day leave that order unknown. Days count only where a record covers them; gaps up to 14 days do not part a level.
Everything that is not stated stays unknown.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from enum import StrEnum
from itertools import zip_longest

import msgspec
from msgspec.structs import replace

from cards.exposure import Basis, Contribution
from cards.model import Kind, Outcome, StatedOutcome

# Labelled induction less one week; label: 12 weeks in Crohn's disease, 8 weeks in ulcerative colitis.
INDUCTION_DAYS = {"crohns-disease": 77, "ulcerative-colitis": 49}
INDUCTION_MG = 45.0
REDUCED_MG = 30.0
_PRIMARY_DAYS = 28
_MAINTENANCE_DAYS = 56
_GAP_DAYS = 14
_REDUCED_INDUCTION_DAYS = 112
_DAY = timedelta(days=1)
_ORDERS = frozenset({Kind.REQUEST, Kind.STATEMENT})
_FAILURES = frozenset({Outcome.LACK_OF_EFFICACY, Outcome.LOSS_OF_RESPONSE})


class DatedOutcome(msgspec.Struct, frozen=True):
    """A stated outcome and the day that the record gives it."""

    stated: StatedOutcome
    on: date | None


class DoseLevel(msgspec.Struct, frozen=True):
    """One dose, from `start`, on the days of `spans` (both ends inclusive); no spans: how long is not recorded.

    `supplied` are the days of it that supplies and given doses cover.
    """

    daily_mg: float
    start: date
    spans: tuple[tuple[date, date], ...] = ()
    supplied: int = 0

    @property
    def end(self) -> date | None:
        """Return the last day, None where it is not recorded."""
        return self.spans[-1][1] if self.spans else None

    @property
    def days(self) -> int | None:
        """Return the number of covered days, None where it is not recorded."""
        return self.days_until(date.max) if self.spans else None

    def days_until(self, day: date) -> int:
        """Return the number of covered days up to and with a day."""
        return sum((min(end, day) - start).days + 1 for start, end in self.spans if start <= day)


class Response(StrEnum):
    """How the failure pattern reads."""

    PRIMARY_NON_RESPONSE = "primary-non-response"
    LOSS_OF_RESPONSE = "loss-of-response"
    NOT_DETERMINABLE = "not-determinable"


class Course(msgspec.Struct, frozen=True):
    """What the record shows of the subject drug for one indication.

    `induction` is the level that completes the induction, None where none is shown; `reduced_for` names what explains a
    reduced dose. `maintenance` are the levels after it. `since_induction` counts the days from its end to the call, and
    `maintenance_days` those of maintenance up to `failure`, the coded failure that decided `response`.
    """

    indication: str
    levels: tuple[DoseLevel, ...]
    induction: DoseLevel | None = None
    reduced_for: tuple[str, ...] = ()
    maintenance: tuple[DoseLevel, ...] = ()
    since_induction: int | None = None
    response: Response = Response.NOT_DETERMINABLE
    failure: DatedOutcome | None = None
    maintenance_days: int = 0

    @property
    def verified(self) -> bool:
        """Say whether supplies or given doses cover the days that the induction needs."""
        return self.induction is not None and self.induction.supplied >= INDUCTION_DAYS[self.indication]


def course(
    items: Sequence[Contribution],
    outcomes: Iterable[DatedOutcome],
    indication: str,
    reducing: Callable[[date, date], tuple[str, ...]],
    on: date,
) -> Course:
    """Return the course that the contributions of one ingredient show, as of `on`.

    `reducing` names what on record asks for the reduced induction dose between two days.
    """
    found = dose_levels(items, on)
    induction = _induction(found, indication, reducing)
    if induction is None or induction.end is None:
        return Course(indication, found)
    after = tuple(item for item in found if item.start > induction.end and item.daily_mg < INDUCTION_MG)
    shown = Course(
        indication,
        found,
        induction,
        reducing(induction.start, induction.end) if induction.daily_mg == REDUCED_MG else (),
        after,
        (on - induction.end).days,
    )
    return _with_response(shown, outcomes)


def _induction(
    found: Sequence[DoseLevel], indication: str, reducing: Callable[[date, date], tuple[str, ...]]
) -> DoseLevel | None:
    """Return the latest full induction, else the first reduced one: later 30 mg would be maintenance."""
    long = [item for item in found if item.days and item.days >= INDUCTION_DAYS[indication]]
    full = [item for item in long if item.daily_mg == INDUCTION_MG]
    if full:
        return full[-1]
    reduced = (item for item in long if item.daily_mg == REDUCED_MG and item.end and reducing(item.start, item.end))
    return next(reduced, None)


def _with_response(shown: Course, outcomes: Iterable[DatedOutcome]) -> Course:
    """Add what the latest coded and dated failure means; a text alone decides nothing."""
    coded = [item for item in outcomes if item.stated.coded and item.stated.outcome in _FAILURES]
    dated = [(item.on, item) for item in coded if item.on]
    if not dated or shown.induction is None or shown.induction.end is None:
        return shown
    day, failure = max(dated, key=lambda item: item[0])
    maintained = sum(item.days_until(day) for item in shown.maintenance)
    if maintained >= _MAINTENANCE_DAYS:
        return replace(shown, response=Response.LOSS_OF_RESPONSE, failure=failure, maintenance_days=maintained)
    # Where the reduced dose simply went on, the end of the induction is not recorded.
    went_on = shown.induction.daily_mg == REDUCED_MG and (shown.induction.days or 0) > _REDUCED_INDUCTION_DAYS
    within = 0 <= (day - shown.induction.end).days <= _PRIMARY_DAYS
    if within and not went_on and failure.stated.outcome is Outcome.LACK_OF_EFFICACY:
        return replace(shown, response=Response.PRIMARY_NON_RESPONSE, failure=failure, maintenance_days=maintained)
    return shown


# Dose levels.


class _Span(msgspec.Struct, frozen=True):
    mg: float
    start: date
    end: date | None


def dose_levels(items: Iterable[Contribution], on: date) -> tuple[DoseLevel, ...]:
    """Return the dose levels before and on a day, in the order of their start."""
    held = list(items)
    guessed = frozenset(item.stop for item in held if item.basis is Basis.STOP and not item.stop_dated)
    lasts = [None if _open(item, guessed) else _last_day(item, on) for item in held]
    laid = [(item, span) for item, last in zip(held, lasts, strict=True) for span in _spans(item, last, on)]
    ordered = _resolved(span for item, span in laid if item.fact.kind in _ORDERS)
    given = _resolved(span for item, span in laid if item.fact.kind not in _ORDERS)
    covered = [(span.start, span.end) for span in ordered if span.end]
    rest = [part for span in given for part in _outside(span, covered)]
    levels = _merged(sorted([*ordered, *rest], key=lambda span: (span.start, span.mg)))
    return tuple(replace(level, supplied=_supplied(level, held)) for level in levels)


def _open(item: Contribution, guessed: frozenset[date | None]) -> bool:
    """Say whether the record leaves open until when: put on hold, only intended, or stopped without a date."""
    if item.fact.status in {"on-hold", "intended"} or (item.basis is Basis.STOP and not item.stop_dated):
        return True
    return item.capped and item.stop in guessed


def _spans(item: Contribution, last: date | None, on: date) -> Iterator[_Span]:
    """Lay the steps of one record one after another, within the days on which it shows therapy."""
    fact = item.fact
    cursor = fact.start or fact.given or fact.authored
    for step, after in zip_longest(fact.steps, fact.steps[1:]):
        start = step.start or cursor
        if start is None or start > min(last or on, on):
            return
        by_length = start + timedelta(days=step.days - 1) if step.days else None
        by_next = after.start - _DAY if after and after.start else None
        stated = min((day for day in (step.end, by_length, by_next) if day), default=None)
        ends = [day for day in (stated, last, on) if day]
        yield _Span(step.daily_mg, start, min(ends) if last else None)
        cursor = stated + _DAY if stated else None


def _last_day(item: Contribution, on: date) -> date | None:
    """Return the last day of therapy that a record shows; None where the record does not say."""
    fact = item.fact
    if item.basis is Basis.ACTIVE:
        return item.stop if item.capped else min(item.until or on, on)
    if item.basis is Basis.STOP:
        return item.stop
    if item.basis is Basis.DISPENSE and fact.given and item.last and item.last > fact.given:
        return min(item.last - _DAY, on)
    if item.basis is Basis.LAPSE and fact.end is None and item.last == fact.authored:
        return None
    return item.last


def _resolved(spans: Iterable[_Span]) -> list[_Span]:
    """End a span where another dose starts later, and leave out different doses that start on one day."""
    distinct = sorted(set(spans), key=lambda span: (span.start, span.mg, span.end or date.max))
    starts = {(span.start, span.mg) for span in distinct}
    days = [day for day, _ in starts]
    kept = [span for span in distinct if days.count(span.start) == 1]
    changes = sorted(starts)
    return [_ended(span, (day for day, mg in changes if day > span.start and mg != span.mg)) for span in kept]


def _ended(span: _Span, changes: Iterator[date]) -> _Span:
    change = next(changes, None)
    if change is None or span.end is None or span.end < change:
        return span
    return replace(span, end=change - _DAY)


def _outside(span: _Span, covered: Sequence[tuple[date, date]]) -> list[_Span]:
    """Return the parts of a span on days that are not covered."""
    if span.end is None:
        return []
    parts = [(span.start, span.end)]
    for start, end in covered:
        parts = [
            piece
            for first, last in parts
            for piece in ((first, min(last, start - _DAY)), (max(first, end + _DAY), last))
            if piece[0] <= piece[1]
        ]
    return [_Span(span.mg, first, last) for first, last in parts]


def _merged(spans: Iterable[_Span]) -> list[DoseLevel]:
    """Join spans of one dose that overlap or follow each other."""
    levels: list[DoseLevel] = []
    for span in spans:
        last = levels[-1] if levels else None
        if last and last.daily_mg == span.mg and _joins(last, span):
            levels[-1] = replace(last, spans=_joined(last.spans, span))
        else:
            levels.append(DoseLevel(span.mg, span.start, ((span.start, span.end),) if span.end else ()))
    timed = {level.daily_mg for level in levels if level.spans}
    return [level for level in levels if level.spans or level.daily_mg not in timed]


def _joins(level: DoseLevel, span: _Span) -> bool:
    return span.end is None or (level.end is not None and (span.start - level.end).days <= _GAP_DAYS + 1)


def _joined(spans: tuple[tuple[date, date], ...], span: _Span) -> tuple[tuple[date, date], ...]:
    if span.end is None or not spans:
        return spans
    first, last = spans[-1]
    if span.start <= last + _DAY:
        return (*spans[:-1], (first, max(last, span.end)))
    return (*spans, (span.start, span.end))


def _supplied(level: DoseLevel, items: Iterable[Contribution]) -> int:
    """Return how many days of a level supplies and given doses cover; another dose verifies nothing."""
    if level.end is None or level.days is None:
        return 0
    days = 0
    for item in items:
        fact = item.fact
        earliest = level.start - timedelta(days=_GAP_DAYS)
        if fact.kind in _ORDERS or fact.given is None or not earliest <= fact.given <= level.end:
            continue
        if all(step.daily_mg == level.daily_mg for step in fact.steps):
            supply = (item.last - fact.given).days if item.last and item.basis is Basis.DISPENSE else 1
            days += max(supply, 0)
    return min(days, level.days)
