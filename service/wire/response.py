"""A hook response, written strictly (CDS Hooks 2.0.1, CDS Service Response)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cards.model import Action, Card, Coding, Suggestion
from service.wire import orders
from service.wire.orders import Session

# A number of a draft goes back with the digits that the client wrote.
_ENCODER = msgspec.json.Encoder(decimal_format="number")

# Both are an update on the wire, which carries the whole resource (CDS Hooks 2.0.1, Action).
_WRITERS = {"update": ("update", orders.updated), "exchange": ("update", orders.exchanged)}

Ids = Callable[[Card, Suggestion | None], str]
"""Gives the uuid of a card, or of one of its suggestions."""


def write_response(cards: Sequence[Card], ids: Ids, session: Session | None = None) -> bytes:
    """Write the response of a hook call, byte for byte the same for the same cards, ids and session.

    No member is ever null, empty text or an empty list, except `cards` itself (CDS Hooks 2.0.1, CDS Service Response)
    and what a client left empty in a draft that goes back.
    """
    given = session or Session()
    return _ENCODER.encode({"cards": [_card(card, ids, given) for card in cards]})


def has_update(cards: Sequence[Card]) -> bool:
    """Say whether a response needs the drafts as they were sent."""
    return any(action.type == "update" for card in cards for item in card.suggestions for action in item.actions)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value not in (None, "", [], {})}


def _card(card: Card, ids: Ids, session: Session) -> dict[str, Any]:
    return _present(
        {
            "uuid": ids(card, None),
            "summary": card.summary,
            "detail": card.detail,
            "indicator": card.indicator.value,
            "source": _present({"label": card.source_label, "url": card.source_url, "topic": _coding(card.topic)}),
            "suggestions": [_suggestion(card, item, ids, session) for item in card.suggestions],
            "selectionBehavior": card.selection.value if card.suggestions else None,
            "overrideReasons": [_coding(reason) for reason in card.override_reasons],
            "links": [{"label": link.label, "url": link.url, "type": "absolute"} for link in card.links],
        }
    )


def _suggestion(card: Card, suggestion: Suggestion, ids: Ids, session: Session) -> dict[str, Any]:
    return _present(
        {
            "label": suggestion.label,
            "uuid": ids(card, suggestion),
            "isRecommended": True if suggestion.recommended else None,
            "actions": [_action(action, session) for action in suggestion.actions],
        }
    )


def _action(action: Action, session: Session) -> dict[str, Any]:
    kind, write = _WRITERS.get(action.type, (action.type, orders.created))
    return _present(
        {
            "type": kind,
            "description": action.description,
            "resourceId": action.resource_id if action.type not in _WRITERS else None,
            "resource": write(action, session),
        }
    )


def _coding(coding: Coding) -> dict[str, Any]:
    return _present({"system": coding.system, "code": coding.code, "display": coding.display})
