"""What is wrong with a sentence of the knowledge: braces that nothing fills in, words that are never printed."""

import re
import string
from collections.abc import Iterator, Mapping

from cards.catalogue import Catalogue
from cards.sentences import PARTS

FORBIDDEN_IN_US = ("contraindicated",)
FORBIDDEN_WORDS = (
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


def fields_of(text: str) -> frozenset[str]:
    """Return the fields that a sentence is filled in with."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def sentence_problems(where: str, text: str, fields: frozenset[str]) -> Iterator[str]:
    """Yield a line for each fault in the braces of a sentence that is given these fields."""
    try:
        parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError:
        yield f"{where}: braces do not match; close or double them"
        return
    known = f"use one of {', '.join(sorted(fields))}" if fields else "this sentence is given none"
    for _, name, specification, conversion in parts:
        if name not in fields:
            yield f"{where}: {{{name}}} is no field of this sentence; {known}"
        if specification or conversion:
            yield f"{where}: {{{name}}} has a format of its own; leave only the name in the braces"


def printed_problems(catalogue: Catalogue) -> Iterator[str]:
    """Look at every sentence that a card can print; "contraindicated" is what the US label does not say."""
    for where, text in _printed(catalogue):
        yield from forbidden_words(where, text, in_us=".eu" not in where and ".au" not in where)


def forbidden_words(where: str, text: str, *, in_us: bool) -> Iterator[str]:
    """Yield a line for each word in a printed text that is never printed."""
    for word in (*FORBIDDEN_WORDS, *(FORBIDDEN_IN_US if in_us else ())):
        if re.search(rf"\b{re.escape(word)}\b", text.casefold()):
            yield f"{where}: the words {word!r} are never printed; say what the label says"


def _printed(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for part in PARTS:
        texts: Mapping[str, str] = getattr(catalogue.wording, part)
        yield from ((f"wording.yaml: {part}.{key}", text) for key, text in texts.items())
    yield from (("wording.yaml: partner_labels", label.text) for label in catalogue.wording.partner_labels)
    yield from ((f"evidence.yaml: evidence.{key}.line", item.line or "") for key, item in catalogue.evidence.items())
    for name, jurisdiction in catalogue.jurisdictions.items():
        for key, label in jurisdiction.labels.items():
            where = f"rules.yaml: jurisdictions.{name}.labels.{key}"
            texts = {**label.model_dump(exclude={"sentences", "risks"}, mode="json")}
            yield from ((f"{where}.{field}", text) for field, text in texts.items())
            yield from ((f"{where}.sentences.{group}", item.text) for group, item in label.sentences.items())
            yield from ((f"{where}.risks.{group}", item.text) for group, item in label.risks.items())
    yield from _printed_options(catalogue)
    for key, rule in catalogue.rules.items():
        yield from ((f"rules.yaml: rules.{key}.remarks", remark.text) for remark in rule.remarks)
        for name, clauses in rule.clauses.items():
            for group, clause in clauses.items():
                where = f"rules.yaml: rules.{key}.clauses.{name}.{group}"
                said = (clause.partners_word, clause.verb or "", clause.strength or "")
                yield from ((where, text) for text in said)


def _printed_options(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for key, listed in catalogue.options.indications.items():
        where = f"options.yaml: indications.{key}"
        yield from ((f"{where}.{option.ingredient}.reason", option.reason) for option in listed.every())
        yield from ((f"{where}.notes", note) for note in listed.notes)
        yield from ((f"{where}.named_for.{group}", named.note) for group, named in listed.named_for.items())
        for option in listed.every():
            lines = ((name, catalogue.evidence[name].line) for name in option.evidence if name in catalogue.evidence)
            yield from ((f"evidence.yaml: evidence.{name}.line", line) for name, line in lines if line)
    for key, item in catalogue.monitoring.items.items():
        said = (item.order, item.when, item.warning or "")
        yield from ((f"monitoring.yaml: items.{key}", text) for text in said)
