"""Which lines of evidence a card shows, in which order, and which it gives up first."""

import dataclasses
import itertools
import re
from collections.abc import Iterable

import pytest

from cards import Catalogue, load_catalogue
from cards.evidence import MOST_LINES, evidence_lines
from cards.model import Card, Indicator, Paragraph
from cards.printable import LONGEST_LINE, SERIES
from cards.schema.evidence import Certainty, EvidenceEntry
from cards.schema.part import Verification
from cards.schema.rules import Rule
from cards.text import LONGEST_DETAIL, fit
from tests.cards.records import (
    BIOLOGIC,
    CROHN,
    IMMUNOSUPPRESSANT,
    JAK,
    LONGEST_NAMES,
    card,
    cards,
    chart,
    draft,
    everything,
    problem,
    with_upadacitinib,
)
from tests.packaged import CATALOGUE

RULE = CATALOGUE.rules[BIOLOGIC]
PARTNERS = sorted(CATALOGUE.roles[BIOLOGIC][1])
USTEKINUMAB = ("miyatani-2024", "knyazev-cases")


def line_of(key: str) -> str:
    line = CATALOGUE.evidence[key].line
    assert line is not None
    return line


def bullets(one: Card) -> list[str]:
    return [line.removeprefix("- ") for line in one.detail.splitlines() if line.startswith("- ")]


def chosen(*partners: str) -> list[str]:
    return [line.text for line in evidence_lines(RULE, partners, CATALOGUE)]


class TestChoice:
    """At most four, the pair's own first, and the series always."""

    @pytest.mark.parametrize("partner", PARTNERS)
    def test_every_biologic_brings_the_series_of_27_among_at_most_four_lines(self, partner: str) -> None:
        lines = chosen(partner)
        assert line_of(SERIES) in lines
        assert 1 <= len(lines) <= MOST_LINES

    def test_no_two_biologics_together_push_the_series_out(self) -> None:
        for pair in itertools.combinations(PARTNERS, 2):
            lines = chosen(*pair)
            assert line_of(SERIES) in lines
            assert len(lines) <= MOST_LINES

    def test_the_reports_on_ustekinumab_come_first_where_ustekinumab_is_in_the_pair(self) -> None:
        assert chosen("ustekinumab") == [*map(line_of, (*USTEKINUMAB, SERIES, "meta-analysis-2026"))]
        assert chosen("vedolizumab", "ustekinumab") == chosen("ustekinumab")

    @pytest.mark.parametrize("partner", [key for key in PARTNERS if key != "ustekinumab"])
    def test_the_reports_on_ustekinumab_stay_away_from_any_other_pair(self, partner: str) -> None:
        assert not set(map(line_of, USTEKINUMAB)) & set(chosen(partner))

    def test_the_largest_safety_signal_is_beside_the_series_for_every_biologic(self) -> None:
        assert all(line_of("meta-analysis-2026") in chosen(partner) for partner in PARTNERS)

    @pytest.mark.parametrize("key", [JAK, IMMUNOSUPPRESSANT])
    def test_no_line_speaks_of_jak_inhibitors_or_immunosuppressants(self, key: str) -> None:
        for partner in CATALOGUE.roles[key][1]:
            assert evidence_lines(CATALOGUE.rules[key], [partner], CATALOGUE) == ()


def entry(certainty: Certainty = "not rated", partners: Iterable[str] = (), line: str | None = "x") -> EvidenceEntry:
    return EvidenceEntry(
        citation="A study",
        finding="Found.",
        certainty=certainty,
        verification=Verification.PRIMARY,
        line=line,
        partners=tuple(partners),
    )


def ruled(**entries: EvidenceEntry) -> tuple[Rule, Catalogue]:
    """Return a rule that lists these entries in this order; each line is the name of its entry."""
    named = {key: item.model_copy(update={"line": item.line and key}) for key, item in entries.items()}
    rule = RULE.model_copy(update={"evidence": tuple(entries)})
    return rule, dataclasses.replace(CATALOGUE, evidence=named, rules={**CATALOGUE.rules, BIOLOGIC: rule})


class TestOrder:
    """The order of the specification, on entries made for it."""

    def test_the_best_certainty_comes_first_and_equals_keep_the_order_of_the_rule(self) -> None:
        rule, catalogue = ruled(
            a=entry(), b=entry("very low"), c=entry("moderate"), d=entry("very low"), e=entry(line=None)
        )
        assert [line.text for line in evidence_lines(rule, ["adalimumab"], catalogue)] == ["c", "b", "d", "a"]

    def test_a_line_on_the_partner_comes_before_a_better_certainty(self) -> None:
        rule, catalogue = ruled(a=entry("high"), b=entry(partners=["adalimumab"]))
        assert [line.text for line in evidence_lines(rule, ["adalimumab"], catalogue)] == ["b", "a"]
        assert [line.text for line in evidence_lines(rule, ["infliximab"], catalogue)] == ["a"]

    def test_the_first_entry_of_the_rule_is_kept_where_four_others_rank_higher(self) -> None:
        better = {key: entry("high") for key in "bcdef"}
        rule, catalogue = ruled(a=entry(), **better)
        assert [line.text for line in evidence_lines(rule, ["adalimumab"], catalogue)] == ["b", "c", "d", "a"]

    def test_a_rated_line_says_its_certainty_and_an_unrated_one_does_not(self) -> None:
        _, catalogue = ruled(a=entry(), b=entry("very low"))
        assert bullets(with_upadacitinib("adalimumab", catalogue=catalogue)) == ["b; certainty very low", "a"]


class TestCard:
    """The list on the card."""

    def test_it_is_one_list_under_a_sentence_on_guidelines(self) -> None:
        parts = with_upadacitinib("ustekinumab", CROHN).detail.split("\n\n")
        (at,) = (index for index, part in enumerate(parts) if part.startswith("**Evidence**"))
        assert parts[at].endswith(
            "No guideline recommendation supporting this combination was found in the sources checked."
        )
        assert parts[at + 1] == "\n".join(f"- {line}" for line in chosen("ustekinumab"))

    @pytest.mark.parametrize("partner", PARTNERS)
    def test_a_plain_pair_has_room_for_every_line(self, partner: str) -> None:
        one = with_upadacitinib(partner)
        assert one.indicator is Indicator.WARNING
        assert bullets(one) == chosen(partner)

    @pytest.mark.parametrize("partner", ["tofacitinib", "azathioprine"])
    def test_a_card_of_another_rule_has_none(self, partner: str) -> None:
        one = with_upadacitinib(partner)
        assert bullets(one) == []
        assert "**Evidence**" not in one.detail

    def test_an_info_card_has_none(self) -> None:
        ended = chart("ustekinumab", status="stopped", status_changed=draft("ustekinumab").authored)
        for one in (card([draft("upadacitinib"), ended]), with_upadacitinib("omalizumab", CROHN)):
            assert one.indicator is Indicator.INFO
            assert bullets(one) == []

    def test_every_line_that_a_rule_can_print_states_its_size(self) -> None:
        """A share without its denominator is not printed: the number of patients, or the counts, stand in the line."""
        for key in RULE.evidence:
            item = CATALOGUE.evidence[key]
            if item.line and "%" in item.line:
                assert item.n is not None
                assert re.search(rf"\b{item.n}\b", item.line), item.line

    def test_every_line_of_the_registry_is_short(self) -> None:
        assert all(len(item.line or "") <= LONGEST_LINE for item in CATALOGUE.evidence.values())


MUST_STAY = ("| Drug | State | Dates |", "**Why**", "**Indication**", "Do not combine in routine practice", "Checked: ")


class TestRoom:
    """What goes first where a card is too long."""

    def test_the_lines_go_before_anything_else_and_from_the_end_of_the_rules_list(self) -> None:
        problems = [problem("active-tuberculosis"), CROHN]
        seen = set()
        for count in range(8):
            extra = {"text": "long name " * 6}
            medications = [draft("upadacitinib", **extra), chart("ustekinumab", **extra)]
            more = PARTNERS[:count]
            one = card([*medications, *(chart(key, **extra) for key in more if key != "ustekinumab")], *problems)
            kept = [line for line in bullets(one) if line in chosen("ustekinumab")]
            assert len(one.detail) <= LONGEST_DETAIL
            assert all(part in one.detail for part in MUST_STAY)
            importance = [line_of(key) for key in RULE.evidence if CATALOGUE.evidence[key].line]
            wanted = sorted(chosen("ustekinumab"), key=importance.index)[: len(kept)]
            assert set(kept) == set(wanted)
            # Where a line stands, nothing that outranks it has been given up.
            assert not kept or all(part in one.detail for part in ("**If you proceed**", "No randomised comparison"))
            seen.add(len(kept))
        assert len(seen) > 1

    @pytest.mark.parametrize("jurisdiction", ["us", "eu", "au"])
    def test_the_parts_that_matter_stay_with_every_partner_and_the_longest_names(self, jurisdiction: str) -> None:
        for one in cards(everything(text="long name " * 6)[:8], CROHN, jurisdiction=jurisdiction):
            assert len(one.detail) <= LONGEST_DETAIL
            assert all(part in one.detail for part in MUST_STAY)
        for one in cards(everything(**LONGEST_NAMES), CROHN, jurisdiction=jurisdiction):
            assert len(one.detail) <= LONGEST_DETAIL

    def test_items_stand_together_and_paragraphs_apart(self) -> None:
        parts = [Paragraph("a"), Paragraph("b", item=True), Paragraph("c", drop=1, item=True), Paragraph("d")]
        assert fit(parts) == "a\n\nb\nc\n\nd"
        assert fit(parts, 8) == "a\n\nb\n\nd"


def test_the_hand_computed_intervals_are_gone_from_the_notes() -> None:
    assert not any("Wilson" in (item.note or "") for item in load_catalogue().evidence.values())
