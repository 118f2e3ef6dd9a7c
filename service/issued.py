"""Which cards an answer issued, and under which uuids: what feedback is matched to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cards import Assessment
from cards.model import Suggestion
from service.wire import Ids


@dataclass(frozen=True, slots=True)
class Issued:
    """One card. `ingredients` are those of its finding; `suggestions` maps uuid to kind, without ids of the record.

    `shown` is false for a card that a silent rule or client kept back.
    """

    uuid: str
    rule: str
    indicator: str
    ingredients: tuple[str, ...]
    suggestions: Mapping[str, str]
    shown: bool


def issued_cards(assessment: Assessment, ids: Ids, *, silent: bool) -> tuple[Issued, ...]:
    """Return the cards of an assessment, those kept back among them, all of a `silent` client's."""
    return tuple(_issued(assessment, ids, silent=silent))


def _issued(assessment: Assessment, ids: Ids, *, silent: bool) -> Iterator[Issued]:
    met = {item.rule: tuple(each.ingredient for each in item.exposures) for item in assessment.findings}
    for cards, shown in ((assessment.cards, not silent), (assessment.hidden, False)):
        for card in cards:
            suggestions = {ids(card, item): _kind(item) for item in card.suggestions}
            yield Issued(ids(card, None), card.key, card.indicator.value, met.get(card.key, ()), suggestions, shown)


def _kind(suggestion: Suggestion) -> str:
    """Return the kind of a suggestion; the id of a draft stays with the client."""
    return " ".join(word for word in suggestion.kind.split() if "/" not in word)
