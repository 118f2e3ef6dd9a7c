"""What is worked out once for a catalogue: never of another catalogue, and with nothing of a patient in it."""

import dataclasses
import itertools
from collections.abc import Hashable, Mapping
from datetime import date

from cards import Catalogue
from cards.kept import kept
from tests.cards.records import BIOLOGIC, CROHN, WRITTEN, chart, draft, everything, with_upadacitinib
from tests.cards.records import cards as cards_of
from tests.packaged import CATALOGUE


def another() -> Catalogue:
    """Make a catalogue of which nothing was asked yet."""
    return dataclasses.replace(CATALOGUE)


def made_of(catalogue: Catalogue) -> Mapping[tuple[Hashable, ...], object]:
    return dict(catalogue._once)


def test_a_function_is_asked_once_for_each_key_and_catalogue() -> None:
    asked: list[str] = []

    def made(of: Catalogue, key: str) -> str:
        asked.append(key)
        return f"{of.version} {key}"

    catalogue = another()
    told = [catalogue.once(made, key) for key in ("a", "b", "a")]
    assert told == [f"{CATALOGUE.version} {key}" for key in ("a", "b", "a")]
    assert asked == ["a", "b"]
    another().once(made, "a")
    assert asked == ["a", "b", "a"]


def test_other_knowledge_words_its_own_cards() -> None:
    before = with_upadacitinib("infliximab", CROHN)
    lines = {**CATALOGUE.wording.lines, "proceed": "Another sentence."}
    wording = CATALOGUE.wording.model_copy(update={"lines": lines})
    after = with_upadacitinib("infliximab", CROHN, catalogue=dataclasses.replace(CATALOGUE, wording=wording))
    assert "Another sentence." in after.detail
    assert "Another sentence." not in before.detail
    assert with_upadacitinib("infliximab", CROHN) == before


def test_a_rule_that_a_site_switches_off_is_gone_from_the_footer_of_the_others() -> None:
    catalogue, record = another(), [draft("upadacitinib"), chart("infliximab"), draft("tofacitinib")]
    asked = [cards_of(record, jurisdiction="eu", catalogue=catalogue), cards_of(record, catalogue=catalogue)]
    asked += [cards_of(record, jurisdiction="eu", catalogue=catalogue)]
    assert asked[0] == asked[2]
    assert [one.detail for one in asked[0]] != [one.detail for one in asked[1]]


def test_nothing_of_a_record_stays() -> None:
    catalogue = another()
    record = everything(text="Zzyzx 5 mg", doubts=("a zzyzx extension",), reason_refs=("Condition/zzyzx",))
    assert "zzyzx" in str(cards_of(record, CROHN, catalogue=catalogue)).lower()
    kept_words = repr(made_of(catalogue)).lower()
    assert "zzyzx" not in kept_words
    assert "new-upadacitinib" not in kept_words
    assert repr(WRITTEN) not in kept_words


def test_it_does_not_grow_with_the_sets_of_partners_that_patients_have() -> None:
    catalogue = another()
    partners = sorted(CATALOGUE.roles[BIOLOGIC][1])[:8]
    for partner in partners:
        with_upadacitinib(partner, CROHN, catalogue=catalogue)
    size = len(made_of(catalogue))
    assert size
    for one, other in itertools.combinations(partners, 2):
        cards_of([draft("upadacitinib"), chart(one), chart(other)], CROHN, catalogue=catalogue)
    assert len(made_of(catalogue)) == size


def test_it_does_not_grow_with_the_days() -> None:
    catalogue = another()
    sizes = set()
    for month in range(1, 10):
        record = [draft("upadacitinib"), chart("infliximab", authored=date(2026, month, 1))]
        cards_of(record, CROHN, catalogue=catalogue)
        sizes.add(len(made_of(catalogue)))
    assert len(sizes) == 1


def test_a_kept_property_is_worked_out_once_for_each_object() -> None:
    class Counted:
        asked = 0

        @kept
        def number(self) -> int:
            """Return how often it was asked for."""
            self.asked += 1
            return self.asked

    one, other = Counted(), Counted()
    assert [one.number, one.number, other.number] == [1, 1, 1]
    assert one.asked == other.asked == 1
