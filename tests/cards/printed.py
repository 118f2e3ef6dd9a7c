"""What a clinician can read of a card, and the words that are never among it, typed from the specification."""

from cards.model import Card

NEVER_PRINTED = (
    "contraindicated",
    "prohibited",
    "violation",
    "illegal",
    "liability",
    "fda-compliant",
    "only evidence",
    "high adverse event rate",
    "ranked highest",
    "preferred after upadacitinib failure",
)


def printed(one: Card) -> str:
    """Return every text of a card that a clinician can read."""
    suggestions = (
        text for item in one.suggestions for text in (item.label, *(act.description for act in item.actions))
    )
    reasons = (item.display for item in one.override_reasons)
    return "\n".join((one.summary, one.detail, one.source_label, one.topic.display, *suggestions, *reasons))
