"""A hook response, written strictly (CDS Hooks 2.0.1, CDS Service Response)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cards.model import Action, Card, Coding, Suggestion

# The suggestions of one card are alternatives: accepting two of them is never meant.
SELECTION_BEHAVIOR = "at-most-one"

Ids = Callable[[Card, Suggestion | None], str]
"""Gives the uuid of a card, or of one of its suggestions."""


def write_response(cards: Sequence[Card], ids: Ids) -> bytes:
    """Write the response of a hook call, byte for byte the same for the same cards and ids.

    No member is ever null, empty text or an empty list, except `cards` itself (CDS Hooks 2.0.1, CDS Service Response).
    """
    return msgspec.json.encode({"cards": [_card(card, ids) for card in cards]})


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value not in (None, "", [], {})}


def _card(card: Card, ids: Ids) -> dict[str, Any]:
    return _present(
        {
            "uuid": ids(card, None),
            "summary": card.summary,
            "detail": card.detail,
            "indicator": card.indicator.value,
            "source": _present({"label": card.source_label, "url": card.source_url, "topic": _coding(card.topic)}),
            "suggestions": [_suggestion(card, item, ids) for item in card.suggestions],
            "selectionBehavior": SELECTION_BEHAVIOR if card.suggestions else None,
            "overrideReasons": [_coding(reason) for reason in card.override_reasons],
            "links": [{"label": link.label, "url": link.url, "type": "absolute"} for link in card.links],
        }
    )


def _suggestion(card: Card, suggestion: Suggestion, ids: Ids) -> dict[str, Any]:
    return _present(
        {
            "label": suggestion.label,
            "uuid": ids(card, suggestion),
            "isRecommended": True if suggestion.recommended else None,
            "actions": [_action(action) for action in suggestion.actions],
        }
    )


def _action(action: Action) -> dict[str, Any]:
    return _present(
        {
            "type": action.type,
            "description": action.description,
            "resourceId": action.resource_id,
        }
    )


def _coding(coding: Coding) -> dict[str, Any]:
    return _present({"system": coding.system, "code": coding.code, "display": coding.display})
