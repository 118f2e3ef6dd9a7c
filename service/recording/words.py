"""Free text by allowlist: a word that nobody knows to be harmless is not kept, dates are moved, long numbers go.

Word by word, so that "Rinvoq 15 mg for J. Doe" keeps the drug and the dose and loses the person.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache

import msgspec
from pydantic import BaseModel

from cards import Catalogue
from cards.model import System
from cards.schema.ingredients import Ingredient
from cards.text import words
from service.recording.policy import Policy

MARKER = "xxx"
LONGEST_NUMBER = 4
_MOST_RUNS = 3

# In a card punctuation of the record stands behind a backslash.
_TOKEN = re.compile(
    r"(?P<day>(?<!\d)\d{4}\\?-\d\d\\?-\d\d(?!\d))"
    r"|(?P<month>(?<!\d)\d{4}\\?-\d\d(?!\\?-?\d))"
    r"|(?P<otherday>(?<!\d)(?:\d{1,2}\\?[/-]\d{1,2}\\?[/-](?:\d{4}|\d\d)|\d{1,2}\\?\.\d{1,2}\\?\.\d{4}"
    r"|\d\d\\?\.\d\d\\?\.\d\d)(?!\d))"
    r"|(?P<number>\+?\d(?:\\?[ ().-]{0,2}\d){6,})"
    r"|(?P<spelt>(?<![^\W_])[^\W\d_](?:(?:\\?\.|[ _-])[^\W\d_]){2,}(?![^\W_]))"
    r"|(?P<word>[^\W_]+)"
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}\\?:\\?/\\?/\S*|[^\s@]{0,64}@\S*", re.IGNORECASE)
_PLAIN = re.compile(r"[\n\t -~]*")
_RUNS = re.compile(r"\d+|\D+")
_NOT_PRINTED = frozenset(
    {
        "approval",
        "citation",
        "codes",
        "doi",
        "except_",
        "figures",
        "finding",
        "non_systemic_codes",
        "note",
        "pmid",
        "population",
        "prefixes",
        "sha256",
        "sources",
        "statements",
        "terminologies",
        "url",
    }
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that may stand in texts of the record, and in texts of our own (the latter include the former).

    `local` are the codes of the site's own lists that its overlay names, each as `address|code`.
    """

    record: frozenset[str]
    card: frozenset[str]
    addresses: frozenset[str]
    rules: frozenset[str]
    local: frozenset[str] = frozenset()


def vocabulary(catalogue: Catalogue, policy: Policy, more: Iterable[str] = ()) -> Vocabulary:
    """Collect the words of a catalogue, of the policy, and of a site's own list."""
    drugs = (catalogue.ingredients, catalogue.classes, catalogue.recognition, catalogue.conditions)
    # An order that a card suggests comes back as a draft, or was one already, in these or other words.
    suggested = tuple(text for item in catalogue.monitoring.items.values() for text in (item.order, *item.also))
    record = _in(drugs) | _in((catalogue.outcomes, catalogue.dismissing, suggested)) | policy.words | _in(tuple(more))
    addresses = frozenset(text for text in _texts(catalogue, frozenset()) if text.startswith(("http", "urn:")))
    card = record | _in(catalogue) | policy.own_words
    local = (code for item in catalogue.ingredients.values() for code in _local_codes(item))
    return Vocabulary(record, card, addresses, frozenset(catalogue.rules), frozenset(local))


def _local_codes(item: Ingredient) -> Iterator[str]:
    for lists in (item.codes, item.non_systemic_codes):
        yield from lists.get(System.LOCAL, ())


def _in(value: object) -> frozenset[str]:
    return frozenset(word for text in _texts(value, _NOT_PRINTED) for word in words(text))


def _texts(value: object, left_out: frozenset[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in _parts(value, left_out):
        yield from _texts(part, left_out)


def _parts(value: object, left_out: frozenset[str]) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, tuple | list | frozenset):
        yield from value
    elif isinstance(value, BaseModel):
        yield from (getattr(value, name) for name in type(value).model_fields if name not in left_out)
    elif isinstance(value, msgspec.Struct):
        yield from (getattr(value, name) for name in value.__struct_fields__ if name not in left_out)
    elif is_dataclass(value):
        yield from (getattr(value, field.name) for field in fields(value) if field.name not in left_out)


def masked(text: str, known: frozenset[str], moved: Callable[[str], str]) -> str:
    """Return a text in which only known words stand; `moved` moves a day or month that is written ISO 8601."""
    plain = text if _PLAIN.fullmatch(text) else "".join(char for char in text if _is_seen(char))
    if "@" in plain or "/" in plain:
        plain = _ADDRESS.sub(MARKER, plain)

    def kept(match: re.Match[str]) -> str:
        found = match[0]
        match match.lastgroup:
            case "day" | "month":
                return moved(found.replace("\\", "")).replace("-", "\\-" if "\\" in found else "-")
            case "otherday" | "number":
                return MARKER
            case "spelt":
                return found if "".join(filter(str.isalpha, found)).casefold() in known else MARKER
            case _:
                return found if _is_known(found, known) else MARKER

    return _TOKEN.sub(kept, plain)


def _is_seen(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in ("Cf", "Cc", "Cs")


@lru_cache(maxsize=65_536)
def _is_known(word: str, known: frozenset[str]) -> bool:
    folded = unicodedata.normalize("NFKC", word).casefold()
    if folded in known and not folded.isdigit():
        return True
    runs = _RUNS.findall(folded)
    return len(runs) <= _MOST_RUNS and all(
        len(run) <= LONGEST_NUMBER if run.isdigit() else run in known or len(run) == 1 for run in runs
    )
