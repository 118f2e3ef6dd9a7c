"""A response as clinicians would tell it: which rule speaks of which pair of drugs, how loud, and what can be clicked.

Everything is read from the response alone, the same way on both sides: a recording and a service behind a URL hold
nothing else. Left out is what says nothing to a clinician: uuids, white space, the version of the knowledge, the host
of a link, and the order of cards and suggestions, which is compared on its own.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import msgspec

from cards import Catalogue, Recogniser

OK = 200
NO_ANSWER = 0
_VERSION = re.compile(r"Knowledge \d+\.\d+\.\d+(-[0-9A-Za-z.]+)?(\+[0-9A-Za-z.-]+)?\.(?!\w)")
_HOST = re.compile(r"\bhttps?://[^/\s)\"]+")
_MONTH = re.compile(r"(?<![\d-])\d{4}-\d\d(?![\d-])")
_ROW = re.compile(r"^\| (?P<drug>[^|]+?) ?\|", flags=re.MULTILINE)
_HEADS = frozenset({"Drug", "---"})
_WRITTEN = re.compile(r" \(.*", flags=re.DOTALL)
_JOINTS = re.compile(r" \+ |, | and |: |instead of |Before | is | ordered; | ended ")
_MORE = re.compile(r"^and (\d+) more")

Pair = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topic codes of a knowledge, with the title of each, the subject drugs of a rule, and "not completed"."""

    rules: Mapping[str, str]
    titles: Mapping[str, str]
    subjects: Mapping[str, frozenset[str]]
    incomplete: str


class Names:
    """Tells which ingredients a card names, with the names of one knowledge; for a name that it lacks, the name."""

    def __init__(self, catalogue: Catalogue, recogniser: Recogniser) -> None:
        """Index the names of a catalogue."""
        self._keys = {item.name.casefold(): key for key, item in catalogue.ingredients.items()}
        self.recogniser = recogniser
        self.sha256 = catalogue.sha256
        subjects = {rule.topic.code: catalogue.roles[key][0] for key, rule in catalogue.rules.items()}
        rules = {key: rule.topic.code for key, rule in catalogue.rules.items()}
        others = (catalogue.wording.incomplete.topic, catalogue.options.topic, catalogue.monitoring.topic)
        titles = {rule.topic.code: rule.topic.display for rule in catalogue.rules.values()}
        titles |= {topic.code: topic.display for topic in others}
        self.topics = Topics(rules, titles, subjects, catalogue.wording.incomplete.topic.code)

    def key(self, name: str) -> str:
        """Return the ingredient of a name, or the name itself."""
        plain = name.strip().casefold()
        return self._keys.get(plain) or self._recognised(name) or plain

    def in_text(self, text: str) -> tuple[str, ...]:
        """Return the ingredients that a sentence names, in its order."""
        found = (self._keys.get(part.strip(" .").casefold()) or self._recognised(part) for part in _JOINTS.split(text))
        return tuple(dict.fromkeys(key for key in found if key))

    def _recognised(self, text: str) -> str | None:
        recognised = self.recogniser.medication((), [text]).recognised
        return recognised[0].ingredient if recognised else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a click does: recommended or not, and each action with its target; for a mere text its label."""

    recommended: bool
    actions: tuple[tuple[str, str], ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class ReadCard:
    """One card. `pairs` are the pairs of drugs that it speaks of, sorted; none for a card about no pair.

    `text` is everything that is read and `choices` everything that is clicked, both in a normal form. `shown` is the
    card as it came.
    """

    topic: str
    pairs: tuple[Pair, ...]
    indicator: str
    summary: str
    text: tuple[str, ...]
    choices: tuple[Any, ...]
    shown: Mapping[str, Any] = field(compare=False, repr=False)
    incomplete: bool = False

    @property
    def uuid(self) -> str | None:
        """Return the id that feedback names the card by."""
        found = self.shown.get("uuid")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """A response: its status, its cards in their order, and its topic where it failed."""

    status: int
    cards: tuple[ReadCard, ...] = ()
    readable: bool = True

    @property
    def failed(self) -> bool:
        """Say whether the caller got no cards at all, not even an empty list."""
        return self.status != OK or not self.readable

    @property
    def incomplete(self) -> bool:
        """Say whether the answer is that the check was not completed."""
        return any(card.incomplete for card in self.cards)


SILENCE = ReadAnswer(OK)
SILENT = (b'{"cards":[]}', b'{"cards": []}')


def read_answer(status: int, body: bytes, names: Names, *, months: bool = True) -> ReadAnswer:
    """Read a response. `months` false leaves bare months out of the comparison: a moved date may print another one."""
    if status != OK:
        return ReadAnswer(status)
    if body in SILENT:
        return SILENCE
    try:
        cards = msgspec.json.decode(body)["cards"]
        return ReadAnswer(status, tuple(_card(card, names, months=months) for card in cards))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return ReadAnswer(status, readable=False)


def _card(card: Mapping[str, Any], names: Names, *, months: bool) -> ReadCard:
    source = card.get("source", {})
    topic = str(source.get("topic", {}).get("code") or source.get("label") or "")
    suggestions = card.get("suggestions", [])
    reasons = sorted(str(reason.get("code")) for reason in card.get("overrideReasons", []))
    text = tuple(_plain(line, months=months) for line in _texts(card, source, suggestions))
    choices = (card.get("selectionBehavior"), tuple(reasons), *(_choice(item) for item in suggestions))
    return ReadCard(
        topic=topic,
        pairs=pairs_of(card, topic, names),
        indicator=str(card["indicator"]),
        summary=str(card["summary"]),
        text=text,
        choices=choices,
        shown=card,
        incomplete=topic == names.topics.incomplete,
    )


def _texts(
    card: Mapping[str, Any], source: Mapping[str, Any], suggestions: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    yield str(card["summary"])
    yield str(card.get("detail", ""))
    yield f"{source.get('label')} {source.get('url')}"
    yield from (f"{link.get('label')} {link.get('url')}" for link in card.get("links", []))
    yield from sorted(str(reason.get("display")) for reason in card.get("overrideReasons", []))
    for item in sorted(suggestions, key=lambda item: str(item.get("label"))):
        yield str(item.get("label"))
        yield from (str(action.get("description")) for action in item.get("actions", []))


def _plain(text: str, *, months: bool) -> str:
    plain = _HOST.sub("https://host", _VERSION.sub("Knowledge.", " ".join(text.split())))
    return plain if months else _MONTH.sub("(month)", plain)


def _choice(item: Mapping[str, Any]) -> Choice:
    actions = tuple((str(action.get("type")), _target(action)) for action in item.get("actions", []))
    label = "" if actions else str(item.get("label"))
    return Choice(bool(item.get("isRecommended")), actions, label)


def _target(action: Mapping[str, Any]) -> str:
    if "resource" in action:
        return json.dumps(action["resource"], sort_keys=True)
    return str(action.get("resourceId"))


def pairs_of(card: Mapping[str, Any], topic: str, names: Names) -> tuple[Pair, ...]:
    """Return the pairs of drugs that a card speaks of, sorted, the subject of a rule first in each.

    The drugs are the first column of the table in the detail, before what the record calls them; a card without the
    table is read by its summary, which names one pair and counts the rest. A rule pairs its subject with each of the
    others. Limits: a table of more than six drugs counts the rest, which then count as one more partner.
    """
    drugs = _in_table(str(card.get("detail", "")), names) or names.in_text(str(card.get("summary", "")))
    subjects = [drug for drug in drugs if drug in names.topics.subjects.get(topic, frozenset())]
    partners = [drug for drug in drugs if drug not in subjects]
    if subjects and partners:
        return tuple(sorted((one, other) for one in subjects for other in partners))
    first = frozenset[str]().union(*names.topics.subjects.values())
    return tuple(sorted(combinations(sorted(drugs, key=lambda drug: (drug not in first, drug)), 2)))


def _in_table(detail: str, names: Names) -> tuple[str, ...]:
    cells = [match["drug"] for match in _ROW.finditer(detail)]
    drugs = [cell for cell in cells if cell not in _HEADS]
    return tuple(dict.fromkeys(cell if _MORE.match(cell) else names.key(_WRITTEN.sub("", cell)) for cell in drugs))
