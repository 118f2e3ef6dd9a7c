"""How an explanation is written: days as text, and sections of lines under their titles."""

from collections.abc import Iterator, Sequence
from datetime import date

Section = tuple[str, Sequence[str]]


def day(value: date | None) -> str | None:
    """Write a day, if it is known."""
    return value.isoformat() if value else None


def section_lines(section: Section) -> Iterator[str]:
    """Write a section, set off from what stands before it; one without lines is left out."""
    title, lines = section
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)
