"""The one line that is always read. The sentences are typed from the specification."""

from datetime import date

import pytest

from cards.model import ConditionFact, Indicator, Kind
from tests.cards.records import COLITIS, CROHN, card, cards, chart, draft, problem, rows, with_upadacitinib
from tests.packaged import CATALOGUE


@pytest.mark.parametrize("partner", ["risankizumab", "adalimumab", "tofacitinib", "azathioprine"])
def test_a_partner_that_the_sentence_reaches(partner: str) -> None:
    summary = f"Upadacitinib + {partner}: the US label does not recommend this combination."
    assert with_upadacitinib(partner).summary == summary


def test_the_summary_of_the_specification_with_its_indication() -> None:
    summary = "Upadacitinib + risankizumab: the US label does not recommend this combination."
    assert with_upadacitinib("risankizumab", CROHN).summary == summary


@pytest.mark.parametrize(
    ("partner", "problems", "said"),
    [
        ("tacrolimus", (), "US label advises against potent immunosuppressants (tacrolimus not named)."),
        ("mycophenolate", (), "US label advises against potent immunosuppressants (mycophenolate not named)."),
        ("deucravacitinib", (), "US label advises against other JAK inhibitors (deucravacitinib not named)."),
        (
            "etanercept",
            (CROHN,),
            "US label advises against biological therapies for Crohn's disease (etanercept not named).",
        ),
    ],
)
def test_a_partner_that_the_sentence_does_not_name(
    partner: str, problems: tuple[ConditionFact, ...], said: str
) -> None:
    assert with_upadacitinib(partner, *problems).summary == f"Upadacitinib + {partner}: {said}"


def test_the_order_of_the_two_names_does_not_depend_on_which_is_ordered() -> None:
    one = card([draft("risankizumab"), chart("upadacitinib")])
    assert one.summary == "Upadacitinib + risankizumab: the US label does not recommend this combination."


def test_several_partners_are_one_name_and_a_count() -> None:
    one = card([draft("upadacitinib"), chart("adalimumab"), chart("vedolizumab"), chart("etanercept")])
    assert one.summary == "Upadacitinib + adalimumab and 2 more: the US label does not recommend this combination."


def test_refills_and_mirrored_entries_are_one_partner() -> None:
    twice = [chart("adalimumab", "a"), chart("adalimumab", "b"), chart("adalimumab", "c", kind=Kind.STATEMENT)]
    one = card([draft("upadacitinib"), *twice])
    assert one.summary == "Upadacitinib + adalimumab: the US label does not recommend this combination."
    assert len(rows(one)) == 2


def test_a_partner_that_ended_recently() -> None:
    ended = chart("risankizumab", status="stopped", status_changed=date(2026, 11, 1))
    one = card([draft("upadacitinib"), ended])
    assert one.summary == "Upadacitinib ordered; risankizumab ended 2026-11-01: residual overlap possible."
    assert one.indicator is Indicator.INFO


def test_upadacitinib_that_ended_recently() -> None:
    ended = chart("upadacitinib", status="stopped", status_changed=date(2026, 11, 20))
    one = card([draft("risankizumab"), ended])
    assert one.summary == "Risankizumab ordered; upadacitinib ended 2026-11-20: residual overlap possible."


def test_upadacitinib_that_ended_more_than_three_days_ago_is_a_switch_and_says_nothing() -> None:
    ended = chart("upadacitinib", status="stopped", status_changed=date(2026, 11, 19))
    assert cards([draft("risankizumab"), ended]) == ()


def test_a_stop_without_a_date_is_said_to_have_none() -> None:
    ended = chart("risankizumab", status="stopped", last_updated=date(2026, 11, 1))
    one = card([draft("upadacitinib"), ended])
    assert "stop date not recorded" in one.summary
    assert "2026-11-01" not in one.summary
    assert one.indicator is Indicator.INFO


def test_one_after_the_other() -> None:
    one = card([draft("upadacitinib", start=date(2026, 12, 5)), chart("risankizumab", end=date(2026, 12, 1))])
    assert one.summary == "Sequential as recorded: risankizumab ends 2026-12-01, upadacitinib starts 2026-12-05."
    assert one.indicator is Indicator.INFO


def test_one_before_the_other_has_ended_is_an_overlap() -> None:
    one = card([draft("upadacitinib", start=date(2026, 11, 30)), chart("risankizumab", end=date(2026, 12, 1))])
    assert one.summary == "Upadacitinib + risankizumab: the US label does not recommend this combination."
    assert one.indicator is Indicator.WARNING


@pytest.mark.parametrize(
    ("jurisdiction", "said"),
    [
        ("eu", "the EU label does not recommend this combination."),
        ("au", "the AU label lists this combination under contraindications (secondary copy)."),
    ],
)
def test_the_label_of_another_jurisdiction(jurisdiction: str, said: str) -> None:
    one = with_upadacitinib("adalimumab", jurisdiction=jurisdiction)
    assert one.summary == f"Upadacitinib + adalimumab: {said}"
    assert one.indicator is Indicator.WARNING


@pytest.mark.parametrize("jurisdiction", ["us", "eu", "au"])
@pytest.mark.parametrize("indication", [None, *CATALOGUE.indication_order])
def test_the_summary_of_every_single_partner_is_a_whole_sentence_under_140_characters(
    indication: str | None, jurisdiction: str
) -> None:
    problems = [problem(indication)] if indication else []
    for partner in sorted(CATALOGUE.in_scope("us") - {"upadacitinib"}):
        for one in cards([draft("upadacitinib"), chart(partner)], *problems, jurisdiction=jurisdiction):
            assert len(one.summary) < 140
            assert one.summary.endswith(".")
            assert one.summary.count(CATALOGUE.ingredients[partner].name) >= 1


@pytest.mark.parametrize("others", [["abatacept"], ["etanercept", "natalizumab", "abatacept"]])
def test_the_summary_of_several_partners_with_long_names_is_a_whole_sentence_too(others: list[str]) -> None:
    one = card([draft("upadacitinib"), *map(chart, ["certolizumab-pegol", *others])], COLITIS)
    assert one.summary.startswith(f"Upadacitinib + certolizumab pegol and {len(others)} more: ")
    assert len(one.summary) < 140
    assert one.summary.endswith(".")


def test_the_text_of_the_record_never_enters_the_summary() -> None:
    texts = [draft("upadacitinib", text="Rinvoq STAT!"), chart("adalimumab", text="Humira from home")]
    summary = card(texts).summary
    assert summary == "Upadacitinib + adalimumab: the US label does not recommend this combination."
