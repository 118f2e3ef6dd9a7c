"""What was decided: the pairs that each rule found, how loud and why, and the options instead."""

from collections.abc import Iterator, Mapping
from typing import Any

from cards import Assessment, Catalogue
from cards.detect import DocumentedException, Finding, Pair
from cards.options import Choice
from service.explain.written import Section, day


def decision(assessment: Assessment, catalogue: Catalogue, jurisdiction: str) -> dict[str, Any]:
    """Say which rules are met by which pairs, and what the options card offers and leaves out."""
    return {
        "findings": [_finding(item, catalogue, jurisdiction) for item in assessment.findings],
        "options": _options(assessment.options),
    }


def _finding(finding: Finding, catalogue: Catalogue, jurisdiction: str) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "indicator": finding.indicator.value,
        "loweredBySite": finding.lowered,
        "exception": _exception(finding.exception),
        "pairs": [_pair(pair, catalogue, jurisdiction) for pair in finding.pairs],
    }


def _exception(exception: DocumentedException | None) -> dict[str, Any] | None:
    if exception is None:
        return None
    return {"reason": exception.reason, "on": day(exception.on), "until": day(exception.until)}


def _pair(pair: Pair, catalogue: Catalogue, jurisdiction: str) -> dict[str, Any]:
    label = catalogue.jurisdictions[jurisdiction].labels[pair.subject.ingredient]
    return {
        "subject": pair.subject.ingredient,
        "partner": pair.partner.ingredient,
        "relation": pair.relation.value,
        "indicator": pair.indicator.value,
        "indicatorBefore": pair.due.value,
        "indication": pair.indication,
        "indicationFrom": "order" if pair.by_order else "record" if pair.indication else "nothing",
        "partnerIs": pair.coverage.value,
        "quiet": pair.quiet,
        "sentence": label.sentence(pair.indication).text,
    }


def _options(choice: Choice | None) -> dict[str, Any] | None:
    """Say which options the card offers, what a click would change or why it is text, and why others are not there."""
    if choice is None:
        return None
    return {
        "indication": choice.indication,
        "namedFor": choice.named_for,
        "limitedExposure": choice.limited,
        "holds": [hold.value for hold in choice.holds],
        "offered": [
            {
                "option": f"{offer.form.value} {offer.ingredient}",
                "insteadOf": list(offer.instead_of),
                "actions": [f"{item.type} {item.draft or item.ingredient}" for item in offer.changes],
                "textBecause": offer.text_only.value if offer.text_only else None,
                "triedBefore": offer.tried is not None,
                "recommended": offer.recommended,
            }
            for offer in choice.offers
        ],
        "notOffered": [{"ingredient": key, "reason": reason.value} for key, reason in choice.left_out],
    }


def decision_sections(said: Mapping[str, Any]) -> Iterator[Section]:
    """Write findings and options."""
    yield "Findings", [line for item in said.get("findings", ()) for line in _finding_lines(item)]
    yield "Options", list(_option_lines(said.get("options")))


def _finding_lines(item: Mapping[str, Any]) -> Iterator[str]:
    lowered = ", lowered by the site" if item["loweredBySite"] else ""
    yield f"{item['rule']}: {item['indicator']}{lowered}"
    if exception := item["exception"]:
        yield f"  exception documented on {exception['on']} ({exception['reason']}), until {exception['until']}"
    for pair in item["pairs"]:
        yield (
            f"  {pair['subject']} + {pair['partner']}: {pair['relation']}, {pair['indicator']}, "
            f"indication {pair['indication'] or 'unknown'} (from {pair['indicationFrom']}), "
            f"partner {pair['partnerIs']}"
        )
        yield f"    {pair['sentence']}"


def _option_lines(options: Mapping[str, Any] | None) -> Iterator[str]:
    if not options:
        return
    if options["holds"]:
        yield f"all text: {', '.join(options['holds'])}"
    for item in options["offered"]:
        how = ", ".join(item["actions"]) or f"text ({item['textBecause']})"
        yield f"{item['option']}: {how}{', recommended' if item['recommended'] else ''}"
    for item in options["notOffered"]:
        yield f"not offered: {item['ingredient']} ({item['reason']})"
