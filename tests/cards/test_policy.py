"""What a site may change: a rule kept silent, and an exception that somebody documented."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cards import Policy, Question, evaluate, load_catalogue
from cards.detect import DocumentedException
from cards.evaluate import Assessment
from cards.model import ConditionFact, Hook, Indicator, Kind, MedicationFact, Origin, PatientRecord, Recognised

CATALOGUE = load_catalogue()
ON = date(2026, 3, 16)
RULE = "upadacitinib-biologic"
EXCEPTION = DocumentedException(
    RULE, frozenset({"upadacitinib", "infliximab"}), "specialist-directed", ON - timedelta(days=10), ON
)


def _order(ingredient: str, origin: Origin) -> MedicationFact:
    drug = (Recognised(ingredient, ingredient),)
    ref = f"MedicationRequest/{ingredient}"
    return MedicationFact(ref, Kind.REQUEST, origin, drug, ingredient, "active", authored=ON)


DRAFT = replace(_order("upadacitinib", Origin.DRAFT), status="draft")


def _assessed(
    *partners: str, exception: DocumentedException | None = None, infected: bool = False, silent: bool = False
) -> Assessment:
    sepsis = ConditionFact("Condition/s", ("sepsis",), clinical_status="active", recorded=ON)
    record = PatientRecord(
        "p",
        (DRAFT, *(_order(item, Origin.CHART) for item in partners)),
        (sepsis,) if infected else (),
    )
    exceptions = () if exception is None else (exception,)
    policy = Policy(silent=frozenset({RULE}) if silent else frozenset())
    return evaluate(record, CATALOGUE, Question(ON, Hook.ORDER_SIGN, policy=policy, exceptions=exceptions))


def test_a_documented_exception_makes_the_warning_information_and_says_how_long() -> None:
    card = _assessed("infliximab", exception=EXCEPTION).cards[0]
    assert card.indicator is Indicator.INFO
    assert "An exception was documented on 2026-03-06" in card.detail
    assert "Specialist-directed off-label use, rationale and consent documented" in card.detail
    assert "until 2026-03-16" in card.detail


@pytest.mark.parametrize(
    "other",
    [
        replace(EXCEPTION, until=ON - timedelta(days=1)),
        replace(EXCEPTION, on=ON + timedelta(days=1)),
        replace(EXCEPTION, rule="upadacitinib-jak"),
        replace(EXCEPTION, ingredients=frozenset({"upadacitinib", "vedolizumab"})),
    ],
    ids=["over", "not yet", "of another rule", "on another partner"],
)
def test_an_exception_that_does_not_fit_changes_nothing(other: DocumentedException) -> None:
    assert _assessed("infliximab", exception=other).cards == _assessed("infliximab").cards


def test_a_new_partner_was_never_part_of_the_exception() -> None:
    assert _assessed("infliximab", "vedolizumab", exception=EXCEPTION).cards[0].indicator is Indicator.WARNING


def test_an_active_serious_infection_is_louder_than_any_exception() -> None:
    assert _assessed("infliximab", exception=EXCEPTION, infected=True).cards[0].indicator is Indicator.CRITICAL


def test_a_silent_rule_is_evaluated_and_its_card_is_kept_back() -> None:
    assessment = _assessed("infliximab", "azathioprine", silent=True)
    assert [card.key for card in assessment.cards] == ["upadacitinib-immunosuppressant"]
    assert assessment.hidden == tuple(card for card in _assessed("infliximab").cards if card.key == RULE)
    assert [finding.silent for finding in assessment.findings] == [True, False]
