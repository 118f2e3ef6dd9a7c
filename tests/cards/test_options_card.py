"""The options card: where it belongs, rules 5 and 11 on what it does not know, its words; and monitoring."""

from datetime import date
from typing import Any

import pytest

from cards import Policy, Question, evaluate
from cards.model import ConditionFact, Gap, Hook, Indicator, PatientRecord, SelectionBehavior
from cards.monitoring import MONITORING
from cards.options import Excluded, Form, Hold, age
from cards.options_card import OPTIONS
from cards.schema.options import Option
from cards.schema.part import Verification
from tests.cards.printed import NEVER_PRINTED, printed
from tests.cards.records import COLITIS, CROHN, ON, chart, draft, problem
from tests.cards.situations import ADULT, IN_FORCE, NEW, card, choose, chosen, instead, why_not
from tests.packaged import CATALOGUE


def test_a_loud_pair_in_bowel_disease_has_options() -> None:
    assert choose([NEW, chart("infliximab")], CROHN)
    assert choose([NEW, chart("infliximab")], COLITIS)


@pytest.mark.parametrize("group", ["psoriatic-arthritis", "rheumatoid-arthritis", "ibd-unspecified"])
def test_any_other_disease_has_none(group: str) -> None:
    assert choose([NEW, chart("infliximab")], problem(group)) is None


def test_an_order_that_states_another_disease_has_none() -> None:
    stated = draft("upadacitinib", reason_groups=("rheumatoid-arthritis",))
    assert choose([stated, chart("infliximab")], CROHN) is None


def test_an_active_serious_infection_has_none() -> None:
    assert choose([NEW, chart("infliximab")], CROHN, problem("active-tuberculosis")) is None
    assert choose([NEW, chart("infliximab")], CROHN, problem("latent-tuberculosis"))


def test_a_card_that_the_site_lowered_to_info_has_none() -> None:
    lowered = Policy(ceilings=(("upadacitinib-biologic", Indicator.INFO),))
    assert choose([NEW, chart("infliximab")], policy=lowered) is None


def test_residual_overlap_and_a_rule_of_another_kind_have_none() -> None:
    ended = chart("infliximab", status="stopped", end=date(2026, 11, 10))
    assert choose([NEW, ended]) is None
    assert choose([NEW, chart("tofacitinib")]) is None


def test_patient_view_has_none() -> None:
    assert choose([IN_FORCE, chart("infliximab")], hook=Hook.PATIENT_VIEW) is None


def test_a_site_can_reorder_and_switch_off() -> None:
    made = chosen([NEW, chart("adalimumab")], policy=Policy(options=("vedolizumab", "ustekinumab", "vedolizumab")))
    assert instead(made) == ["vedolizumab", "ustekinumab"]
    assert why_not(made, "risankizumab") is Excluded.SWITCHED_OFF
    assert choose([NEW, chart("adalimumab")], policy=Policy(options=())) is None


def test_the_card_is_short_and_names_the_rest() -> None:
    made = chosen([NEW, chart("adalimumab")])
    assert len(made.offers) == CATALOGUE.options.most == 5
    left = [key for key, reason in made.left_out if reason is Excluded.NO_ROOM]
    assert left
    assert all(CATALOGUE.ingredients[key].name in card([NEW, chart("adalimumab")]).detail for key in left)


@pytest.mark.parametrize(
    ("conditions", "others", "hold", "said"),
    [
        ((CROHN,), {"birth_date": None}, Hold.AGE_UNKNOWN, "the birth date was not supplied"),
        ((CROHN, problem("pregnancy")), {}, Hold.PREGNANCY, "a pregnancy is on record"),
        (
            (CROHN,),
            {"gaps": {Gap.ALLERGIES_ABSENT: 1}},
            Hold.RECORD_INCOMPLETE,
            "the allergy list was not supplied",
        ),
        (
            (CROHN,),
            {"gaps": {Gap.ALLERGIES_FAILED: 1}},
            Hold.RECORD_INCOMPLETE,
            "the allergy list could not be obtained",
        ),
        (
            (CROHN,),
            {"gaps": {Gap.CONDITIONS_PAGED: 1}},
            Hold.RECORD_INCOMPLETE,
            "the problem list has more pages than were supplied",
        ),
        (
            (CROHN,),
            {"gaps": {Gap.MEDICATIONS_FAILED: 1}},
            Hold.RECORD_INCOMPLETE,
            "the medication list could not be obtained",
        ),
    ],
    ids=["age", "pregnancy", "allergies absent", "allergies failed", "conditions paged", "medications failed"],
)
def test_rule_5_what_is_not_known_makes_every_option_text_and_is_said(
    conditions: tuple[Any, ...], others: dict[str, Any], hold: Hold, said: str
) -> None:
    record = [NEW, chart("adalimumab")]
    made = chosen(record, *conditions, **others)
    assert made.holds == (hold,)
    # Upadacitinib alone is one of the five, but for a pregnancy.
    assert len(instead(made)) == (4 if hold is Hold.PREGNANCY else 3)
    assert not any(item.changes for item in made.offers)
    assert said in card(record, *conditions, **others).detail


def test_rule_5_under_18_only_the_texts_that_keep_one_agent_are_shown() -> None:
    record = [NEW, chart("adalimumab")]
    child = chosen(record, birth_date=date(2008, 11, 24))
    assert [item.form for item in child.offers] == [Form.KEEP, Form.CONTINUE]
    assert why_not(child, "risankizumab") is Excluded.UNDER_AGE
    assert (
        "the patient is under 18 and the sources are for adults" in card(record, birth_date=date(2008, 11, 24)).detail
    )
    assert instead(chosen(record, birth_date=date(2008, 11, 23)))


def test_rule_5_under_18_monotherapy_is_text_too() -> None:
    (only,) = chosen([IN_FORCE, draft("adalimumab")], birth_date=date(2012, 1, 1)).offers
    assert (only.form, only.changes) == (Form.MONOTHERAPY, ())


@pytest.mark.parametrize(
    ("born", "years"),
    [(date(2008, 11, 23), 18), (date(2008, 11, 24), 17), (date(2008, 2, 29), 18), (date(1984, 2, 11), 42)],
)
def test_rule_5_a_year_of_life_is_complete_on_the_birthday(born: date, years: int) -> None:
    assert age(born, ON) == years


def test_rule_11_the_card_says_what_its_sources_are_not_about() -> None:
    for condition in (CROHN, COLITIS):
        detail = card([NEW, chart("adalimumab")], condition).detail
        assert "Not specific to upadacitinib failure" in detail
        assert "ormulary and cost are not considered" in detail
        assert "Upadacitinib and risankizumab share a manufacturer" in detail
    detail = card([NEW, chart("adalimumab")], CROHN).detail
    assert "SEQUENCE was after anti-TNF" in detail
    assert "for any advanced therapy" in detail


@pytest.mark.parametrize("condition", [CROHN, COLITIS])
@pytest.mark.parametrize("partner", ["infliximab", "certolizumab-pegol", "natalizumab", "golimumab"])
def test_every_card_fits_and_says_nothing_that_is_never_printed(partner: str, condition: ConditionFact) -> None:
    for record in ([NEW, chart(partner)], [IN_FORCE, draft(partner)], [NEW, draft(partner)]):
        cards = evaluate(
            PatientRecord("patient-1", tuple(record), (condition,), birth_date=ADULT),
            CATALOGUE,
            Question(ON, Hook.ORDER_SIGN),
        ).cards
        ours = [item for item in cards if item.key in {OPTIONS, MONITORING}]
        assert [item.key for item in ours] == [OPTIONS, MONITORING]
        for item in ours:
            assert len(item.summary) < 140
            assert len(item.detail) <= 2_500
            assert item.indicator is Indicator.INFO
            assert item.override_reasons == ()
            assert len({each.kind for each in item.suggestions}) == len(item.suggestions)
            assert all(len(each.label) <= 90 for each in item.suggestions)
            assert not [word for word in NEVER_PRINTED if word in printed(item).casefold()]
            assert "Content not clinically approved." in item.detail


def test_text_of_the_record_never_enters_the_card() -> None:
    hostile = "*[x](http://evil.example/)<img src=x>"
    record = [draft("upadacitinib", text=hostile), chart("adalimumab", text=hostile)]
    assert "evil" not in printed(card(record)).casefold()


def test_evidence_lines_carry_the_state_of_their_verification() -> None:
    options: list[Option] = [item for each in CATALOGUE.options.indications.values() for item in each.every()]
    for key in {name for item in options for name in item.evidence}:
        entry = CATALOGUE.evidence[key]
        assert entry.line
        assert ("secondary source" in entry.line) is (entry.verification is Verification.SECONDARY)


def test_options_are_alternatives_and_monitoring_orders_are_not() -> None:
    record = PatientRecord("patient-1", (NEW, chart("adalimumab")), (CROHN,), birth_date=ADULT)
    cards = {item.key: item for item in evaluate(record, CATALOGUE, Question(ON, Hook.ORDER_SIGN)).cards}
    assert cards[OPTIONS].selection is SelectionBehavior.AT_MOST_ONE
    assert cards[MONITORING].selection is SelectionBehavior.ANY
    assert not any(item.recommended for item in cards[MONITORING].suggestions)
    assert "Upadacitinib: embryo-fetal toxicity (label)." in cards[MONITORING].detail


@pytest.mark.parametrize(
    ("hook", "ceiling", "there"),
    [
        (Hook.ORDER_SIGN, Indicator.CRITICAL, True),
        (Hook.ORDER_SELECT, Indicator.CRITICAL, False),
        (Hook.PATIENT_VIEW, Indicator.CRITICAL, False),
        (Hook.ORDER_SIGN, Indicator.INFO, False),
    ],
)
def test_monitoring_is_offered_when_a_loud_pair_is_signed(hook: Hook, ceiling: Indicator, *, there: bool) -> None:
    record = PatientRecord("patient-1", (NEW, chart("tocilizumab")), (problem("rheumatoid-arthritis"),))
    policy = Policy(ceilings=(("upadacitinib-biologic", ceiling),))
    cards = evaluate(record, CATALOGUE, Question(ON, hook, policy=policy)).cards
    assert (MONITORING in {item.key for item in cards}) is there


def test_a_sequence_as_recorded_or_residual_overlap_needs_no_monitoring() -> None:
    ended = chart("adalimumab", status="stopped", end=date(2026, 11, 10))
    record = PatientRecord("patient-1", (NEW, ended), (CROHN,), birth_date=ADULT)
    cards = evaluate(record, CATALOGUE, Question(ON, Hook.ORDER_SIGN)).cards
    assert [item.key for item in cards] == ["upadacitinib-biologic"]
