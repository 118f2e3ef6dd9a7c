"""Text from the record made harmless, sentences, and paragraphs fitted into a detail."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from cards.model import Paragraph

LONGEST_DETAIL = 2_500
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
# What is left of ASCII punctuation carries strengths and forms: 0.4 ML, 100 MG/ML, 0.1 %, (Humira), extended-release.
# Of two slashes, with which an address without a scheme begins, one stays.
_MARKUP = re.compile(r"[!\"#$&'*:;<=>?@\\^_`{|}~]|(?<!\d)\.|\.(?!\d)|/(?=/)")
_ROUND = str.maketrans("[]", "()")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_APART = str.maketrans(dict.fromkeys((chr(code) for code in range(128) if not chr(code).isalnum()), " "))
LONGEST_TEXT = 2_000
_MARKS = str.maketrans(dict.fromkeys("™®©℠", " "))
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escape(text: str, longest: int = 60) -> str:
    """Return text from the record on one line that no markdown renderer can read as markup.

    Control, format, bidirectional and surrogate characters are dropped, every ASCII punctuation mark is
    backslash-escaped (a bare domain or e-mail address then links nowhere), and at most `longest` characters stay.
    """
    return _PUNCTUATION.sub(_escaped, _line(text, longest))


def _escaped(mark: re.Match[str]) -> str:
    return f"\\{mark[0]}"


def plain(text: str, longest: int = 60) -> str:
    """Return text from the record on one line for a place where no markdown is read, and where none would be found.

    Letters, digits and the punctuation of order strings stay; square brackets become round ones.
    """
    return _line(_MARKUP.sub(" ", text.translate(_ROUND)), longest)


def _line(text: str, longest: int) -> str:
    # Of what is printable nothing is dropped, and all the white space in it is the common space.
    kept = text if text.isprintable() else "".join(" " if char.isspace() else char for char in text if _kept(char))
    line = " ".join(kept.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


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
    plain = text[:LONGEST_TEXT]
    # Nearly all text is ASCII, and of that only the case is to be folded.
    found = plain.lower().translate(_APART).split() if plain.isascii() else _WORD.findall(_folded(plain))
    # The cut may have made another word of the last one.
    return found[:-1] if len(text) > LONGEST_TEXT else found


def _folded(text: str) -> str:
    plain = text.translate(_MARKS)
    if not plain.isascii():
        plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", plain).casefold()


def fit(paragraphs: Sequence[Paragraph], longest: int = LONGEST_DETAIL) -> str:
    """Return the paragraphs as one text of at most `longest` characters, leaving out the least important."""
    kept = [item for item in paragraphs if item.text]
    while len(text := _joined(kept)) > longest and any(item.drop for item in kept):
        least = max(item.drop for item in kept)
        last = max(index for index, item in enumerate(kept) if item.drop == least)
        kept.pop(last)
    return text if len(text) <= longest else _shortened(text, kept[-1].text, longest)


def _joined(kept: Sequence[Paragraph]) -> str:
    parts = [kept[0].text] if kept else []
    for before, after in pairwise(kept):
        parts += ("\n" if before.item and after.item else "\n\n", after.text)
    return "".join(parts)


def _shortened(text: str, footer: str, longest: int) -> str:
    """Cut a text at the end of a line and keep its footer: scope, version and approval are always said."""
    room = longest - len(footer) - 4
    return f"{text[:room].rpartition(chr(10))[0].rstrip()}\n\n{footer}"
