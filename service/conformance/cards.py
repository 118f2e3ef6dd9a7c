"""Checks of the cards of every successful answer (CDS Hooks 2.0.1, Card Attributes; Source; Suggestion; Link)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from service.conformance.client import OK
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.reading import (
    empty_values,
    extensions,
    is_absolute_url,
    is_coding,
    is_text,
    is_uuid,
    objects,
    shown,
)
from service.conformance.visit import Call, Visit, cards_of

SHALL, SHOULD, INFORMATIVE = Level.SHALL, Level.SHOULD, Level.INFORMATIVE

LONGEST_SUMMARY = 139

Place = tuple[str, Mapping[str, Any]]


def cards(visit: Visit) -> Iterator[Place]:
    """Yield every card with its place."""
    for call in visit.calls:
        for index, card in cards_of(call.exchange):
            yield f"{call.where}: $.cards[{index}]", card


def _inside(places: Iterable[Place], field: str) -> Iterator[Place]:
    for where, value in places:
        for index, item in objects(value.get(field)):
            yield f"{where}.{field}[{index}]", item


def suggestions(visit: Visit) -> Iterator[Place]:
    """Yield every suggestion with its place."""
    return _inside(cards(visit), "suggestions")


def _links(visit: Visit) -> Iterator[Place]:
    return _inside(cards(visit), "links")


def _sources(visit: Visit) -> Iterator[Place]:
    for where, card in cards(visit):
        if isinstance(card.get("source"), Mapping):
            yield f"{where}.source", card["source"]


Places = Callable[[Visit], Iterable[Place]]
Look = Callable[[Visit], Iterable[Observation]]


def required(places: Places, field: str, expected: str, holds: Callable[[Any], bool]) -> Look:
    """Make a check of a field that has to be there."""

    def look(visit: Visit) -> Iterable[Observation]:
        for where, value in places(visit):
            yield observe(f"{where}.{field}", expected, shown(value.get(field)), holds=holds(value.get(field)))

    return look


def optional(places: Places, field: str, expected: str, holds: Callable[[Any], bool]) -> Look:
    """Make a check of a field that may be left out."""
    return required(lambda visit: (item for item in places(visit) if field in item[1]), field, expected, holds)


def one_of(*values: str) -> Callable[[Any], bool]:
    """Make the question whether a value is one of these words."""
    return lambda value: isinstance(value, str) and value in values


def filled_array(value: Any) -> bool:
    """Say whether this is an array of objects with something in it."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _answers(visit: Visit) -> Iterator[Call]:
    for call in visit.calls:
        if call.exchange.status == OK and isinstance(call.exchange.json, Mapping):
            yield call


def _objects(visit: Visit) -> Iterable[Observation]:
    for call in _answers(visit):
        listed = call.exchange.json.get("cards")
        for index, card in enumerate(listed if isinstance(listed, list) else ()):
            yield observe(f"{call.where}: $.cards[{index}]", "an object", shown(card), holds=isinstance(card, Mapping))


def _summary(visit: Visit) -> Iterable[Observation]:
    for where, card in cards(visit):
        summary = card.get("summary")
        came = f"{len(summary)} characters" if is_text(summary) and isinstance(summary, str) else shown(summary)
        holds = isinstance(summary, str) and is_text(summary) and len(summary) <= LONGEST_SUMMARY
        yield observe(f"{where}.summary", "text of fewer than 140 characters", came, holds=holds)


def _source(visit: Visit) -> Iterable[Observation]:
    for where, card in cards(visit):
        source = card.get("source")
        label = source.get("label") if isinstance(source, Mapping) else None
        came = shown(source) if label is None else f"label {shown(label)}"
        yield observe(f"{where}.source", "an object with the text label", came, holds=is_text(label))


def _unique_uuids(visit: Visit) -> Iterable[Observation]:
    for call in _answers(visit):
        found = [card for _, card in cards_of(call.exchange)]
        uuids = [card.get("uuid") for card in found]
        uuids += [item.get("uuid") for card in found for _, item in objects(card.get("suggestions"))]
        counted = Counter(key for key in uuids if isinstance(key, str))
        if len(uuids) > 1 and counted:
            (_, times), *_ = counted.most_common(1)
            yield observe(call.where, "each uuid once", f"one uuid {times} times", holds=times == 1)


def _selection(visit: Visit) -> Iterable[Observation]:
    for where, card in cards(visit):
        if card.get("suggestions"):
            came = "no selectionBehavior"
            yield observe(where, "suggestions with a selectionBehavior", came, holds="selectionBehavior" in card)


def _recommended(visit: Visit) -> Iterable[Observation]:
    for where, card in cards(visit):
        stated = [item["isRecommended"] for _, item in objects(card.get("suggestions")) if "isRecommended" in item]
        if stated:
            odd = [value for value in stated if not isinstance(value, bool)]
            many = stated.count(True) > 1 and card.get("selectionBehavior") != "any"
            came = shown(odd[0]) if odd else f"{stated.count(True)} recommended of which one may be chosen"
            yield observe(
                where, "isRecommended true or false, on several only with any", came, holds=not odd and not many
            )


def _override_reasons(visit: Visit) -> Iterable[Observation]:
    for where, card in cards(visit):
        if "overrideReasons" in card:
            reasons = card["overrideReasons"]
            yield observe(f"{where}.overrideReasons", "an array", shown(reasons), holds=isinstance(reasons, list))
            for index, reason in enumerate(reasons if isinstance(reasons, list) else ()):
                holds = is_coding(reason) and is_text(reason.get("display"))
                came = ", ".join(sorted(reason)) if isinstance(reason, Mapping) else shown(reason)
                yield observe(f"{where}.overrideReasons[{index}]", "code, system and display", came, holds=holds)


def _link(visit: Visit) -> Iterable[Observation]:
    typed = one_of("absolute", "smart")
    for where, card in cards(visit):
        if "links" in card:
            links = card["links"]
            yield observe(f"{where}.links", "an array of objects", shown(links), holds=filled_array(links))
    for where, link in _links(visit):
        yield observe(f"{where}.label", "text", shown(link.get("label")), holds=is_text(link.get("label")))
        yield observe(f"{where}.type", "absolute or smart", shown(link.get("type")), holds=typed(link.get("type")))
        yield observe(f"{where}.url", "an absolute URL", shown(link.get("url")), holds=is_absolute_url(link.get("url")))


def _app_context(visit: Visit) -> Iterable[Observation]:
    for where, link in _links(visit):
        if "appContext" in link:
            holds = link.get("type") == "smart" and is_text(link["appContext"])
            came = f"{shown(link['appContext'])} with type {shown(link.get('type'))}"
            yield observe(f"{where}.appContext", "text, and only on a smart link", came, holds=holds)


def _empties(visit: Visit) -> Iterable[Observation]:
    for call in _answers(visit):
        found = list(empty_values(call.exchange.json, allowed=frozenset({"$.cards"})))
        for path in found or ["$"]:
            yield observe(f"{call.where}: {path}", "a value, or the field left out", "null or empty", holds=not found)


def _extensions(visit: Visit) -> Iterable[Observation]:
    for call in _answers(visit):
        for where, value in extensions(call.exchange.json):
            yield observe(f"{call.where}: {where}", "a JSON object", shown(value), holds=isinstance(value, Mapping))


def _nobody_asked(visit: Visit) -> Iterable[Observation]:
    for where, suggestion in suggestions(visit):
        came = shown(suggestion.get("actionSelectionBehavior"))
        expected = "left out, since this client did not say that it supports it"
        yield observe(
            f"{where}.actionSelectionBehavior", expected, came, holds="actionSelectionBehavior" not in suggestion
        )


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_CARD = "a request that is answered with a card: give --request"
_SUGGESTION = "a request that is answered with a suggestion: give --request"
_LINK = "a request that is answered with a link: give --request"

CHECKS = (
    Check("cards.object", "Each card is an object.", SHALL, (57,), _objects, (74,), needs=_CARD),
    Check(
        "cards.summary", "The summary is text of fewer than 140 characters.", SHALL, (62,), _summary, (83,), needs=_CARD
    ),
    Check(
        "cards.detail",
        "The detail is text.",
        SHALL,
        (63,),
        optional(cards, "detail", "text", is_text),
        (85,),
        needs="a card with detail",
    ),
    Check(
        "cards.indicator",
        "The indicator is info, warning or critical.",
        SHALL,
        (64,),
        required(cards, "indicator", "info, warning or critical", one_of("info", "warning", "critical")),
        (87, 88),
        needs=_CARD,
    ),
    Check("cards.source", "Each card names its source.", SHALL, (65, 66), _source, (90, 105), needs=_CARD),
    Check(
        "cards.source-url",
        "The URL of a source is absolute.",
        SHALL,
        (67,),
        optional(_sources, "url", "an absolute URL", is_absolute_url),
        (107,),
        needs="a source with a URL",
    ),
    Check(
        "cards.source-icon",
        "The icon of a source has an absolute URL.",
        SHALL,
        (68,),
        optional(_sources, "icon", "an absolute URL", is_absolute_url),
        (111,),
        needs="a source with an icon",
    ),
    Check(
        "cards.topic",
        "The topic of a source has a code and a system.",
        SHALL,
        (69, 91),
        optional(_sources, "topic", "code and system", is_coding),
        (115, 216, 217),
        needs="a source with a topic",
    ),
    Check(
        "cards.uuid",
        "The uuid of a card is a UUID.",
        SHALL,
        (61,),
        optional(cards, "uuid", "a UUID", is_uuid),
        (80,),
        needs="a card with a uuid",
    ),
    Check(
        "cards.uuid-unique",
        "No uuid is used twice in one answer.",
        SHALL,
        (61, 78),
        _unique_uuids,
        (80,),
        needs="an answer with several cards or suggestions",
    ),
    Check(
        "cards.uuid-present",
        "Each card has a uuid, without which nobody sends feedback.",
        INFORMATIVE,
        (61, 97),
        required(cards, "uuid", "a uuid", is_text),
        (81,),
        needs=_CARD,
    ),
    Check(
        "cards.suggestions",
        "Suggestions are an array of objects.",
        SHALL,
        (70,),
        optional(cards, "suggestions", "an array of objects", filled_array),
        (92,),
        needs=_SUGGESTION,
    ),
    Check(
        "cards.selection-behavior",
        "A card with suggestions says how many may be chosen.",
        SHALL,
        (71,),
        _selection,
        (93, 96),
        needs=_SUGGESTION,
    ),
    Check(
        "cards.selection-value",
        "The selectionBehavior is at-most-one or any.",
        SHALL,
        (72,),
        optional(cards, "selectionBehavior", "at-most-one or any", one_of("at-most-one", "any")),
        (95,),
        needs=_SUGGESTION,
    ),
    Check(
        "cards.suggestion-label",
        "Each suggestion has a label.",
        SHALL,
        (77,),
        required(suggestions, "label", "text", is_text),
        (117,),
        needs=_SUGGESTION,
    ),
    Check(
        "cards.suggestion-uuid",
        "The uuid of a suggestion is a UUID.",
        SHALL,
        (78,),
        optional(suggestions, "uuid", "a UUID", is_uuid),
        (119,),
        needs="a suggestion with a uuid",
    ),
    Check(
        "cards.recommended",
        "Several suggestions are recommended only where any may be chosen.",
        SHALL,
        (79,),
        _recommended,
        (121, 122),
        needs="a suggestion with isRecommended",
    ),
    Check(
        "cards.action-selection",
        "No suggestion relies on an actionSelectionBehavior that nobody agreed on.",
        SHALL,
        (8, 81),
        _nobody_asked,
        needs=_SUGGESTION,
    ),
    Check(
        "cards.override-reasons",
        "Override reasons have code, system and display.",
        SHALL,
        (73, 74, 91),
        _override_reasons,
        (98, 100, 136, 216, 217, 219),
        needs="a card with override reasons",
    ),
    Check(
        "cards.links",
        "Each link has a label, an absolute URL and a known type.",
        SHALL,
        (76, 87),
        _link,
        (103, 138, 139, 141, 142),
        needs=_LINK,
    ),
    Check(
        "cards.app-context",
        "Only a smart link has an appContext.",
        SHALL,
        (88,),
        _app_context,
        (144, 147),
        needs="a link with appContext",
    ),
    Check(
        "cards.autolaunchable",
        "The hint autolaunchable is true or false.",
        SHALL,
        (89,),
        optional(_links, "autolaunchable", "true or false", _is_bool),
        needs="a link with autolaunchable",
    ),
    Check("cards.no-empty-values", "No value is null or empty but cards.", SHALL, (3, 4), _empties, (3,)),
    Check(
        "cards.extensions",
        "Each extension is an object.",
        SHALL,
        (117,),
        _extensions,
        (214,),
        needs="an answer with an extension",
    ),
)
