"""The dates of a patient, moved by one offset of whole days, and an age that stays right to the year."""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from service.cases import shift_text
from service.fhir.dates import PLAUSIBLE, last_day
from service.recording.scalars import number
from service.recording.words import MARKER

NOT_A_DATE = "Invalid date"
# What a date picker sends that is still being typed into.
HALF_TYPED = "0002-01-01"
OLDEST = 90
_LENGTH_OF_A_DAY = len("2026-03-16")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d|\d{4}-\d\d|\d{4})(.*)", re.DOTALL)
_TIME = re.compile(r"[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?\d*(Z|[+-]\d\d:?\d\d)?")


@dataclass(slots=True)
class Days:
    """Moves the dates of a call that was made on the day `on`; remembers the days it has seen."""

    offset: timedelta
    on: date
    _seen: set[date] = field(default_factory=set)

    def moved(self, value: Any) -> Any:
        """Move a date or dateTime; one that is none of the calendar stays none, and says nothing."""
        if not isinstance(value, str):
            return number(value)
        match = _DATE.fullmatch(value.strip())
        day = self._moved(match[1]) if match else None
        if match is None or day is None:
            return NOT_A_DATE
        return day + (_time(match[2]) if match[2] else "")

    def birth(self, value: Any) -> str:
        """Return 1 January of the year that gives the age at the call, 90 at most."""
        born = last_day(value)
        if born is None:
            return NOT_A_DATE
        if born > self.on:
            return (born + self.offset).isoformat()
        age = self.on.year - born.year - ((self.on.month, self.on.day) < (born.month, born.day))
        return date((self.on + self.offset).year - min(age, OLDEST), 1, 1).isoformat()

    def in_text(self, text: str) -> str:
        """Move a day or month that stands in a text of the record."""
        return self._moved(text) or MARKER

    def in_card(self, text: str) -> str:
        """Move a day or month of a card; a month as the first day of the record that lies in it."""
        if len(text) == _LENGTH_OF_A_DAY:
            return shift_text(text, self.offset)
        days = [day for day in self._seen if day.isoformat().startswith(text)]
        return (min(days) + self.offset).isoformat()[:7] if days else self.in_text(text)

    def _moved(self, text: str) -> str | None:
        """Move a day, a month by its middle, or a year by its middle; None where it is none of the calendar."""
        if int(text[:4]) not in PLAUSIBLE:
            return HALF_TYPED[: len(text)]
        try:
            if len(text) == _LENGTH_OF_A_DAY:
                day = date.fromisoformat(text)
                self._seen.add(day)
                return (day + self.offset).isoformat()
            middle = date.fromisoformat(f"{text}-15" if "-" in text else f"{text}-07-02")
            return (middle + self.offset).isoformat()[: len(text)]
        except (ValueError, OverflowError):
            return None


def _time(text: str) -> str:
    """Keep a time of day to the millisecond and its zone; anything else after a date only leaves that it was there."""
    if not _TIME.fullmatch(text):
        return f" {MARKER}"
    clock, _, rest = text.partition(".")
    if not rest:
        return text
    digits = re.match(r"\d*", rest)
    length = digits.end() if digits else 0
    return f"{clock}.{rest[:length][:3]}{rest[length:]}"
