"""Dose levels of an order, a statement, a supply or a dose given: milligrams a day, and for how long.

Structure and text of a dosage have to agree; what is doubtful is unknown. Reads models, never raw JSON.
"""

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from cards.model import DoseStep
from service.fhir.dates import first_day, last_day
from service.fhir.dosage import days_of, doses, is_as_needed, is_tablet, number, period_days, sequence
from service.fhir.dose_text import milligrams, text_steps

_MILLIGRAM = frozenset({"mg", "milligram", "milligrams"})


def dose_steps(instructions: Sequence[Any], strength: float | None) -> tuple[DoseStep, ...]:
    """Read the dose levels of dosage instructions in their order; empty where any of them is doubtful.

    `strength` is the milligrams of one tablet of the product. Several instructions are levels only if their `sequence`
    or their periods put them one after another: what is given at the same time is not added up.
    """
    ordered = _ordered([item for item in instructions if item is not None])
    steps = [_of_one(item, strength) for item in ordered]
    if not all(steps):
        return ()
    flat = tuple(step for group in steps for step in group)
    return flat if _follow(flat) else ()


def supplied_step(quantity: Any, days: int | None, strength: float | None) -> tuple[DoseStep, ...]:
    """Read the dose of a supply of tablets that lasts a stated number of days."""
    count = number(quantity)
    if count is None or not days or strength is None or not is_tablet(quantity):
        return ()
    return (DoseStep(count * strength / days),)


def given_step(dose: Any, strength: float | None, on: date | None) -> tuple[DoseStep, ...]:
    """Read one dose that was given on a day."""
    amount = _milligrams(dose, strength)
    return (DoseStep(amount, 1, on, on),) if amount and on else ()


def _ordered(items: Sequence[Any]) -> list[Any]:
    """Return instructions one after another, or none where nothing says their order."""
    if len(items) < 2:
        return list(items)
    places = [place for item in items if (place := sequence(item)) is not None]
    if len(set(places)) == len(items):
        return [item for _, item in sorted(zip(places, items, strict=True), key=lambda pair: pair[0])]
    starts = [_bounds(item)[0] for item in items]
    known = [day for day in starts if day is not None]
    if len(known) < len(items) or len(set(known)) < len(known):
        return []
    return [item for _, item in sorted(zip(known, items, strict=True), key=lambda pair: pair[0])]


def _follow(steps: Sequence[DoseStep]) -> bool:
    """Say whether each step says when it ends, or the next one when it starts, and none overlaps the next."""
    for step, after in pairwise(steps):
        if step.days is None and step.end is None and after.start is None:
            return False
        if step.end and after.start and after.start <= step.end:
            return False
    return True


def _of_one(item: Any, strength: float | None) -> tuple[DoseStep, ...]:
    if is_as_needed(item):
        return ()
    steps = _agreed(_structured(item, strength), item.text or "", strength)
    if not steps:
        return ()
    start, end = _bounds(item)
    if len(steps) > 1:
        return (replace(steps[0], start=start), *steps[1:-1], replace(steps[-1], end=end))
    stated = days_of(getattr(_repeat(item), "boundsDuration", None))
    days = min((length for length in (steps[0].days, stated) if length), default=None)
    return (DoseStep(steps[0].daily_mg, days, start, end),)


def _agreed(structured: float | None, text: str, strength: float | None) -> tuple[DoseStep, ...]:
    """Return what text and structure say together; a difference makes the dose unknown."""
    written = text_steps(text, strength) if text else ()
    if structured is None:
        return written
    if written:
        return written if math.isclose(written[0].daily_mg, structured) else ()
    # Amounts that the structure does not explain may be another step: "45 mg, later 15 or 30 mg".
    explained = {structured, strength}
    return (DoseStep(structured),) if milligrams(text) <= explained else ()


def _structured(item: Any, strength: float | None) -> float | None:
    """Return the milligrams a day that dose and timing state; only for doses at least once a day."""
    amounts = {_milligrams(dose, strength) for dose in doses(item)}
    amount = amounts.pop() if len(amounts) == 1 else None
    repeat = _repeat(item)
    days = period_days(repeat) if repeat is not None else None
    if amount is None or days is None or days > 1 or _irregular(repeat):
        return None
    frequency = 1 if repeat.frequency is None else repeat.frequency
    return float(amount * frequency / days) if frequency > 0 else None


def _irregular(repeat: Any) -> bool:
    return any(getattr(repeat, name, None) for name in ("frequencyMax", "periodMax", "dayOfWeek"))


def _milligrams(quantity: Any, strength: float | None) -> float | None:
    amount = number(quantity)
    if amount is None:
        return None
    names = (getattr(quantity, "unit", None), getattr(quantity, "code", None))
    if any(isinstance(name, str) and name.strip().casefold() in _MILLIGRAM for name in names):
        return amount
    return amount * strength if strength and is_tablet(quantity) else None


def _repeat(item: Any) -> Any:
    return getattr(getattr(item, "timing", None), "repeat", None)


def _bounds(item: Any) -> tuple[date | None, date | None]:
    period = getattr(_repeat(item), "boundsPeriod", None)
    return (first_day(period.start), last_day(period.end)) if period is not None else (None, None)
