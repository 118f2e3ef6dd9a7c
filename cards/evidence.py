"""Which lines of the evidence registry a rule's card prints."""

from collections.abc import Collection

import msgspec

from cards.catalogue import Catalogue
from cards.schema.evidence import CERTAINTIES, Certainty, EvidenceEntry
from cards.schema.rules import Rule

MOST_LINES = 4


class EvidenceLine(msgspec.Struct, frozen=True):
    """One printed line; `place` is that of its entry in the rule's list, 0 the most important."""

    text: str
    certainty: Certainty
    place: int


def evidence_lines(rule: Rule, partners: Collection[str], catalogue: Catalogue) -> tuple[EvidenceLine, ...]:
    """Return at most four lines: those on these partners first, then the best certainty, then the rule's order.

    A line on other partners is none of this pair. The first entry of the rule's list that applies is always among
    the four.
    """
    entries = [(place, catalogue.evidence[key]) for place, key in enumerate(rule.evidence)]
    applying = [(place, entry) for place, entry in entries if entry.line and _applies(entry, partners)]
    ranked = sorted(applying, key=lambda item: (not item[1].partners, CERTAINTIES.index(item[1].certainty), item[0]))
    chosen = ranked[:MOST_LINES]
    if applying and applying[0] not in chosen:
        chosen[-1] = applying[0]
    return tuple(EvidenceLine(entry.line or "", entry.certainty, place) for place, entry in chosen)


def _applies(entry: EvidenceEntry, partners: Collection[str]) -> bool:
    return not entry.partners or not set(entry.partners).isdisjoint(partners)
