"""Numbers, truth values and statuses of a call, as a recording keeps them: what they say, or that they said nothing."""

import re
from decimal import Decimal
from typing import Any

from service.recording.words import LONGEST_NUMBER, MARKER

WITHHELD = "withheld"
_STATUS = re.compile(r"\d{3}(?!\d)")
_DIGITS = re.compile(rf"[+-]?(?=[\d.]*\d)\d{{0,{LONGEST_NUMBER + 2}}}(\.\d{{1,{LONGEST_NUMBER + 2}}})?")


def number(value: Any) -> Any:
    """Keep a number of up to six digits before and after the point; another is 0, a text that is none `xxx`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return value if _DIGITS.fullmatch(str(value)) else 0
    if isinstance(value, str):
        return value if _DIGITS.fullmatch(value.strip()) else MARKER
    return {}


def boolean(value: Any) -> Any:
    """Keep true and false, also as texts."""
    known = isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))
    return value if known else WITHHELD


def http_status(value: Any) -> str:
    """Keep the three digits with which the status of a Bundle entry begins."""
    found = _STATUS.match(as_text(value) or "")
    return found[0] if found else WITHHELD


def as_text(value: Any) -> str | None:
    """Read an id that may be written as a number; None for anything else."""
    if isinstance(value, bool):
        return None
    return str(value) if isinstance(value, int) else value if isinstance(value, str) else None
