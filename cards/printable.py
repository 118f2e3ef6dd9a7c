"""What a card may print of the evidence registry: the verification state of an entry decides, and the loader insists.

primary prints; secondary says "secondary source"; of what is known from the source text alone only the series of 27
prints, and says that its primary publication is not verified; what nobody verified stays in the registry.
"""

import re
from collections.abc import Iterator

from cards.catalogue import Catalogue
from cards.schema.evidence import EvidenceEntry, Proportion
from cards.schema.part import Verification

SERIES = "source-series-27"
LONGEST_LINE = 160
SAID = {
    Verification.SECONDARY: "secondary source",
    Verification.SOURCE_TEXT: "primary publication not verified",
}
_COUNTS = re.compile(r"(?<![\d.])(\d+)/(\d+)(?![\d.])")


def evidence_problems(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for every entry that would print more than its state allows, and for every rule that uses one."""
    for key, entry in catalogue.evidence.items():
        yield from _figures(f"evidence.yaml: evidence.{key}.figures", entry)
        yield from _partners(f"evidence.yaml: evidence.{key}.partners", key, entry, catalogue)
        if entry.line is not None:
            yield from _line(f"evidence.yaml: evidence.{key}.line", key, entry)
    for name, rule in catalogue.rules.items():
        for key in rule.evidence:
            if key in catalogue.evidence and not _usable(key, catalogue.evidence[key]):
                state = catalogue.evidence[key].verification.value
                yield (
                    f"rules.yaml: rules.{name}.evidence: {key!r} is {state} and registry only; "
                    "take it out of the rule, or verify it"
                )


def _usable(key: str, entry: EvidenceEntry) -> bool:
    if entry.verification is Verification.SOURCE_TEXT:
        return key == SERIES
    return entry.verification is not Verification.UNVERIFIED


def _figures(where: str, entry: EvidenceEntry) -> Iterator[str]:
    for item in entry.figures:
        if item.events > item.of:
            yield f"{where}: {item.events} of {item.of} ({item.what}) is no proportion; correct the counts"


def _partners(where: str, key: str, entry: EvidenceEntry, catalogue: Catalogue) -> Iterator[str]:
    for partner in entry.partners:
        if partner not in catalogue.ingredients:
            yield f"{where}: {partner!r} is no ingredient; correct the spelling or add it"
    if entry.partners and entry.line is None:
        yield f"{where}: there is no line for these partners; add the line or take the partners out"
    for name, rule in catalogue.rules.items():
        strangers = sorted(set(entry.partners) & catalogue.ingredients.keys() - catalogue.roles[name][1])
        if key in rule.evidence and strangers:
            yield f"{where}: {strangers[0]!r} is no partner of {name}, which lists the entry; correct one of the two"


def _line(where: str, key: str, entry: EvidenceEntry) -> Iterator[str]:
    line = entry.line or ""
    if not _usable(key, entry):
        yield f"{where}: an entry that is {entry.verification.value} is registry only; take the line out"
    said = SAID.get(entry.verification)
    if said and said not in line:
        yield f"{where}: the line does not say {said!r}, as {entry.verification.value} evidence has to; add it"
    if len(line) > LONGEST_LINE or "\n" in line:
        yield f"{where}: the line has {len(line)} characters; write one line of at most {LONGEST_LINE}"
    known = {_written(item) for item in entry.figures if not item.inferred}
    for counts in _COUNTS.finditer(line):
        if counts[0] not in known:
            yield f"{where}: {counts[0]} is none of the entry's figures; correct it or add the figure"


def _written(item: Proportion) -> str:
    return f"{item.events}/{item.of}"
