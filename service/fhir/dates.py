"""Dates of FHIR to plain days.

A dateTime keeps its written date, whatever its zone. A partial date is the day that its role asks for: the first
possible day of a start, the last possible day of an end.
"""

import calendar
import re
from datetime import date, timedelta

_WRITTEN = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T|$)")
PLAUSIBLE = range(1880, 2201)
LONGEST_DAYS = 36_600


def first_day(value: object) -> date | None:
    """Read a FHIR date or dateTime as the start of something."""
    parts = _parts(value)
    return _day(parts[0], parts[1] or 1, parts[2] or 1) if parts else None


def last_day(value: object) -> date | None:
    """Read a FHIR date or dateTime as the end of something."""
    parts = _parts(value)
    if parts is None:
        return None
    year, month, day = parts[0], parts[1] or 12, parts[2]
    return _day(year, month, day or (calendar.monthrange(year, month)[1] if 1 <= month <= 12 else 0))


def is_partial(value: object) -> bool:
    """Say whether a date states no day."""
    parts = _parts(value)
    return parts is not None and parts[2] is None


def later(day: date | None, days: int | None) -> date | None:
    """Return the day that is a number of days later; None where either is unknown or the result is no date."""
    if day is None or days is None or abs(days) > LONGEST_DAYS:
        return None
    return day + timedelta(days=days)


def _parts(value: object) -> tuple[int, int | None, int | None] | None:
    if value is None:
        return None
    if isinstance(value, date):
        parts = (value.year, value.month, value.day)
    elif isinstance(value, str) and (match := _WRITTEN.match(value)):
        year, month, day = match.groups()
        parts = (int(year), int(month) if month else None, int(day) if day else None)  # type: ignore[assignment]
    else:
        return None
    # A date picker that is still being typed into sends years such as 0002.
    return parts if parts[0] in PLAUSIBLE else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
