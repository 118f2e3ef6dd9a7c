"""What dosage instructions and supplies say about time: start, end, interval, amount. Reads models, never raw JSON."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from service.fhir.dates import LONGEST_DAYS, first_day, last_day, later

_DAYS = {"min": 1 / 1440, "h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}
_UNIT_NAMES = {
    **{name: name for name in _DAYS},
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("hour", "hours", "hr"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks", "w"), "wk"),
    **dict.fromkeys(("month", "months"), "mo"),
    **dict.fromkeys(("year", "years", "yr", "y"), "a"),
}
_TABLETS = frozenset(
    f"{mark[:1]}{word}{mark[1:]}"
    for mark in ("", "{}")
    for word in (
        "pill",
        "pills",
        "tbl",
        "tablet",
        "tablets",
        "tab",
        "tabs",
        "capsule",
        "capsules",
        "cap",
        "caps",
        "each",
    )
)
_SHORTEST_INTERVAL = 2


class Timing(msgspec.Struct, frozen=True):
    """What the dosage instructions of one order say together."""

    start: date | None = None
    end: date | None = None
    interval_days: int | None = None
    daily_units: float | None = None


def timing(instructions: Sequence[Any], authored: date | None, supply_unit: Any = None) -> Timing:
    """Read the dosage instructions of one order.

    `end` exists only if every instruction has one; the latest counts. A duration counts from the start of therapy,
    which is the earliest stated start, else `authored`. `supply_unit` is the quantity that the daily units must match.
    """
    items = [item for item in instructions if item is not None]
    start = min(_starts(items), default=None)
    ends = [_end(item, start or authored) for item in items]
    known = [day for day in ends if day is not None]
    intervals = [days for item in items if (days := _interval(item)) is not None]
    return Timing(
        start,
        max(known) if known and len(known) == len(ends) else None,
        max(intervals, default=None),
        _daily(items, supply_unit),
    )


def days_of(quantity: Any, rounded: Callable[[float], int] = math.ceil) -> int | None:
    """Read a Duration as days (month 30, year 365); None without a usable value and unit."""
    value = number(quantity)
    unit = _unit_days(quantity)
    if value is None or unit is None or not 0 < value * unit <= LONGEST_DAYS:
        return None
    # A thousandth of a day is rounding noise of hours and minutes, not another day.
    return rounded(round(value * unit, 3))


def number(quantity: Any) -> float | None:
    """Read the value of a Quantity; None where it has none that can be counted with."""
    try:
        value = float(quantity.value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def doses(instruction: Any) -> list[Any]:
    """Return the doses of an instruction: a list from R4 on, one dose before."""
    rates = getattr(instruction, "doseAndRate", None)
    if rates is not None:
        return [rate.doseQuantity for rate in rates if rate is not None]
    return [dose] if (dose := getattr(instruction, "doseQuantity", None)) is not None else []


def is_as_needed(instruction: Any) -> bool:
    """Say whether a dose is taken as needed only: `asNeeded[x]`, in R5 `asNeeded` and `asNeededFor`."""
    names = ("asNeededBoolean", "asNeededCodeableConcept", "asNeeded", "asNeededFor")
    return any(getattr(instruction, name, None) for name in names)


def sequence(instruction: Any) -> int | None:
    """Return the place of an instruction among the others; DSTU2 has none."""
    place: int | None = getattr(instruction, "sequence", None)
    return place


def _unit_days(quantity: Any) -> float | None:
    names = (getattr(quantity, "code", None), getattr(quantity, "unit", None))
    known = (_UNIT_NAMES.get(name.strip().casefold()) for name in names if isinstance(name, str))
    return next((_DAYS[name] for name in known if name), None)


def _repeat(instruction: Any) -> Any:
    return getattr(getattr(instruction, "timing", None), "repeat", None)


def _starts(instructions: Iterable[Any]) -> Iterable[date]:
    for item in instructions:
        period = getattr(_repeat(item), "boundsPeriod", None)
        events = getattr(getattr(item, "timing", None), "event", None) or ()
        for value in (getattr(period, "start", None), *events):
            if day := first_day(value):
                yield day


def _end(instruction: Any, start: date | None) -> date | None:
    repeat = _repeat(instruction)
    if period := getattr(repeat, "boundsPeriod", None):
        return last_day(period.end)
    if duration := getattr(repeat, "boundsDuration", None):
        return later(start, days_of(duration))
    if bounds := getattr(repeat, "boundsRange", None):
        # Without an upper bound the therapy has no known end.
        return later(start, days_of(bounds.high))
    return None


def _interval(instruction: Any) -> int | None:
    repeat = _repeat(instruction)
    if repeat is None or repeat.frequency not in (None, 1):
        return None
    days = period_days(repeat)
    return round(days) if days is not None and days >= _SHORTEST_INTERVAL else None


def period_days(repeat: Any) -> float | None:
    """Read the period of a repeating timing as days; None without a usable value and unit."""
    unit = _DAYS.get(repeat.periodUnit or "")
    try:
        days = float(repeat.period) * unit if unit else 0.0
    except (TypeError, ValueError, OverflowError):
        return None
    return days if 0 < days <= LONGEST_DAYS else None


def _daily(instructions: Sequence[Any], supply_unit: Any) -> float | None:
    """Add up the units a day; None where one instruction cannot be counted, or they follow one another."""
    steps = {place for item in instructions if (place := sequence(item)) is not None}
    amounts = [_units_a_day(item, supply_unit) for item in instructions]
    known = [amount for amount in amounts if amount is not None]
    if supply_unit is None or len(steps) > 1 or not known or len(known) != len(amounts):
        return None
    return sum(known)


def _units_a_day(instruction: Any, supply_unit: Any) -> float | None:
    repeat = _repeat(instruction)
    stated = doses(instruction)
    dose = stated[0] if len(stated) == 1 else None
    amount, days = number(dose), period_days(repeat) if repeat is not None else None
    if amount is None or days is None or _kinds(dose).isdisjoint(_kinds(supply_unit)):
        return None
    frequency = 1 if repeat.frequency is None else repeat.frequency
    return amount * frequency / days if frequency > 0 else None


def is_tablet(quantity: Any) -> bool:
    """Say whether a Quantity counts tablets or capsules."""
    return _kinds(quantity) == {"tablet"}


def _kinds(quantity: Any) -> frozenset[str]:
    names = (getattr(quantity, "unit", None), getattr(quantity, "code", None))
    folded = [name.strip().casefold() for name in names if isinstance(name, str)]
    return frozenset(["tablet" if name in _TABLETS else name for name in folded if name])
