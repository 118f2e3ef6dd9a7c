"""Rules 3, 4 and 8 to 10 of the options card: who is offered and recommended, and beside it who is not."""

from typing import Any

import pytest
from msgspec.structs import replace

from cards import Policy
from cards.history import Trial
from cards.model import AllergyFact, Gap, Outcome
from cards.options import Excluded
from tests.cards.records import COLITIS, CROHN, chart, draft, problem
from tests.cards.situations import IN_FORCE, NEW, PERIANAL, card, chosen, instead, offer, trial, why_not
from tests.packaged import CATALOGUE

RECOMMENDED: dict[str, tuple[Any, ...]] = {
    "upadacitinib in force": ([IN_FORCE, draft("ustekinumab")],),
    "monotherapy with it": ([IN_FORCE, draft("risankizumab")],),
}


@pytest.mark.parametrize("record", RECOMMENDED.values(), ids=RECOMMENDED)
def test_rule_3_risankizumab_is_recommended_with_upadacitinib_in_force(record: tuple[Any, ...]) -> None:
    made = chosen(*record)
    assert [item.ingredient for item in made.offers if item.recommended] == ["risankizumab"]
    assert [item.recommended for item in card(*record).suggestions].count(True) == 1


def test_rule_3_or_with_upadacitinib_ended_for_a_coded_lack_of_efficacy() -> None:
    def recommended(*outcomes: Outcome, coded: bool = True) -> bool:
        subject = replace(trial("upadacitinib", *outcomes, coded=coded), class_id="jak-inhibitor")
        return offer(chosen([NEW, chart("adalimumab")], subject=subject), "risankizumab").recommended

    assert recommended(Outcome.LACK_OF_EFFICACY)
    assert not recommended(Outcome.LACK_OF_EFFICACY, coded=False)
    assert not recommended(Outcome.ADVERSE_EFFECT)
    assert not recommended()


@pytest.mark.parametrize(
    ("conditions", "others"),
    [
        ((COLITIS,), {}),
        ((CROHN, PERIANAL), {}),
        ((CROHN,), {"past": (trial("guselkumab"),)}),
        ((CROHN,), {"past": (trial("risankizumab"),)}),
        ((CROHN,), {"birth_date": None}),
        ((CROHN,), {"gaps": {Gap.ALLERGIES_ABSENT: 1}}),
        ((CROHN, problem("pregnancy")), {}),
    ],
    ids=["colitis", "perianal", "IL-23 before", "itself before", "age unknown", "allergies unknown", "pregnancy"],
)
def test_rule_3_nothing_is_recommended_otherwise(conditions: tuple[Any, ...], others: dict[str, Any]) -> None:
    made = chosen([IN_FORCE, draft("ustekinumab")], *conditions, **others)
    assert not any(item.recommended for item in made.offers)


def test_rule_3_nothing_is_recommended_where_upadacitinib_is_new() -> None:
    assert not any(item.recommended for item in chosen([NEW, chart("adalimumab")]).offers)


def test_rule_3_nothing_but_risankizumab_can_be_recommended() -> None:
    named = {
        item.ingredient
        for listed in CATALOGUE.options.indications.values()
        for item in listed.every()
        if item.may_be_recommended
    }
    assert named == {"risankizumab"}
    assert not any(item.may_be_recommended for item in CATALOGUE.options.indications["ulcerative-colitis"].every())


def test_rule_4_what_is_in_force_or_drafted_is_not_offered_anew() -> None:
    made = chosen([NEW, chart("adalimumab")])
    assert why_not(made, "adalimumab") is Excluded.CURRENT
    assert why_not(chosen([IN_FORCE, draft("adalimumab")]), "adalimumab") is Excluded.ORDERED


def test_rule_4_an_allergy_counts_by_ingredient_while_it_is_active() -> None:
    def reason(*, active: bool) -> Excluded | None:
        allergies = (AllergyFact("AllergyIntolerance/1", ("risankizumab",), active),)
        return why_not(chosen([NEW, chart("adalimumab")], allergies=allergies), "risankizumab")

    assert reason(active=True) is Excluded.ALLERGIC
    assert reason(active=False) is None


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.LACK_OF_EFFICACY, Excluded.FAILED),
        (Outcome.LOSS_OF_RESPONSE, Excluded.FAILED),
        (Outcome.ADVERSE_EFFECT, Excluded.INTOLERANT),
    ],
)
def test_rule_4_a_coded_failure_or_intolerance_is_never_offered_and_a_text_only_puts_it_last(
    outcome: Outcome, reason: Excluded
) -> None:
    record = [NEW, chart("adalimumab")]
    site = Policy(options=("risankizumab", "ustekinumab"))
    coded = chosen(record, past=(trial("risankizumab", outcome),), policy=site)
    assert why_not(coded, "risankizumab") is reason
    assert instead(coded) == ["ustekinumab"]
    worded = chosen(record, past=(trial("risankizumab", outcome, coded=False),), policy=site)
    assert instead(worded) == ["ustekinumab", "risankizumab"]


def test_rule_4_what_was_tried_and_ended_for_an_unknown_reason_comes_last_with_its_dates() -> None:
    site = Policy(options=("risankizumab", "ustekinumab"))
    shown = card([NEW, chart("adalimumab")], past=(trial("risankizumab"),), policy=site)
    assert [item.kind for item in shown.suggestions][-2:] == ["instead ustekinumab", "instead risankizumab"]
    assert "tried 2023-03-01 to 2024-05-01, reason for its end not recorded" in shown.detail


def test_rule_4_a_failed_biologic_that_is_ordered_again_is_no_monotherapy_option() -> None:
    made = chosen([IN_FORCE, draft("ustekinumab")], past=(trial("ustekinumab", Outcome.LACK_OF_EFFICACY),))
    assert "ustekinumab" not in {item.ingredient for item in made.offers}


@pytest.mark.parametrize("ingredient", ["risankizumab", "mirikizumab"])
def test_rule_4_no_il_23_inhibitor_after_another_one(ingredient: str) -> None:
    made = chosen([NEW, chart("guselkumab")])
    assert why_not(made, ingredient) is Excluded.CLASS_EXPOSURE


def test_rule_4_no_anti_tnf_agent_after_a_coded_failure_of_another_one() -> None:
    failed = chosen([NEW, chart("vedolizumab")], past=(trial("infliximab", Outcome.LACK_OF_EFFICACY),))
    assert why_not(failed, "adalimumab") is Excluded.CLASS_FAILURE
    tried = chosen([NEW, chart("vedolizumab")], past=(trial("infliximab"),))
    assert why_not(tried, "adalimumab") is None


def test_rule_8_perianal_disease_has_infliximab_first_and_then_ustekinumab() -> None:
    record = [NEW, chart("vedolizumab")]
    assert instead(chosen(record, CROHN, PERIANAL)) == ["infliximab", "ustekinumab"]
    detail = card(record, CROHN, PERIANAL).detail
    for said in ("fistulizing CD is labelled", "retrospective evidence, not superior", "specialist decision"):
        assert said in detail


def test_rule_8_it_counts_with_crohns_disease_only() -> None:
    assert chosen([NEW, chart("vedolizumab")], COLITIS, PERIANAL).named_for is None


def test_rule_9_colitis_has_no_comparative_source_and_nothing_is_recommended() -> None:
    record = [IN_FORCE, draft("vedolizumab")]
    detail = card(record, COLITIS).detail
    assert "no comparative source in the registry" in detail
    assert not any(item.recommended for item in chosen(record, COLITIS).offers)


def test_rule_9_the_order_in_colitis_is_alphabetical_one_of_each_class_first() -> None:
    candidates = [item.ingredient for item in CATALOGUE.options.indications["ulcerative-colitis"].candidates]
    classes = [CATALOGUE.ingredients[key].class_id for key in candidates]
    firsts = [key for index, key in enumerate(candidates) if classes[index] not in classes[:index]]
    rest = [key for key in candidates if key not in firsts]
    assert candidates == [*sorted(firsts), *sorted(rest)]
    assert all(key == min(other for other in candidates if _same_class(key, other)) for key in firsts)


def _same_class(one: str, other: str) -> bool:
    return CATALOGUE.ingredients[one].class_id == CATALOGUE.ingredients[other].class_id


@pytest.mark.parametrize(
    ("in_force", "past", "limited"),
    [
        ("vedolizumab", (), True),
        ("vedolizumab", (trial("ustekinumab"),), False),
        ("adalimumab", (), True),
        ("adalimumab", (trial("etanercept"),), True),
        ("vedolizumab", (trial("etanercept", Outcome.LACK_OF_EFFICACY),), False),
        ("vedolizumab", (trial("omalizumab"),), True),
    ],
)
def test_rule_10_exposure_is_limited_with_one_biologic_at_most_and_no_anti_tnf_failure(
    in_force: str, past: tuple[Trial, ...], *, limited: bool
) -> None:
    made = chosen([NEW, chart(in_force)], past=past)
    assert made.limited is limited
    assert ("infliximab" in instead(made)) is limited
    assert (why_not(made, "infliximab") is Excluded.NOT_LIMITED) is not limited
