"""The first paragraph, which carries it all, and the table of each drug with its state and its dates."""

from datetime import date

import pytest

from cards.model import ConditionFact, Kind, MedicationFact
from tests.cards.records import BIOLOGIC, CROHN, card, chart, draft, paragraphs, rows, with_upadacitinib
from tests.packaged import CATALOGUE


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
