"""The same record gives the same card, whatever the order of its facts."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from cards import load_catalogue
from cards.model import ConditionFact, Indicator, Kind, MedicationFact
from tests.cards.records import BIOLOGIC, COLITIS, CROHN, JAK, WRITTEN, card, cards, chart, draft, problem

MEDICATIONS = (
    draft("upadacitinib", "u1", text="Rinvoq 45 mg"),
    draft("upadacitinib", "u2"),
    draft("azathioprine"),
    chart("adalimumab", "a1"),
    chart("adalimumab", "a2", kind=Kind.STATEMENT, authored=None, asserted=WRITTEN),
    chart("infliximab", "i1", kind=Kind.ADMINISTRATION, status="completed", authored=None, given=date(2026, 10, 1)),
    chart("infliximab", "i2", kind=Kind.ADMINISTRATION, status="stopped", authored=None, given=date(2026, 10, 1)),
    chart("risankizumab", status="stopped", status_changed=date(2026, 11, 1)),
    chart("tofacitinib", doubts=("an unknown extension",)),
    chart("tacrolimus", disagreement="sirolimus"),
    chart("prednisone"),
)


PROBLEMS = (COLITIS, CROHN, problem("transplant-status"), problem("sepsis", onset=date(2026, 11, 20)))


def test_the_same_question_gives_the_same_cards() -> None:
    assert cards(MEDICATIONS, *PROBLEMS) == cards(MEDICATIONS, *PROBLEMS)


def test_knowledge_that_is_loaded_again_gives_the_same_cards() -> None:
    assert cards(MEDICATIONS, *PROBLEMS, catalogue=load_catalogue()) == cards(MEDICATIONS, *PROBLEMS)


@given(medications=st.permutations(MEDICATIONS), problems=st.permutations(PROBLEMS))
def test_the_order_of_the_facts_does_not_matter(
    medications: list[MedicationFact], problems: list[ConditionFact]
) -> None:
    assert cards(medications, *problems) == cards(MEDICATIONS, *PROBLEMS)


def test_the_order_of_two_infections_does_not_matter() -> None:
    infections = [problem("sepsis"), problem("pneumonia")]
    medications = [draft("upadacitinib"), chart("adalimumab")]
    assert cards(medications, *infections) == cards(medications, *infections[::-1])


def test_the_loudest_card_comes_first() -> None:
    found = cards([draft("upadacitinib"), chart("omalizumab"), chart("tofacitinib")], CROHN)
    assert [(one.key, one.indicator) for one in found] == [
        (JAK, Indicator.WARNING),
        (BIOLOGIC, Indicator.INFO),
    ]


def test_a_card_names_its_topic_source_drafts_and_override_reasons() -> None:
    one = card([draft("upadacitinib"), draft("azathioprine")])
    assert one.topic.code == "UPADACITINIBIMMUNOSUPPRESSANT"
    assert one.source_label == "RINVOQ US Prescribing Information"
    assert one.source_url is not None
    assert one.source_url.startswith("https://")
    assert one.drafts == ("MedicationRequest/new-azathioprine", "MedicationRequest/new-upadacitinib")
    assert [item.code for item in one.override_reasons] == [
        "planned-switch",
        "already-stopped",
        "specialist-directed",
        "clinical-trial",
        "transplant-or-oncology",
        "other",
    ]
