"""Which cards an answer issued, and under which uuids: what feedback is matched to."""

from collections.abc import Mapping, Sequence

import msgspec

from cards import Assessment
from cards.model import Card, Suggestion
from service.wire import Ids


class Issued(msgspec.Struct, frozen=True):
    """One card. `ingredients` are those of its finding; `suggestions` maps uuid to kind, without ids of the record.

    `shown` is false for a card that a silent rule or client kept back.
    """

    uuid: str
    rule: str
    indicator: str
    ingredients: tuple[str, ...]
    suggestions: Mapping[str, str]
    shown: bool


def issued_cards(
    assessment: Assessment, shown: Sequence[Card], kept_back: Sequence[Card], ids: Ids
) -> tuple[Issued, ...]:
    """Return the cards of an answer: the shown ones as the client got them, and those that were kept back."""
    met = {item.rule: tuple(each.ingredient for each in item.exposures) for item in assessment.findings}
    return tuple(
        Issued(
            uuid=ids(card, None),
            rule=card.key,
            indicator=card.indicator.value,
            ingredients=met.get(card.key, ()),
            suggestions={ids(card, item): _kind(item) for item in card.suggestions},
            shown=is_shown,
        )
        for cards, is_shown in ((shown, True), (kept_back, False))
        for card in cards
    )


def _kind(suggestion: Suggestion) -> str:
    """Return the kind of a suggestion; the id of a draft stays with the client."""
    return " ".join(word for word in suggestion.kind.split() if "/" not in word)
