"""Every rule, clause, class and reason of the decision is shown by a recorded case, or is known to have none."""

import json
from collections.abc import Iterable
from enum import StrEnum

import pytest

from cards import load_catalogue
from cards.catalogue import GENERIC
from cards.detect import Coverage, Finding, Relation
from cards.exposure import Basis, Ignore
from cards.model import Indicator
from service.answer import Answer, Engine, answer, build_engine
from service.cases import Case, case_names, read_case
from service.errors import ServiceError
from service.replay import service_of
from service.settings import Settings

CATALOGUE = load_catalogue()

KNOWN_MISSING: dict[str, str] = {}
"""What no case shows, and why. An entry that a case does show is a failure: take it out."""


def _wanted() -> list[str]:
    rules = CATALOGUE.rules
    partners = {key: {CATALOGUE.ingredients[item].class_id for item in CATALOGUE.roles[key][1]} for key in rules}
    return [
        *(f"rule: {key}" for key in rules),
        *(f"clause: {key} us {name}" for key, rule in rules.items() for name in rule.clauses.get("us", {})),
        *(f"partner class: {key} {name}" for key in rules for name in sorted(partners[key])),
        *(f"override reason: {key}" for key in CATALOGUE.override_reasons),
        *_each("relation", Relation),
        *_each("coverage", Coverage),
        *_each("basis", Basis),
        *_each("ignore", Ignore),
        *_each("indicator", Indicator),
    ]


def _each(kind: str, values: Iterable[StrEnum]) -> Iterable[str]:
    return (f"{kind}: {item.value}" for item in values)


@pytest.fixture(scope="module")
def shown() -> frozenset[str]:
    """Run every case and collect what its answer shows."""
    engines: dict[str, Engine] = {}
    found: set[str] = set()
    for case in map(read_case, case_names()):
        settings = json.dumps(dict(case.settings), sort_keys=True)
        if settings not in engines:
            engines[settings] = build_engine(Settings.model_validate(json.loads(settings)))
        found |= _shown_by(case, engines[settings])
    return frozenset(found)


def _shown_by(case: Case, engine: Engine) -> set[str]:
    try:
        given = answer(case.body, service_of(case), engine=engine, on=case.on)
    except ServiceError:
        return set()
    found = _shown_by_cards(given)
    if assessment := given.assessment:
        found |= {f"ignore: {item.reason.value}" for item in assessment.exposures.ignored}
        found |= {
            f"basis: {item.basis.value}"
            for exposure in assessment.exposures.by_ingredient.values()
            for item in exposure.contributions
        }
        for finding in assessment.findings:
            found |= _shown_by_finding(finding, engine)
    return found


def _shown_by_cards(given: Answer) -> set[str]:
    cards = json.loads(given.body)["cards"]
    return {f"indicator: {card['indicator']}" for card in cards} | {
        f"override reason: {reason['code']}" for card in cards for reason in card.get("overrideReasons", ())
    }


def _shown_by_finding(finding: Finding, engine: Engine) -> set[str]:
    jurisdiction = engine.options.jurisdiction
    clauses = engine.catalogue.rules[finding.rule].clauses[jurisdiction]
    found = {f"rule: {finding.rule}"}
    for pair in finding.pairs:
        deciding = pair.indication if pair.indication in clauses else GENERIC
        partner = engine.catalogue.ingredients[pair.partner.ingredient].class_id
        found |= {
            f"clause: {finding.rule} {jurisdiction} {deciding}",
            f"partner class: {finding.rule} {partner}",
            f"relation: {pair.relation.value}",
            f"coverage: {pair.coverage.value}",
        }
    return found


@pytest.mark.parametrize("witness", [item for item in _wanted() if item not in KNOWN_MISSING])
def test_a_recorded_case_shows(witness: str, shown: frozenset[str]) -> None:
    assert witness in shown, f"no recorded case shows {witness}"


@pytest.mark.parametrize("witness", sorted(KNOWN_MISSING))
def test_what_is_known_to_have_no_case_still_has_none(witness: str, shown: frozenset[str]) -> None:
    assert witness in _wanted(), f"{witness} is nothing that a case has to show: take it out of KNOWN_MISSING"
    assert witness not in shown, f"a recorded case shows {witness} now: take it out of KNOWN_MISSING"
