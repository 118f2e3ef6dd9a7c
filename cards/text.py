"""Text from the record made harmless, and small helpers for sentences."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_LONGEST_TEXT = 2_000
_MARKS = str.maketrans(dict.fromkeys("™®©℠", " "))
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escape(text: str, longest: int = 60) -> str:
    """Return text from the record on one line that no markdown renderer can read as markup.

    Control, format, bidirectional and surrogate characters are dropped, every ASCII punctuation mark is
    backslash-escaped (a bare domain or e-mail address then links nowhere), and at most `longest` characters stay.
    """
    kept = "".join(" " if char.isspace() else char for char in text if _kept(char))
    line = " ".join(kept.split())
    short = line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
    return _PUNCTUATION.sub(r"\\\1", short)


def _kept(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in _DROPPED


def capital(text: str) -> str:
    """Return a text with a capital first letter and the rest as it is."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str]) -> str:
    """Return items as "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def day(value: date | None) -> str:
    """Return a day as it is printed everywhere: ISO 8601."""
    return value.isoformat() if value else "unknown date"


def words(text: str) -> list[str]:
    """Return the words of a text, folded for comparison.

    Punctuation and trade-mark signs only separate; soft hyphens and zero-width characters are not there at all.
    """
    plain = text[:_LONGEST_TEXT]
    # Nearly all text is ASCII, and of that only the case is to be folded.
    found = _WORD.findall(plain.lower() if plain.isascii() else _folded(plain))
    # The cut may have made another word of the last one.
    return found[:-1] if len(text) > _LONGEST_TEXT else found


def _folded(text: str) -> str:
    plain = text.translate(_MARKS)
    if not plain.isascii():
        plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", plain).casefold()
