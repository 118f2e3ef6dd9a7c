"""What the paragraphs after the first say, and that they fit with what must be said in them."""

import re
from datetime import date
from typing import Any

import pytest

from cards.model import Gap, Indicator, Kind, Paragraph
from cards.text import fit
from tests.cards.records import (
    COLITIS,
    CROHN,
    IMMUNOSUPPRESSANT,
    LONGEST_NAMES,
    NOT_APPROVED,
    card,
    cards,
    chart,
    draft,
    everything,
    problem,
    with_upadacitinib,
)
from tests.packaged import CATALOGUE


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
