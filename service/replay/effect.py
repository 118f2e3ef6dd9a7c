"""What another version of the knowledge would change, rule by rule: the effect of an edit before it goes live."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cards.model import INDICATORS, Indicator

_VERSION = re.compile(r"Knowledge \d+\.\d+\.\d+(-[0-9A-Za-z.]+)?(\+[0-9A-Za-z.-]+)?\.(?!\w)")
CHANGES = ("new card", "card gone", "louder", "quieter", "other suggestions", "other words")


def without_version(body: Any) -> Any:
    """Return a response body without the version that every card names: it differs, and says nothing of the effect."""
    if isinstance(body, str):
        return _VERSION.sub("Knowledge.", body)
    if isinstance(body, Mapping):
        return {key: without_version(value) for key, value in body.items()}
    return [without_version(item) for item in body] if isinstance(body, list) else body


def effect(answers: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Iterator[str]:
    """Yield a line for each topic whose cards change: how often, and in which way.

    `answers` are the cards by topic before and after, one pair for each case.
    """
    counted: dict[str, Counter[str]] = {}
    for before, after in answers:
        for topic in dict.fromkeys((*before, *after)):
            if before.get(topic) != after.get(topic):
                counted.setdefault(topic, Counter())[_change(before.get(topic), after.get(topic))] += 1
    for topic, changes in counted.items():
        told = ", ".join(f"{name} {changes[name]}" for name in CHANGES if changes[name])
        yield f"{topic}: {told}"


def _change(before: Any, after: Any) -> str:
    if before is None or after is None:
        return "new card" if before is None else "card gone"
    steps = [INDICATORS.index(Indicator(card["indicator"])) for card in (before, after)]
    if steps[0] != steps[1]:
        return "louder" if steps[1] > steps[0] else "quieter"
    same = before.get("suggestions") == after.get("suggestions")
    return "other words" if same else "other suggestions"
