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


class _Written(msgspec.Struct, rename="camel", omit_defaults=True):
    """An object of the response, whose members are written in this order; one that holds nothing is left out."""


class _Coding(_Written):
    system: str = ""
    code: str = ""
    display: str = ""


class _Source(_Written):
    label: str = ""
    url: str | None = None
    topic: _Coding | None = None


class _Action(_Written):
    type: str = ""
    description: str = ""
    resource_id: str | None = None
    resource: Mapping[str, Any] | None = None


class _Suggestion(_Written):
    label: str = ""
    uuid: str = ""
    is_recommended: bool = False
    actions: list[_Action] = []


class _Link(_Written):
    label: str = ""
    url: str = ""
    type: str = ""


class _Card(_Written):
    uuid: str = ""
    summary: str = ""
    detail: str = ""
    indicator: str = ""
    source: _Source | None = None
    suggestions: list[_Suggestion] = []
    selection_behavior: str | None = None
    override_reasons: list[_Coding] = []
    links: list[_Link] = []


def _card(card: Card, ids: Ids, session: Session) -> _Card:
    return _Card(
        uuid=ids(card, None),
        summary=card.summary,
        detail=card.detail,
        indicator=card.indicator,
        source=_Source(label=card.source_label, url=card.source_url or None, topic=_coding(card.topic)),
        suggestions=[_suggestion(card, item, ids, session) for item in card.suggestions],
        selection_behavior=card.selection if card.suggestions else None,
        override_reasons=[_coding(reason) for reason in card.override_reasons],
        links=[_Link(label=link.label, url=link.url, type="absolute") for link in card.links],
    )


def _suggestion(card: Card, suggestion: Suggestion, ids: Ids, session: Session) -> _Suggestion:
    return _Suggestion(
        label=suggestion.label,
        uuid=ids(card, suggestion),
        is_recommended=suggestion.recommended,
        actions=[_action(action, session) for action in suggestion.actions],
    )


def _action(action: Action, session: Session) -> _Action:
    kind, write = _WRITERS.get(action.type, (action.type, orders.created))
    return _Action(
        type=kind,
        description=action.description,
        resource_id=action.resource_id if action.type not in _WRITERS else None,
        resource=write(action, session),
    )


def _coding(coding: Coding) -> _Coding:
    return _Coding(system=coding.system, code=coding.code, display=coding.display)
