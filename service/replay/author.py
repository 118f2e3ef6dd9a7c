"""What the author of a recorded case expected, held against an answer (`expect` of case.yaml)."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.cases import Case, CaseError

# Cards that a case speaks of only where it is about them.
BESIDE = {"UPADACITINIBOPTIONS": "options", "UPADACITINIBMONITORING": "monitoring"}
_ALWAYS = ("indicator", "summary", "deletes")


def departures(case: Case, body: Any) -> Iterator[str]:
    """Yield, for a reader, each place where an answer is not what the author of the case expected.

    Nothing is yielded for a case whose author wrote no `expect`. Raises CaseError for a card without indicator, summary
    or deletes.
    """
    if case.expect is None:
        return
    shown = [card for card in body.get("cards", []) if _spoken_of(case, card)]
    if len(shown) != len(case.expect):
        yield f"expected {len(case.expect)} cards, came {len(shown)}: {'; '.join(map(_named, shown)) or 'none'}"
        return
    for number, (card, wanted) in enumerate(zip(shown, case.expect, strict=True), 1):
        yield from (f"card {number}, {line}" for line in _card_departures(case, card, wanted))


def _spoken_of(case: Case, card: Mapping[str, Any]) -> bool:
    about = {item.get("card") for item in case.expect or ()} & set(BESIDE.values())
    return bool(about) or card["source"].get("topic", {}).get("code") not in BESIDE


def _named(card: Mapping[str, Any]) -> str:
    return f"{card['indicator']}, {card['summary']}"


def _card_departures(case: Case, card: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    if missing := [name for name in _ALWAYS if name not in wanted]:
        raise CaseError(f"{case.name}: case.yaml, expect: a card has no {missing[0]}. Write it, `[]` for no deletes.")
    suggestions = card.get("suggestions", [])
    came = {
        "indicator": card["indicator"],
        "summary": card["summary"],
        "deletes": [
            action["resourceId"]
            for suggestion in suggestions
            for action in suggestion.get("actions", [])
            if action["type"] == "delete"
        ],
        "suggestions": [suggestion["label"] for suggestion in suggestions],
    }
    for name in (*_ALWAYS, *({"suggestions"} & wanted.keys())):
        if came[name] != wanted[name]:
            yield f"{name}: expected {_written(wanted[name])}, came {_written(came[name])}"
    detail, links = card.get("detail", ""), [link["url"] for link in card.get("links", [])]
    yield from (f"the detail does not say: {text}" for text in wanted.get("says", ()) if text not in detail)
    yield from (f"the detail says: {text}" for text in wanted.get("omits", ()) if text in detail)
    # Who looks at a text looks at its links too.
    if {"says", "omits", "links"} & wanted.keys() and links != list(wanted.get("links", ())):
        yield f"links: expected {_written(wanted.get('links', []))}, came {_written(links)}"


def _written(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
