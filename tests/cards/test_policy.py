"""What a site may change: a rule kept silent, and an exception that somebody documented."""

import dataclasses
from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from cards import Policy, Question, evaluate
from cards.detect import Ceiling, DocumentedException
from cards.evaluate import Assessment
from cards.model import ConditionFact, Hook, Indicator, Kind, MedicationFact, Origin, PatientRecord, Recognised
from tests.packaged import CATALOGUE

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
        dataclasses.replace(EXCEPTION, until=ON - timedelta(days=1)),
        dataclasses.replace(EXCEPTION, on=ON + timedelta(days=1)),
        dataclasses.replace(EXCEPTION, rule="upadacitinib-jak"),
        dataclasses.replace(EXCEPTION, ingredients=frozenset({"upadacitinib", "vedolizumab"})),
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
    assert assessment.hidden == tuple(card for card in _assessed("infliximab").cards)
    assert [finding.silent for finding in assessment.findings] == [True, False]


# Parts of a rule that the site lowers.

PARTLY = "upadacitinib-biologic"


def _with_parts(*parts: Ceiling, partners: tuple[str, ...], problems: tuple[str, ...] = ()) -> Assessment:
    conditions = tuple(
        ConditionFact(f"Condition/{group}", (group,), clinical_status="active", recorded=ON) for group in problems
    )
    record = PatientRecord("p", (DRAFT, *(_order(item, Origin.CHART) for item in partners)), conditions)
    return evaluate(record, CATALOGUE, Question(ON, Hook.ORDER_SIGN, policy=Policy(parts=parts)))


def test_a_pair_that_the_site_lowers_is_information_and_says_so() -> None:
    assessment = _with_parts(Ceiling(PARTLY, Indicator.INFO, partner="infliximab"), partners=("infliximab",))
    (finding,) = assessment.findings
    assert (finding.indicator, finding.lowered) == (Indicator.INFO, True)
    assert (finding.pairs[0].due, finding.pairs[0].lowered_from) == (Indicator.WARNING, Indicator.WARNING)
    assert "The site shows this rule as info at most." in assessment.cards[0].detail


def test_another_pair_of_the_same_rule_stays_as_loud_as_it_is() -> None:
    ceiling = Ceiling(PARTLY, Indicator.INFO, partner="infliximab")
    assessment = _with_parts(ceiling, partners=("infliximab", "vedolizumab"))
    (finding,) = assessment.findings
    assert (finding.indicator, finding.lowered) == (Indicator.WARNING, False)
    assert [(pair.partner.ingredient, pair.indicator) for pair in finding.pairs] == [
        ("vedolizumab", Indicator.WARNING),
        ("infliximab", Indicator.INFO),
    ]
    # What is lowered is never taken away: the card names it still.
    assert "infliximab" in assessment.cards[0].detail


@pytest.mark.parametrize(
    ("indication", "problems", "lowered"),
    [
        ("crohns-disease", ("crohns-disease",), True),
        ("crohns-disease", ("ulcerative-colitis",), False),
        ("crohns-disease", (), False),
        ("generic", (), True),
        ("generic", ("crohns-disease",), False),
        (None, ("crohns-disease",), True),
    ],
)
def test_a_clause_is_lowered_where_its_indication_decides(
    indication: str | None, problems: tuple[str, ...], lowered: bool
) -> None:
    ceiling = Ceiling(PARTLY, Indicator.INFO, indication=indication)
    (finding,) = _with_parts(ceiling, partners=("infliximab",), problems=problems).findings
    assert finding.lowered is lowered


@pytest.mark.parametrize(
    ("ceiling", "indicator"),
    [
        (Ceiling(PARTLY, Indicator.WARNING), Indicator.WARNING),
        (Ceiling(PARTLY, Indicator.INFO), Indicator.INFO),
        (Ceiling("upadacitinib-jak", Indicator.INFO), Indicator.CRITICAL),
        (Ceiling(PARTLY, Indicator.INFO, partner="vedolizumab"), Indicator.CRITICAL),
    ],
)
def test_a_ceiling_lowers_what_an_infection_raised_and_nothing_of_others(
    ceiling: Ceiling, indicator: Indicator
) -> None:
    (finding,) = _with_parts(ceiling, partners=("infliximab",), problems=("sepsis",)).findings
    assert (finding.indicator, finding.lowered) == (indicator, indicator is not Indicator.CRITICAL)


def test_the_lowest_of_several_ceilings_counts() -> None:
    parts = (Ceiling(PARTLY, Indicator.INFO), Ceiling(PARTLY, Indicator.WARNING, partner="infliximab"))
    for order in (parts, parts[::-1]):
        assert _with_parts(*order, partners=("infliximab",)).findings[0].indicator is Indicator.INFO
