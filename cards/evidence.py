"""Which lines of the evidence registry a rule's card prints."""

from collections.abc import Collection, Sequence

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
    ranked = catalogue.once(_ranked, rule.evidence)
    applying = [line for line, about in ranked if not about or not about.isdisjoint(partners)]
    chosen = applying[:MOST_LINES]
    if len(applying) > MOST_LINES:
        first = min(applying, key=lambda line: line.place)
        if first not in chosen:
            chosen[-1] = first
    return tuple(chosen)


def _ranked(catalogue: Catalogue, keys: Sequence[str]) -> tuple[tuple[EvidenceLine, frozenset[str]], ...]:
    """Return the lines of evidence entries in the order of their rank, with the partners that each is about."""
    entries = [(place, catalogue.evidence[key]) for place, key in enumerate(keys)]
    return tuple(
        (EvidenceLine(entry.line, entry.certainty, place), frozenset(entry.partners))
        for place, entry in sorted(entries, key=_rank)
        if entry.line
    )


def _rank(item: tuple[int, EvidenceEntry]) -> tuple[bool, int, int]:
    place, entry = item
    return not entry.partners, CERTAINTIES.index(entry.certainty), place
