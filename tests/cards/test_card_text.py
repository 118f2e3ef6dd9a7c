"""What a card says: exact summaries, a detail that fits and stays whole, and the right drafts to remove.

Each test makes its record of facts and reads the cards that `evaluate` gives; the sentences are typed from the
specification. Medicines of the record were written on 1 September 2026 and the day of the call is 23 November 2026.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cards import Catalogue, Policy, Question, evaluate, load_catalogue
from cards.model import (
    Card,
    ConditionFact,
    Gap,
    Hook,
    Indicator,
    Kind,
    MedicationFact,
    Origin,
    Paragraph,
    PatientRecord,
    Recognised,
)
from cards.monitoring import MONITORING
from cards.options_card import OPTIONS
from cards.schema.evidence import EvidenceEntry
from cards.schema.part import Approval, Verification
from cards.text import fit

CATALOGUE = load_catalogue()
ON = date(2026, 11, 23)
WRITTEN = date(2026, 9, 1)
BIOLOGIC, JAK, IMMUNOSUPPRESSANT = "upadacitinib-biologic", "upadacitinib-jak", "upadacitinib-immunosuppressant"
TABLE_HEAD = "| Drug | State | Dates |\n|---|---|---|\n"
NOT_APPROVED = "Content not clinically approved."
NEVER_PRINTED = (
    "contraindicated",
    "prohibited",
    "violation",
    "illegal",
    "liability",
    "fda-compliant",
    "only evidence",
    "high adverse event rate",
    "ranked highest",
    "preferred after upadacitinib failure",
)
HOSTILE = "*[x](http://evil.example/)_`~!|#<img src=x onerror=alert(1)>www.evil.example\n# y"


def fact(ingredient: str, key: str, origin: Origin, **others: Any) -> MedicationFact:
    kind = others.pop("kind", Kind.REQUEST)
    values = {"status": "active", "intent": "order", "authored": WRITTEN, **others}
    return MedicationFact(
        f"Medication{kind.title()}/{key}", kind, origin, (Recognised(ingredient, ingredient),), key, **values
    )


def draft(ingredient: str, key: str | None = None, **others: Any) -> MedicationFact:
    """Make an order of this session."""
    return fact(ingredient, key or f"new-{ingredient}", Origin.DRAFT, **{"status": "draft", "authored": ON, **others})


def chart(ingredient: str, key: str | None = None, **others: Any) -> MedicationFact:
    """Make an order of the record, in force unless `others` says more."""
    return fact(ingredient, key or f"old-{ingredient}", Origin.CHART, **others)


def problem(group: str, **others: Any) -> ConditionFact:
    values = {"clinical_status": "active", "verification_status": "confirmed", **others}
    return ConditionFact(values.pop("ref", f"Condition/{group}"), (group,), **values)


def cards(
    medications: Iterable[MedicationFact],
    *problems: ConditionFact,
    hook: Hook = Hook.ORDER_SIGN,
    catalogue: Catalogue = CATALOGUE,
    gaps: dict[Gap, int] | None = None,
    **question: Any,
) -> tuple[Card, ...]:
    record = PatientRecord("patient-1", tuple(medications), tuple(problems), gaps=gaps or {})
    found = evaluate(record, catalogue, Question(ON, hook, **question)).cards
    # The cards of the rules; options and monitoring have tests of their own.
    return tuple(one for one in found if one.key not in {OPTIONS, MONITORING})


def card(medications: Iterable[MedicationFact], *problems: ConditionFact, **others: Any) -> Card:
    """Return the only card of a record."""
    (one,) = cards(medications, *problems, **others)
    return one


def with_upadacitinib(partner: str, *problems: ConditionFact, **others: Any) -> Card:
    """Return the only card of newly ordered upadacitinib beside a partner in force."""
    return card([draft("upadacitinib"), chart(partner)], *problems, **others)


def paragraphs(one: Card) -> list[str]:
    return one.detail.split("\n\n")


def rows(one: Card) -> list[str]:
    (found,) = (part for part in paragraphs(one) if part.startswith(TABLE_HEAD))
    return found.removeprefix(TABLE_HEAD).split("\n")


def removals(one: Card) -> list[str | None]:
    """Return the references that the suggestions of a card delete, one for each suggestion."""
    return [action.resource_id for suggestion in one.suggestions for (action,) in [suggestion.actions]]


CROHN, COLITIS = problem("crohns-disease"), problem("ulcerative-colitis")


class TestSummary:
    """The one line that is always read."""

    @pytest.mark.parametrize("partner", ["risankizumab", "adalimumab", "tofacitinib", "azathioprine"])
    def test_a_partner_that_the_sentence_reaches(self, partner: str) -> None:
        summary = f"Upadacitinib + {partner}: the US label does not recommend this combination."
        assert with_upadacitinib(partner).summary == summary

    def test_the_summary_of_the_specification_with_its_indication(self) -> None:
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
        self, partner: str, problems: tuple[ConditionFact, ...], said: str
    ) -> None:
        assert with_upadacitinib(partner, *problems).summary == f"Upadacitinib + {partner}: {said}"

    def test_the_order_of_the_two_names_does_not_depend_on_which_is_ordered(self) -> None:
        one = card([draft("risankizumab"), chart("upadacitinib")])
        assert one.summary == "Upadacitinib + risankizumab: the US label does not recommend this combination."

    def test_several_partners_are_one_name_and_a_count(self) -> None:
        one = card([draft("upadacitinib"), chart("adalimumab"), chart("vedolizumab"), chart("etanercept")])
        assert one.summary == "Upadacitinib + adalimumab and 2 more: the US label does not recommend this combination."

    def test_refills_and_mirrored_entries_are_one_partner(self) -> None:
        twice = [chart("adalimumab", "a"), chart("adalimumab", "b"), chart("adalimumab", "c", kind=Kind.STATEMENT)]
        one = card([draft("upadacitinib"), *twice])
        assert one.summary == "Upadacitinib + adalimumab: the US label does not recommend this combination."
        assert len(rows(one)) == 2

    def test_a_partner_that_ended_recently(self) -> None:
        ended = chart("risankizumab", status="stopped", status_changed=date(2026, 11, 1))
        one = card([draft("upadacitinib"), ended])
        assert one.summary == "Upadacitinib ordered; risankizumab ended 2026-11-01: residual overlap possible."
        assert one.indicator is Indicator.INFO

    def test_upadacitinib_that_ended_recently(self) -> None:
        ended = chart("upadacitinib", status="stopped", status_changed=date(2026, 11, 20))
        one = card([draft("risankizumab"), ended])
        assert one.summary == "Risankizumab ordered; upadacitinib ended 2026-11-20: residual overlap possible."

    def test_upadacitinib_that_ended_more_than_three_days_ago_is_a_switch_and_says_nothing(self) -> None:
        ended = chart("upadacitinib", status="stopped", status_changed=date(2026, 11, 19))
        assert cards([draft("risankizumab"), ended]) == ()

    def test_a_stop_without_a_date_is_said_to_have_none(self) -> None:
        ended = chart("risankizumab", status="stopped", last_updated=date(2026, 11, 1))
        one = card([draft("upadacitinib"), ended])
        assert "stop date not recorded" in one.summary
        assert "2026-11-01" not in one.summary
        assert one.indicator is Indicator.INFO

    def test_one_after_the_other(self) -> None:
        one = card([draft("upadacitinib", start=date(2026, 12, 5)), chart("risankizumab", end=date(2026, 12, 1))])
        assert one.summary == "Sequential as recorded: risankizumab ends 2026-12-01, upadacitinib starts 2026-12-05."
        assert one.indicator is Indicator.INFO

    def test_one_before_the_other_has_ended_is_an_overlap(self) -> None:
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
    def test_the_label_of_another_jurisdiction(self, jurisdiction: str, said: str) -> None:
        one = with_upadacitinib("adalimumab", jurisdiction=jurisdiction)
        assert one.summary == f"Upadacitinib + adalimumab: {said}"
        assert one.indicator is Indicator.WARNING

    @pytest.mark.parametrize("jurisdiction", ["us", "eu", "au"])
    @pytest.mark.parametrize("indication", [None, *CATALOGUE.indication_order])
    def test_the_summary_of_every_single_partner_is_a_whole_sentence_under_140_characters(
        self, indication: str | None, jurisdiction: str
    ) -> None:
        problems = [problem(indication)] if indication else []
        for partner in sorted(CATALOGUE.in_scope("us") - {"upadacitinib"}):
            for one in cards([draft("upadacitinib"), chart(partner)], *problems, jurisdiction=jurisdiction):
                assert len(one.summary) < 140
                assert one.summary.endswith(".")
                assert one.summary.count(CATALOGUE.ingredients[partner].name) >= 1

    @pytest.mark.parametrize("others", [["abatacept"], ["etanercept", "natalizumab", "abatacept"]])
    def test_the_summary_of_several_partners_with_long_names_is_a_whole_sentence_too(self, others: list[str]) -> None:
        one = card([draft("upadacitinib"), *map(chart, ["certolizumab-pegol", *others])], COLITIS)
        assert one.summary.startswith(f"Upadacitinib + certolizumab pegol and {len(others)} more: ")
        assert len(one.summary) < 140
        assert one.summary.endswith(".")

    def test_the_text_of_the_record_never_enters_the_summary(self) -> None:
        texts = [draft("upadacitinib", text="Rinvoq STAT!"), chart("adalimumab", text="Humira from home")]
        summary = card(texts).summary
        assert summary == "Upadacitinib + adalimumab: the US label does not recommend this combination."


class TestFirstParagraph:
    """It carries it all: who, how strong, which label, which section."""

    @pytest.mark.parametrize(
        ("partner", "problems"), [("risankizumab", (CROHN,)), ("tacrolimus", ()), ("etanercept", (CROHN,))]
    )
    def test_the_first_paragraph_names_drugs_strength_label_and_section(
        self, partner: str, problems: tuple[ConditionFact, ...]
    ) -> None:
        first = paragraphs(with_upadacitinib(partner, *problems))[0]
        assert f"**Upadacitinib + {partner}**" in first
        assert "not recommended; not listed as a contraindication" in first
        assert "RINVOQ US Prescribing Information, section 1, Limitations of Use" in first
        assert "boxed warning" in first
        assert "Do not combine in routine practice" in first

    def test_the_first_paragraph_of_a_recent_end_names_them_too(self) -> None:
        ended = chart("risankizumab", status="stopped", status_changed=date(2026, 11, 1))
        first = paragraphs(card([draft("upadacitinib"), ended]))[0]
        assert "**Upadacitinib + risankizumab**" in first
        assert "not recommended; not listed as a contraindication" in first
        assert "RINVOQ US Prescribing Information, section 1, Limitations of Use" in first

    def test_the_first_paragraph_says_that_a_partner_is_not_named(self) -> None:
        assert "tacrolimus is not named" in paragraphs(with_upadacitinib("tacrolimus"))[0]

    def test_the_first_paragraph_of_several_partners_names_each(self) -> None:
        first = paragraphs(card([draft("upadacitinib"), chart("adalimumab"), chart("vedolizumab")]))[0]
        assert "**Upadacitinib + adalimumab and upadacitinib + vedolizumab**" in first


class TestTable:
    """Each drug with its state and its dates."""

    def test_a_new_order_and_a_medicine_in_force(self) -> None:
        assert rows(with_upadacitinib("adalimumab")) == [
            "| upadacitinib | ordered | draft of this session |",
            "| adalimumab | current | in force, recorded 2026-09-01 |",
        ]

    @pytest.mark.parametrize(
        ("partner", "row"),
        [
            (
                chart("adalimumab", status="on-hold"),
                "| adalimumab | current, on hold | in force, recorded 2026-09-01 |",
            ),
            (
                chart("adalimumab", status="unknown"),
                "| adalimumab | current, status unknown | in force, recorded 2026-09-01 |",
            ),
            (
                chart(
                    "infliximab", kind=Kind.ADMINISTRATION, status="completed", authored=None, given=date(2026, 10, 1)
                ),
                "| infliximab | current | last given 2026-10-01; counted until 2026-12-10 |",
            ),
            (
                chart("infliximab", kind=Kind.ADMINISTRATION, status="stopped", authored=None, given=date(2026, 10, 1)),
                "| infliximab | current | last dose 2026-10-01 was partly given; counted until 2026-12-10 |",
            ),
            (
                chart("risankizumab", status="stopped", status_changed=date(2026, 11, 1)),
                "| risankizumab | recently ended | stopped 2026-11-01; counted until 2027-02-19 |",
            ),
            (
                chart("adalimumab", end=date(2026, 12, 24)),
                "| adalimumab | current | in force, recorded 2026-09-01; ends 2026-12-24 |",
            ),
            (
                chart("adalimumab", start=date(2026, 12, 1)),
                "| adalimumab | current | in force, recorded 2026-09-01; starts 2026-12-01 |",
            ),
        ],
        ids=lambda item: item.status if isinstance(item, MedicationFact) else "",
    )
    def test_the_state_and_the_dates_that_decided(self, partner: MedicationFact, row: str) -> None:
        assert rows(card([draft("upadacitinib"), partner]))[1] == row

    def test_an_order_of_what_is_already_taken(self) -> None:
        one = card([draft("upadacitinib"), chart("upadacitinib"), chart("adalimumab")])
        assert rows(one)[0].startswith("| upadacitinib | ordered, already current | draft of this session;")

    def test_old_activity_is_said(self) -> None:
        one = card([draft("upadacitinib"), chart("adalimumab", authored=date(2024, 5, 6))])
        assert "last recorded activity 2024-05-06" in rows(one)[1]

    def test_a_name_as_written_stands_beside_the_catalogue_name(self) -> None:
        one = card([draft("upadacitinib", text="Rinvoq 45"), chart("adalimumab", text="ADALIMUMAB")])
        assert rows(one)[0].startswith("| upadacitinib (Rinvoq 45) | ")
        assert rows(one)[1].startswith("| adalimumab | ")

    def test_a_name_without_a_visible_character_is_left_out(self) -> None:
        one = card([draft("upadacitinib"), chart("adalimumab", text="\u200b\u202e")])
        assert rows(one)[1].startswith("| adalimumab | ")

    def test_a_long_table_shows_six_rows_and_counts_the_rest(self) -> None:
        partners = [key for key in CATALOGUE.ingredients if key in CATALOGUE.roles[BIOLOGIC][1]][:9]
        one = card([draft("upadacitinib"), *map(chart, partners)])
        assert len(rows(one)) == 7
        assert rows(one)[-1] == "| and 4 more | | |"


class TestDetail:
    """What the paragraphs after the first say."""

    def test_it_quotes_the_sentence_of_the_indication_with_its_section(self) -> None:
        detail = with_upadacitinib("risankizumab", CROHN).detail
        assert "biological therapies for Crohn's disease, or potent immunosuppressants" in detail
        assert "(RINVOQ US Prescribing Information, section 1, Limitations of Use)" in detail
        assert '" (October 2025 wording; a later revision was not checked; text seen as a secondary copy)' in detail
        assert "**Indication**: Crohn's disease, from the problem list." in detail

    def test_it_says_where_the_indication_comes_from(self) -> None:
        order = draft("upadacitinib", reason_groups=("ulcerative-colitis",))
        stated = card([order, chart("infliximab")], CROHN)
        assert "**Indication**: Ulcerative colitis, as the order states." in stated.detail
        unsure = with_upadacitinib("infliximab", problem("crohns-disease", verification_status="provisional"))
        assert "Crohn's disease, from the problem list (provisional)." in unsure.detail
        several = with_upadacitinib("infliximab", CROHN, problem("rheumatoid-arthritis"))
        assert "from the problem list; also on record: Rheumatoid arthritis." in several.detail

    def test_it_tells_no_indication_on_record_from_no_problem_list(self) -> None:
        assert "none of the labelled indications is on record" in with_upadacitinib("infliximab").detail
        absent = with_upadacitinib("infliximab", gaps={Gap.CONDITIONS_ABSENT: 1})
        assert "the problem list was not supplied" in absent.detail

    def test_it_says_what_the_label_of_the_partner_says_or_that_nothing_was_verified(self) -> None:
        assert "**Label of infliximab**: combination with other biological products" in (
            with_upadacitinib("infliximab").detail
        )
        assert "**Label of adalimumab**: no statement on JAK inhibitors that we verified." in (
            with_upadacitinib("adalimumab").detail
        )

    def test_it_says_the_scope_the_version_and_how_to_go_on(self) -> None:
        detail = with_upadacitinib("adalimumab").detail
        assert "Checked: upadacitinib pairs only" in detail
        assert f"Knowledge {CATALOGUE.version}." in detail
        assert "**If you proceed**" in detail
        assert "No randomised comparison of combination with sequential monotherapy was found." in detail

    def test_natalizumab_and_a_second_jak_inhibitor_have_their_own_remarks(self) -> None:
        assert "progressive multifocal leukoencephalopathy (PML)" in with_upadacitinib("natalizumab").detail
        assert "additive toxicity" in with_upadacitinib("tofacitinib").detail
        assert "class extrapolation" in with_upadacitinib("deucravacitinib").detail
        assert "PML" not in with_upadacitinib("vedolizumab").detail

    def test_an_active_serious_infection_makes_the_card_critical_and_is_said(self) -> None:
        one = with_upadacitinib("adalimumab", problem("pneumonia", onset=date(2026, 11, 20)))
        assert one.indicator is Indicator.CRITICAL
        assert "**Active serious infection on record** (Pneumonia)" in one.detail
        assert "applies to each drug alone too" in one.detail

    def test_an_acute_infection_without_a_date_counts_and_is_said_to_have_none(self) -> None:
        one = with_upadacitinib("adalimumab", problem("pneumonia"))
        assert one.indicator is Indicator.CRITICAL
        assert "(Pneumonia, undated)" in one.detail

    def test_a_window_that_is_a_convention_is_marked(self) -> None:
        given_dose: dict[str, Any] = {
            "kind": Kind.ADMINISTRATION,
            "status": "completed",
            "authored": None,
            "given": date(2026, 10, 20),
        }
        conventional = card([draft("upadacitinib"), chart("abatacept", **given_dose)])
        assert re.search(r"The window of abatacept \(42 d(ays)?\) is a (class )?convention", conventional.detail)
        sourced = card([draft("upadacitinib"), chart("infliximab", **given_dose)])
        assert "convention" not in sourced.detail

    def test_a_part_of_the_record_that_could_not_be_read_is_said(self) -> None:
        one = with_upadacitinib("adalimumab", gaps={Gap.MEDICATION_UNREADABLE: 3})
        assert "Part of the record could not be read" in one.detail
        assert "other combinations may exist" in one.detail

    def test_a_disagreement_of_code_and_text_is_said(self) -> None:
        one = card([draft("upadacitinib"), chart("adalimumab", disagreement="etanercept")])
        assert "One entry is coded as adalimumab but its text names etanercept" in one.detail

    def test_an_order_that_is_replaced_is_said_to_be_active_still(self) -> None:
        order = draft("upadacitinib", prior_prescription="MedicationRequest/old-adalimumab")
        one = card([order, chart("adalimumab")])
        assert one.indicator is Indicator.INFO
        assert "Adalimumab is still active in the record; confirm that it is discontinued." in one.detail


def everything(**others: Any) -> list[MedicationFact]:
    """Return newly ordered upadacitinib beside every other ingredient of the catalogue."""
    partners = [key for key in CATALOGUE.ingredients if key != "upadacitinib"]
    return [draft("upadacitinib", **others), *(chart(key, **others) for key in partners)]


LONGEST_NAMES: dict[str, Any] = {"text": "[`*_~|" * 10, "doubts": ("(&<" * 40,)}


class TestLength:
    """A detail fits, and what must be said is in it."""

    @pytest.mark.parametrize("indication", [None, *CATALOGUE.indication_order])
    def test_the_detail_fits_with_more_than_forty_partners(self, indication: str | None) -> None:
        found = cards(everything(), *([problem(indication)] if indication else []))
        assert len(found) == 3
        assert max(len(CATALOGUE.roles[one.key][1]) for one in found) >= 40
        for one in found:
            assert len(one.detail) <= 2_500
            assert one.detail.endswith(NOT_APPROVED)

    @pytest.mark.parametrize("jurisdiction", ["us", "eu", "au"])
    def test_the_detail_fits_with_the_longest_names_and_every_caution(self, jurisdiction: str) -> None:
        problems = [problem(key) for key in CATALOGUE.conditions]
        gaps = dict.fromkeys(Gap, 99)
        for one in cards(everything(**LONGEST_NAMES), *problems, jurisdiction=jurisdiction, gaps=gaps):
            assert len(one.detail) <= 2_500
            assert len(one.summary) < 140

    def test_the_longest_names_do_not_push_out_the_scope_and_the_missing_approval(self) -> None:
        for one in cards(everything(**LONGEST_NAMES), COLITIS):
            assert "Checked: upadacitinib pairs only" in one.detail
            assert one.detail.endswith(NOT_APPROVED)

    @pytest.mark.parametrize("indication", [None, *CATALOGUE.indication_order])
    def test_a_transplant_with_many_immunosuppressants_keeps_caution_reason_and_scope(
        self, indication: str | None
    ) -> None:
        problems = [problem(key) for key in ("transplant-status", indication) if key]
        found = cards(everything(), *problems)
        (one,) = (item for item in found if item.key == IMMUNOSUPPRESSANT)
        assert "abruptly; contact the prescriber or transplant team." in one.detail
        assert "**Why**" in one.detail
        assert one.detail.endswith(NOT_APPROVED)

    def test_of_a_detail_that_is_too_long_the_least_important_paragraph_goes_first(self) -> None:
        parts = [Paragraph("a" * 10), Paragraph("b" * 10, drop=1), Paragraph("c" * 10, drop=2), Paragraph("d" * 10)]
        assert fit(parts, 46).split("\n\n") == ["a" * 10, "b" * 10, "c" * 10, "d" * 10]
        assert fit(parts, 45).split("\n\n") == ["a" * 10, "b" * 10, "d" * 10]
        assert fit(parts, 33).split("\n\n") == ["a" * 10, "d" * 10]

    def test_of_two_equally_important_paragraphs_the_later_one_goes_first(self) -> None:
        assert fit([Paragraph("first", drop=1), Paragraph("second", drop=1)], 10) == "first"

    def test_an_empty_paragraph_leaves_no_gap(self) -> None:
        assert fit([Paragraph("first"), Paragraph(""), Paragraph("last")]) == "first\n\nlast"


RULED = sorted(CATALOGUE.in_scope("us") - {"upadacitinib"})


class TestForbiddenWords:
    """Some words are never printed."""

    @pytest.mark.parametrize("indication", [None, *CATALOGUE.indication_order])
    @pytest.mark.parametrize("hook", Hook)
    def test_no_card_of_the_us_holds_one(self, hook: Hook, indication: str | None) -> None:
        problems = [problem(key) for key in (indication, "pneumonia", "transplant-status") if key]
        upadacitinib = chart if hook is Hook.PATIENT_VIEW else draft
        ended: dict[str, Any] = {"status": "stopped", "status_changed": date(2026, 11, 20)}
        seen = 0
        for partner, how in itertools.product(RULED, ({}, ended)):
            for one in cards([upadacitinib("upadacitinib"), chart(partner, **how)], *problems, hook=hook):
                seen += 1
                assert [word for word in NEVER_PRINTED if word in printed(one).casefold()] == []
        assert seen >= 50

    def test_the_card_of_an_unfinished_check_holds_none(self) -> None:
        one = card([draft("upadacitinib")], gaps={Gap.MEDICATIONS_FAILED: 1})
        assert [word for word in NEVER_PRINTED if word in printed(one).casefold()] == []


def printed(one: Card) -> str:
    """Return every text of a card that a clinician can read."""
    suggestions = (
        text for item in one.suggestions for text in (item.label, *(act.description for act in item.actions))
    )
    reasons = (item.display for item in one.override_reasons)
    return "\n".join((one.summary, one.detail, one.source_label, one.topic.display, *suggestions, *reasons))


def tokens(text: str) -> list[Token]:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [child for token in parser.parse(text) for child in (token, *(token.children or []))]


@pytest.mark.fault(40)
def test_text_of_the_record_never_becomes_markup_of_a_card() -> None:
    hostile: dict[str, Any] = {"text": HOSTILE, "doubts": (HOSTILE,)}
    tame: dict[str, Any] = {"text": "written", "doubts": ("written",)}
    attacked, plain = (
        card([draft("upadacitinib", **texts), chart("adalimumab", **texts)], CROHN) for texts in (hostile, tame)
    )
    found = {token.type for token in tokens(attacked.detail)}
    assert not found & {"link_open", "image", "html_block", "html_inline", "heading_open", "code_inline", "fence"}
    assert found == {token.type for token in tokens(plain.detail)}
    assert len(rows(attacked)) == 2
    assert attacked.summary == plain.summary


def approved(catalogue: Catalogue, key: str, approval: Approval) -> Catalogue:
    """Return a copy of the knowledge in which a rule carries an approval, and its evidence a whole one."""
    rule = catalogue.rules[key].model_copy(update={"approval": approval})
    entries = {name: catalogue.evidence[name].model_copy(update={"approval": ALWAYS}) for name in rule.evidence}
    return dataclasses.replace(
        catalogue, rules={**catalogue.rules, key: rule}, evidence={**catalogue.evidence, **entries}
    )


ROLE, DATE, REVIEW = "Chief pharmacist", date(2026, 10, 1), date(2027, 10, 1)
WHOLE = Approval(role=ROLE, date=DATE, next_review=REVIEW)
ALWAYS = Approval(role=ROLE, date=date(2026, 1, 1), next_review=date(2027, 12, 31))


class TestApproval:
    """A card says that its content is not approved until a site has approved it."""

    @pytest.mark.parametrize("partner", ["adalimumab", "tofacitinib", "azathioprine"])
    def test_the_shipped_knowledge_says_so_on_every_card(self, partner: str) -> None:
        assert with_upadacitinib(partner).detail.endswith(NOT_APPROVED)

    def test_an_approval_with_role_date_and_review_takes_the_sentence_away(self) -> None:
        one = with_upadacitinib("adalimumab", catalogue=approved(CATALOGUE, BIOLOGIC, WHOLE))
        assert "approved" not in one.detail

    @pytest.mark.parametrize(
        "approval",
        [
            Approval(),
            Approval(role=ROLE),
            Approval(date=DATE),
            Approval(next_review=REVIEW),
            Approval(role=ROLE, date=DATE),
            Approval(role=ROLE, next_review=REVIEW),
            Approval(date=DATE, next_review=REVIEW),
            Approval(role=ROLE, date=DATE, next_review=date(2026, 11, 22)),
            Approval(role=ROLE, date=date(2026, 11, 24), next_review=REVIEW),
        ],
        ids=["none", "role", "date", "review", "no review", "no date", "no role", "overdue", "of tomorrow"],
    )
    def test_a_part_of_an_approval_is_none(self, approval: Approval) -> None:
        one = with_upadacitinib("adalimumab", catalogue=approved(CATALOGUE, BIOLOGIC, approval))
        assert one.detail.endswith(NOT_APPROVED)

    @pytest.mark.parametrize(("day", "review"), [(ON, REVIEW), (DATE, ON), (ON, ON)])
    def test_an_approval_holds_from_its_day_to_the_day_of_the_review(self, day: date, review: date) -> None:
        approval = Approval(role=ROLE, date=day, next_review=review)
        one = with_upadacitinib("adalimumab", catalogue=approved(CATALOGUE, BIOLOGIC, approval))
        assert NOT_APPROVED not in one.detail

    def test_the_approval_of_one_rule_is_not_that_of_another(self) -> None:
        catalogue = approved(CATALOGUE, BIOLOGIC, WHOLE)
        assert NOT_APPROVED in with_upadacitinib("tofacitinib", catalogue=catalogue).detail

    @pytest.mark.parametrize("entry_approval", [Approval(), Approval(role=ROLE, date=DATE)], ids=["none", "a part"])
    def test_an_approved_rule_that_uses_unapproved_evidence_still_says_so(self, entry_approval: Approval) -> None:
        one = with_upadacitinib("adalimumab", catalogue=with_evidence(entry_approval))
        assert one.detail.endswith(NOT_APPROVED)

    def test_an_approved_rule_that_uses_approved_evidence_does_not(self) -> None:
        assert NOT_APPROVED not in with_upadacitinib("adalimumab", catalogue=with_evidence(WHOLE)).detail


def with_evidence(approval: Approval) -> Catalogue:
    """Return a copy of the knowledge in which the approved biologic rule uses one evidence entry."""
    entry = EvidenceEntry(
        citation="A series",
        finding="Response in some.",
        certainty="not rated",
        verification=Verification.PRIMARY,
        line="A series: response in some.",
        approval=approval,
    )
    rule = CATALOGUE.rules[BIOLOGIC].model_copy(update={"approval": WHOLE, "evidence": ("a-series",)})
    return dataclasses.replace(
        CATALOGUE, rules={**CATALOGUE.rules, BIOLOGIC: rule}, evidence={**CATALOGUE.evidence, "a-series": entry}
    )


class TestRemovals:
    """One suggestion for each draft of a pair that can be taken back, and no other."""

    def test_of_an_order_and_a_medicine_in_force_the_order_can_be_removed(self) -> None:
        one = with_upadacitinib("adalimumab")
        assert removals(one) == ["MedicationRequest/new-upadacitinib"]
        (suggestion,) = one.suggestions
        assert suggestion.label == "Remove the draft order for upadacitinib"
        assert [action.type for action in suggestion.actions] == ["delete"]
        assert not suggestion.recommended

    def test_of_two_orders_each_can_be_removed_and_never_both_at_once(self) -> None:
        one = card([draft("upadacitinib"), draft("adalimumab")])
        assert removals(one) == ["MedicationRequest/new-upadacitinib", "MedicationRequest/new-adalimumab"]
        assert len({item.kind for item in one.suggestions}) == 2

    def test_two_orders_of_one_drug_are_two_removals(self) -> None:
        one = card([draft("upadacitinib", "a"), draft("upadacitinib", "b"), chart("adalimumab")])
        assert sorted(map(str, removals(one))) == ["MedicationRequest/a", "MedicationRequest/b"]

    def test_an_order_that_was_not_selected_can_be_removed_too(self) -> None:
        one = card(
            [draft("upadacitinib"), draft("adalimumab")],
            hook=Hook.ORDER_SELECT,
            selections=frozenset({"MedicationRequest/new-adalimumab"}),
        )
        assert len(removals(one)) == 2

    def test_an_order_of_no_pair_is_left_alone(self) -> None:
        one = card([draft("upadacitinib"), draft("adalimumab"), draft("prednisone"), draft("methotrexate")])
        assert removals(one) == ["MedicationRequest/new-upadacitinib", "MedicationRequest/new-adalimumab"]

    def test_each_rule_removes_the_drafts_of_its_own_pairs(self) -> None:
        found = cards([draft("upadacitinib"), draft("adalimumab"), draft("tofacitinib")])
        assert {one.key: removals(one)[1:] for one in found} == {
            BIOLOGIC: ["MedicationRequest/new-adalimumab"],
            JAK: ["MedicationRequest/new-tofacitinib"],
        }

    def test_a_renewal_cannot_be_removed(self) -> None:
        one = card([draft("upadacitinib"), chart("upadacitinib"), draft("adalimumab")])
        assert removals(one) == ["MedicationRequest/new-adalimumab"]

    def test_two_renewals_have_no_removal(self) -> None:
        one = card([draft("upadacitinib"), chart("upadacitinib"), draft("adalimumab"), chart("adalimumab")])
        assert one.indicator is Indicator.WARNING
        assert one.suggestions == ()

    def test_an_order_that_signs_the_record_again_is_a_renewal(self) -> None:
        same = {"key": "one-and-the-same"}
        one = card([draft("upadacitinib", **same), chart("upadacitinib", **same), chart("adalimumab")])
        assert one.suggestions == ()

    def test_an_order_of_what_ended_recently_is_new(self) -> None:
        ended = chart("adalimumab", status="stopped", status_changed=date(2026, 11, 1))
        one = card([draft("adalimumab"), ended, chart("upadacitinib")])
        assert removals(one) == ["MedicationRequest/new-adalimumab"]

    @pytest.mark.parametrize("partner", ["azathioprine", "tacrolimus", "mycophenolate"])
    def test_an_immunosuppressant_with_a_transplant_on_record_cannot_be_removed(self, partner: str) -> None:
        orders = [draft("upadacitinib"), draft(partner)]
        one = card(orders, problem("transplant-status"))
        assert removals(one) == ["MedicationRequest/new-upadacitinib"]
        assert f"Do not stop {partner} abruptly; contact the prescriber or transplant team." in one.detail

    def test_without_a_transplant_on_record_it_can(self) -> None:
        one = card([draft("upadacitinib"), draft("tacrolimus")])
        assert len(removals(one)) == 2
        assert "abruptly" not in one.detail

    def test_a_transplant_that_was_refuted_protects_nothing(self) -> None:
        refuted = problem("transplant-status", verification_status="refuted")
        assert len(removals(card([draft("upadacitinib"), draft("tacrolimus")], refuted))) == 2

    def test_a_biologic_can_be_removed_with_a_transplant_on_record(self) -> None:
        one = card([draft("upadacitinib"), draft("adalimumab")], problem("transplant-status"))
        assert len(removals(one)) == 2

    def test_an_order_without_an_id_cannot_be_removed(self) -> None:
        nameless = dataclasses.replace(draft("upadacitinib"), id=None, ref="draftOrders.entry[0]")
        one = card([nameless, chart("adalimumab")])
        assert one.indicator is Indicator.WARNING
        assert one.suggestions == ()

    def test_a_critical_card_has_its_removals(self) -> None:
        one = with_upadacitinib("adalimumab", problem("active-tuberculosis"))
        assert one.indicator is Indicator.CRITICAL
        assert removals(one) == ["MedicationRequest/new-upadacitinib"]

    @pytest.mark.parametrize(
        ("medications", "problems", "question"),
        [
            (
                [draft("upadacitinib"), chart("risankizumab", status="stopped", status_changed=date(2026, 11, 1))],
                [],
                {},
            ),
            (
                [draft("upadacitinib", start=date(2026, 12, 5)), chart("risankizumab", end=date(2026, 12, 1))],
                [],
                {},
            ),
            ([draft("upadacitinib"), draft("omalizumab")], [CROHN], {}),
            ([chart("upadacitinib"), chart("adalimumab")], [], {"hook": Hook.PATIENT_VIEW}),
            (
                [draft("upadacitinib"), draft("adalimumab")],
                [],
                {"policy": Policy(ceilings=((BIOLOGIC, Indicator.INFO),))},
            ),
        ],
        ids=["recent", "sequential", "quiet partner", "patient-view", "lowered by the site"],
    )
    def test_an_info_card_has_no_removal(
        self, medications: list[MedicationFact], problems: list[ConditionFact], question: dict[str, Any]
    ) -> None:
        one = card(medications, *problems, **question)
        assert one.indicator is Indicator.INFO
        assert one.suggestions == ()

    def test_no_suggestion_of_a_crowded_record_does_more_than_one_thing(self) -> None:
        orders = [draft(key) for key in CATALOGUE.ingredients]
        found = cards(orders, COLITIS)
        assert len(found) == 3
        for one in found:
            wanted = {f"MedicationRequest/new-{key}" for key in (*CATALOGUE.roles[one.key][1], "upadacitinib")}
            assert len(removals(one)) == len(set(removals(one)))
            assert {str(ref) for ref in removals(one)} <= wanted
            assert all(len(item.actions) == 1 for item in one.suggestions)


class TestUnfinishedCheck:
    """The card that stands where nothing was found because something was missing."""

    def test_it_is_a_warning_for_upadacitinib_and_says_that_it_is_no_all_clear(self) -> None:
        one = card([draft("upadacitinib")], gaps={Gap.MEDICATIONS_FAILED: 1})
        assert one.summary.startswith("Upadacitinib combination check not completed")
        assert one.indicator is Indicator.WARNING
        assert "the medication list could not be obtained" in one.detail
        assert "not an all-clear" in one.detail
        assert one.suggestions == ()

    def test_it_is_an_info_for_a_partner(self) -> None:
        assert card([draft("adalimumab")], gaps={Gap.MEDICATIONS_FAILED: 1}).indicator is Indicator.INFO

    def test_it_does_not_stand_beside_a_finding(self) -> None:
        one = with_upadacitinib("adalimumab", gaps={Gap.MEDICATION_UNREADABLE: 1})
        assert one.key == BIOLOGIC

    def test_a_missing_problem_list_alone_does_not_raise_it(self) -> None:
        assert cards([draft("upadacitinib")], gaps={Gap.CONDITIONS_ABSENT: 1}) == ()

    def test_it_fits_whatever_is_missing(self) -> None:
        one = card([draft("upadacitinib")], gaps=dict.fromkeys(Gap, 1_000_000))
        assert len(one.detail) <= 2_500
        assert len(one.summary) < 140


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


class TestSameness:
    """The same record gives the same card."""

    def test_the_same_question_gives_the_same_cards(self) -> None:
        assert cards(MEDICATIONS, *PROBLEMS) == cards(MEDICATIONS, *PROBLEMS)

    def test_knowledge_that_is_loaded_again_gives_the_same_cards(self) -> None:
        assert cards(MEDICATIONS, *PROBLEMS, catalogue=load_catalogue()) == cards(MEDICATIONS, *PROBLEMS)

    @given(medications=st.permutations(MEDICATIONS), problems=st.permutations(PROBLEMS))
    def test_the_order_of_the_facts_does_not_matter(
        self, medications: list[MedicationFact], problems: list[ConditionFact]
    ) -> None:
        assert cards(medications, *problems) == cards(MEDICATIONS, *PROBLEMS)

    def test_the_order_of_two_infections_does_not_matter(self) -> None:
        infections = [problem("sepsis"), problem("pneumonia")]
        medications = [draft("upadacitinib"), chart("adalimumab")]
        assert cards(medications, *infections) == cards(medications, *infections[::-1])

    def test_the_loudest_card_comes_first(self) -> None:
        found = cards([draft("upadacitinib"), chart("omalizumab"), chart("tofacitinib")], CROHN)
        assert [(one.key, one.indicator) for one in found] == [
            (JAK, Indicator.WARNING),
            (BIOLOGIC, Indicator.INFO),
        ]

    def test_a_card_names_its_topic_source_drafts_and_override_reasons(self) -> None:
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
