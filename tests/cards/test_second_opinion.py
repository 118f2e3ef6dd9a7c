"""The decision against the naive reference, on generated patients."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards import Question, evaluate
from cards.evaluate import Assessment
from cards.model import PatientRecord, State
from tests.cards import reference
from tests.cards.strategies import cases
from tests.packaged import CATALOGUE
from tests.thorough import examples

GENERATED = settings(
    max_examples=examples(500),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _pairs(assessment: Assessment) -> set[reference.ExpectedPair]:
    return {
        reference.ExpectedPair(
            rule=finding.rule,
            subject=pair.subject.ingredient,
            partner=pair.partner.ingredient,
            relation=pair.relation.value,
            indication=pair.indication,
            by_order=pair.by_order,
            coverage=pair.coverage.value,
            indicator=pair.indicator,
        )
        for finding in assessment.findings
        for pair in finding.pairs
    }


@GENERATED
@given(cases())
def test_every_ingredient_has_the_state_that_the_reference_gives_it(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    found = evaluate(record, CATALOGUE, question).exposures.by_ingredient
    ours = {key: (item.state, item.established) for key, item in found.items() if item.state is not State.NONE}
    expected = reference.states(record, CATALOGUE, question.on)
    assert ours == {key: (item.state, item.before) for key, item in expected.items() if item.state is not State.NONE}


@GENERATED
@given(cases())
def test_the_pairs_that_fire_are_those_of_the_reference(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    assert _pairs(evaluate(record, CATALOGUE, question)) == reference.pairs(record, CATALOGUE, question)


@GENERATED
@given(cases())
def test_the_rules_and_indicators_are_those_of_the_reference(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    ours = {finding.rule: finding.indicator for finding in evaluate(record, CATALOGUE, question).findings}
    assert ours == reference.findings(record, CATALOGUE, question)


@GENERATED
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_resources_changes_no_pair(
    case: tuple[PatientRecord, Question], shuffler: random.Random
) -> None:
    record, question = case
    medications, conditions = list(record.medications), list(record.conditions)
    shuffler.shuffle(medications)
    shuffler.shuffle(conditions)
    shuffled = PatientRecord(
        patient=record.patient,
        medications=tuple(medications),
        conditions=tuple(conditions),
        encounter=record.encounter,
        gaps=record.gaps,
    )
    before, after = evaluate(record, CATALOGUE, question), evaluate(shuffled, CATALOGUE, question)
    assert _pairs(before) == _pairs(after)
    assert {(card.key, card.indicator, card.summary) for card in before.cards} == {
        (card.key, card.indicator, card.summary) for card in after.cards
    }
