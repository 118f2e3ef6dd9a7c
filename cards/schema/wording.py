"""`wording.yaml`: the sentences of the cards."""

from collections.abc import Mapping

from cards.model import Gap
from cards.schema.part import Slug, Strict, Text, Topic, Verification


class PartnerLabel(Strict):
    """What the label of a partner says on the combination, or that nothing verified was found."""

    ingredients: tuple[Slug, ...]
    text: Text
    verification: Verification


class IncompleteWording(Strict):
    """The identity of the card that says that the check was not completed."""

    topic: Topic
    source: Text
    override_reasons: tuple[Slug, ...]


class Wording(Strict):
    """`wording.yaml`: the sentences of a card, as format strings."""

    topic_system: Text
    summary: Mapping[Slug, str]
    states: Mapping[Slug, Text]
    dates: Mapping[Slug, Text]
    lines: Mapping[Slug, str]
    history: Mapping[Slug, str]
    gaps: Mapping[Gap, Text]
    suggestions: Mapping[Slug, Text]
    options: Mapping[Slug, str]
    monitoring: Mapping[Slug, str]
    incomplete: IncompleteWording
    partner_labels: tuple[PartnerLabel, ...]

    def partner_label(self, ingredient: str) -> PartnerLabel | None:
        """Return what was verified of a partner's own label."""
        return next((item for item in self.partner_labels if ingredient in item.ingredients), None)
