"""A site's overlay in words: what it changes, which rules are approved with it, and what of it made an answer."""

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from cards import Assessment, Catalogue, Overlaid
from cards.detect import Finding
from cards.model import Card, Code
from cards.overlaid import ceilings, local_code
from cards.overlay import Lowered
from service.fhir.systems import local_address


def summarised(laid: Overlaid) -> dict[str, Any]:
    """Return what an overlay changes, as data for a page."""
    overlay = laid.overlay
    return {
        "id": overlay.id,
        "version": overlay.version,
        "sha256": laid.sha256,
        "lowered": [_part(item) for item in overlay.lower],
        "codes": len(overlay.codes),
        "sentences": [f"{part}.{key}" for part, sentences in overlay.wording.items() for key in sentences],
    }


def described(laid: Overlaid, catalogue: Catalogue, on: date) -> Iterator[str]:
    """Yield for a reader what an overlay changes and where it says so, then which rules are approved on the day."""
    overlay = laid.overlay
    yield f"overlay {overlay.id}.{overlay.version} (sha256 {laid.sha256})"
    for index, item in enumerate(overlay.lower):
        yield f"  {laid.at(f'lower.{index}')}: {_part(item)}: {item.reason}"
    for index, code in enumerate(overlay.codes):
        yield f"  {laid.at(f'codes.{index}')}: {code.system} {code.code} is {code.ingredient}: {code.source}"
    for part, sentences in overlay.wording.items():
        yield from (f"  {laid.at(f'wording.{part}.{key}')}: sentence {part}.{key}" for key in sentences)
    for key in catalogue.rules:
        missing = unapproved(catalogue, key, on)
        yield f"rule {key}: {'not approved: ' + ', '.join(missing) if missing else 'approved'}"


def _part(item: Lowered) -> str:
    partner = f", {item.partner}" if item.partner else ""
    indication = f", {item.indication}" if item.indication else ""
    return f"{item.rule}{partner}{indication}: {item.at_most} at most"


def unapproved(catalogue: Catalogue, rule: str, on: date) -> tuple[str, ...]:
    """Name what keeps the cards of a rule from being approved on a day: the rule itself, or entries of its evidence."""
    item = catalogue.rules[rule]
    own = () if item.approval.holds(on) else ("the rule",)
    return (*own, *(key for key in item.evidence if not catalogue.evidence[key].approval.holds(on)))


def applied(laid: Overlaid, catalogue: Catalogue, assessment: Assessment | None, on: date) -> list[dict[str, Any]]:
    """Return each part of an overlay that bore on an answer: `at` is its file and line, `does` what it did there."""
    if assessment is None:
        return []
    cards = (*assessment.cards, *assessment.hidden)
    parts = [
        *_lowered(laid, assessment.findings),
        *_recognised(laid, assessment),
        *_reworded(laid, catalogue, cards),
        *_approved(laid, assessment.findings, on),
    ]
    return [{"at": laid.at(path), "part": path, "does": does} for path, does in parts]


def _lowered(laid: Overlaid, findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    pairs = [(finding.rule, pair) for finding in findings for pair in finding.pairs if pair.lowered_from]
    for index, (ceiling, item) in enumerate(zip(ceilings(laid.overlay), laid.overlay.lower, strict=True)):
        for rule, pair in pairs:
            if ceiling.covers(rule, pair.partner.ingredient, pair.indication) and ceiling.indicator is pair.indicator:
                drugs = f"{pair.subject.ingredient} + {pair.partner.ingredient}"
                yield f"lower.{index}", f"{drugs} is {item.at_most}, not {pair.lowered_from}: {item.reason}"


def _recognised(laid: Overlaid, assessment: Assessment) -> Iterator[tuple[str, str]]:
    by: dict[Code | str, list[str]] = {}
    for exposure in assessment.exposures.by_ingredient.values():
        for contribution in exposure.contributions:
            for found in contribution.fact.recognised:
                by.setdefault(found.by, []).append(contribution.fact.ref)
    for index, item in enumerate(laid.overlay.codes):
        for ref in dict.fromkeys(by.get(local_code(item, local_address), ())):
            yield f"codes.{index}", f"{ref} is {item.ingredient}: {item.source}"


def _reworded(laid: Overlaid, catalogue: Catalogue, cards: Iterable[Card]) -> Iterator[tuple[str, str]]:
    said = [(card.key, "\n".join((card.summary, card.detail, *_labels(card)))) for card in cards]
    for part, sentences in laid.overlay.wording.items():
        texts: Mapping[str, str] = getattr(catalogue.wording, part)
        for key in sentences:
            pattern = _pattern(texts[key])
            if shown := [name for name, text in said if pattern.search(text)]:
                yield f"wording.{part}.{key}", f"the site's words on the card {' and '.join(shown)}"


def _labels(card: Card) -> Iterator[str]:
    return (item.label for item in card.suggestions)


def _pattern(sentence: str) -> re.Pattern[str]:
    """Return what finds a sentence in a card, whatever its fields were filled in with."""
    parts = string.Formatter().parse(sentence)
    return re.compile("".join(re.escape(text) + (".*?" if field is not None else "") for text, field, _, _ in parts))


def _approved(laid: Overlaid, findings: Iterable[Finding], on: date) -> Iterator[tuple[str, str]]:
    given = laid.overlay.approvals
    for finding in findings:
        path, approval = (
            (f"approvals.rules.{finding.rule}", given.rules[finding.rule])
            if finding.rule in given.rules
            else ("approvals.knowledge", given.knowledge)
        )
        if approval:
            state = "approved" if approval.date <= on <= approval.next_review else "not in force"
            yield path, f"{finding.rule} is {state}: {approval.role}, {approval.date} to {approval.next_review}"
