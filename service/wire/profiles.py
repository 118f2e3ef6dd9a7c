"""Client profiles: the same cards in the shape that a client can show and apply.

The decision is made before. A profile leaves an action out or writes it in another form, and never adds one: what a
click would do differently at a client, or only in part, is said in words.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec.structs import replace

from cards.model import Action, Card, Paragraph, SelectionBehavior, Suggestion
from cards.text import fit
from service.trust import Profile

# Epic: create and delete of unsigned orders of these types; no update (its page on CDS Hooks, as copied in public).
_REMOVABLE = ("MedicationRequest/", "ServiceRequest/", "ProcedureRequest/")
# What the sandbox's one draft is, by the FHIR version of its server.
_DRAFT = ("MedicationRequest/", "MedicationOrder/")
_NO_CLICK = "**By hand**: no click on this card changes an order."
_SOME = "**By hand**:"


class Reshaped(StrEnum):
    """What a profile did to a suggestion or a card, in the words of `explain`."""

    AS_TEXT = "suggestions as text"
    IN_DETAIL = "suggestions left to the detail"
    ONE_UPDATE = "switches as one update"
    DESCRIBED = "descriptions made longer"
    NOT_RECOMMENDED = "recommendations not sent"
    SELECTION = "selection behaviours changed"


@dataclass(frozen=True, slots=True)
class Shaped:
    """Cards in the shape of a profile; `changes` counts what it did to them."""

    cards: tuple[Card, ...]
    changes: Mapping[Reshaped, int] = field(default_factory=dict)


_Said = Counter[Reshaped]


def shaped(cards: Sequence[Card], profile: Profile) -> Shaped:
    """Return the cards in the shape of a profile: the same cards in the same order, with the same ids."""
    changes: _Said = Counter()
    shape = _SHAPES[profile]
    made = tuple(shape(card, changes) if card.suggestions else card for card in cards)
    return Shaped(made, {kind: changes[kind] for kind in Reshaped if changes[kind]})


def _spec(card: Card, _: _Said) -> Card:
    return card


def _epic(card: Card, changes: _Said) -> Card:
    """Keep the removals of single drafts: Epic files one action a suggestion, no update, no order without its codes.

    It shows the description of an action and not the label, and nothing of a suggestion without an action: what is left
    out is said in the detail. `isRecommended` would select beforehand, and no removal is.
    """
    kept = tuple(item for item in card.suggestions if _is_removal(item))
    left = tuple(item for item in card.suggestions if not _is_removal(item))
    changes[Reshaped.IN_DETAIL] += len(left)
    changes[Reshaped.NOT_RECOMMENDED] += sum(item.recommended for item in card.suggestions)
    one = replace(card, suggestions=tuple(_described(item, changes) for item in kept))
    return _selecting(_telling(one, left), SelectionBehavior.ANY, changes)


def _is_removal(suggestion: Suggestion) -> bool:
    if len(suggestion.actions) != 1:
        return False
    action = suggestion.actions[0]
    return action.type == "delete" and (action.resource_id or "").startswith(_REMOVABLE)


def _described(suggestion: Suggestion, changes: _Said) -> Suggestion:
    """Say in the description, the only text that is shown, which of several orders of one drug is meant."""
    (action,) = suggestion.actions
    changes[Reshaped.DESCRIBED] += bool(action.written)
    text = f"{action.description}: {action.written}" if action.written else action.description
    return replace(suggestion, actions=(replace(action, description=text),), recommended=False)


def _telling(card: Card, left: Sequence[Suggestion]) -> Card:
    """Say in the detail what suggestions that are not there would have said, unless it stands there already."""
    if not left:
        return card
    lines = [_SOME if card.suggestions else _NO_CLICK]
    lines += [f"- {item.by_hand or item.label}" for item in left if not item.told]
    first, *rest = card.paragraphs
    # After the first paragraph, which carries it all: this one is never left out for want of room.
    paragraphs = (first, Paragraph("\n".join(lines)), *rest)
    return replace(card, detail=fit(paragraphs), paragraphs=paragraphs)


def _sandbox(card: Card, changes: _Said) -> Card:
    """Write what the public sandbox applies: of a suggestion only the first action on its one medication draft."""
    suggestions = tuple(_first_only(item, changes) for item in card.suggestions)
    return _selecting(replace(card, suggestions=suggestions), SelectionBehavior.AT_MOST_ONE, changes)


def _first_only(suggestion: Suggestion, changes: _Said) -> Suggestion:
    actions = suggestion.actions
    if not actions or [item.type for item in actions] == ["delete"]:
        return suggestion
    if exchange := _exchange(actions):
        changes[Reshaped.ONE_UPDATE] += 1
        return replace(suggestion, actions=(exchange,))
    changes[Reshaped.AS_TEXT] += 1
    changes[Reshaped.NOT_RECOMMENDED] += suggestion.recommended
    return replace(suggestion, label=suggestion.by_hand or suggestion.label, actions=(), recommended=False, by_hand="")


def _exchange(actions: Sequence[Action]) -> Action | None:
    """Return one action that puts the new order in the place of the one draft, or None where that is not safe.

    The sandbox takes the drug and its text and no `priorPrescription`, so the text names what is replaced; an order
    that would be warned of without that link is none for it.
    """
    if [item.type for item in actions] != ["delete", "create"]:
        return None
    (deleted, created) = actions
    order = created.order
    if order is None or order.needs_link or not (deleted.resource_id or "").startswith(_DRAFT):
        return None
    named = replace(order, text=f"{order.display} (instead of {order.instead_of})")
    return replace(created, type="exchange", resource_id=deleted.resource_id, order=named)


def _selecting(card: Card, behavior: SelectionBehavior, changes: _Said) -> Card:
    changes[Reshaped.SELECTION] += bool(card.suggestions) and card.selection is not behavior
    return replace(card, selection=behavior)


_SHAPES: Mapping[Profile, Callable[[Card, _Said], Card]] = {"spec": _spec, "epic": _epic, "sandbox": _sandbox}
