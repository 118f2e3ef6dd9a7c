"""One suggestion for each draft of a pair that can be taken back, and no other."""

from datetime import date
from typing import Any

import msgspec
import pytest

from cards import Policy
from cards.model import ConditionFact, Hook, Indicator, MedicationFact
from tests.cards.records import (
    BIOLOGIC,
    COLITIS,
    CROHN,
    JAK,
    card,
    cards,
    chart,
    draft,
    problem,
    removals,
    with_upadacitinib,
)
from tests.packaged import CATALOGUE


def test_of_an_order_and_a_medicine_in_force_the_order_can_be_removed() -> None:
    one = with_upadacitinib("adalimumab")
    assert removals(one) == ["MedicationRequest/new-upadacitinib"]
    (suggestion,) = one.suggestions
    assert suggestion.label == "Remove the draft order for upadacitinib"
    assert [action.type for action in suggestion.actions] == ["delete"]
    assert not suggestion.recommended


def test_of_two_orders_each_can_be_removed_and_never_both_at_once() -> None:
    one = card([draft("upadacitinib"), draft("adalimumab")])
    assert removals(one) == ["MedicationRequest/new-upadacitinib", "MedicationRequest/new-adalimumab"]
    assert len({item.kind for item in one.suggestions}) == 2


def test_two_orders_of_one_drug_are_two_removals() -> None:
    one = card([draft("upadacitinib", "a"), draft("upadacitinib", "b"), chart("adalimumab")])
    assert sorted(map(str, removals(one))) == ["MedicationRequest/a", "MedicationRequest/b"]


def test_an_order_that_was_not_selected_can_be_removed_too() -> None:
    one = card(
        [draft("upadacitinib"), draft("adalimumab")],
        hook=Hook.ORDER_SELECT,
        selections=frozenset({"MedicationRequest/new-adalimumab"}),
    )
    assert len(removals(one)) == 2


def test_an_order_of_no_pair_is_left_alone() -> None:
    one = card([draft("upadacitinib"), draft("adalimumab"), draft("prednisone"), draft("methotrexate")])
    assert removals(one) == ["MedicationRequest/new-upadacitinib", "MedicationRequest/new-adalimumab"]


def test_each_rule_removes_the_drafts_of_its_own_pairs() -> None:
    found = cards([draft("upadacitinib"), draft("adalimumab"), draft("tofacitinib")])
    assert {one.key: removals(one)[1:] for one in found} == {
        BIOLOGIC: ["MedicationRequest/new-adalimumab"],
        JAK: ["MedicationRequest/new-tofacitinib"],
    }


def test_a_renewal_cannot_be_removed() -> None:
    one = card([draft("upadacitinib"), chart("upadacitinib"), draft("adalimumab")])
    assert removals(one) == ["MedicationRequest/new-adalimumab"]


def test_two_renewals_have_no_removal() -> None:
    one = card([draft("upadacitinib"), chart("upadacitinib"), draft("adalimumab"), chart("adalimumab")])
    assert one.indicator is Indicator.WARNING
    assert one.suggestions == ()


def test_an_order_that_signs_the_record_again_is_a_renewal() -> None:
    same = {"key": "one-and-the-same"}
    one = card([draft("upadacitinib", **same), chart("upadacitinib", **same), chart("adalimumab")])
    assert one.suggestions == ()


def test_an_order_of_what_ended_recently_is_new() -> None:
    ended = chart("adalimumab", status="stopped", status_changed=date(2026, 11, 1))
    one = card([draft("adalimumab"), ended, chart("upadacitinib")])
    assert removals(one) == ["MedicationRequest/new-adalimumab"]


@pytest.mark.parametrize("partner", ["azathioprine", "tacrolimus", "mycophenolate"])
def test_an_immunosuppressant_with_a_transplant_on_record_cannot_be_removed(partner: str) -> None:
    orders = [draft("upadacitinib"), draft(partner)]
    one = card(orders, problem("transplant-status"))
    assert removals(one) == ["MedicationRequest/new-upadacitinib"]
    assert f"Do not stop {partner} abruptly; contact the prescriber or transplant team." in one.detail


def test_without_a_transplant_on_record_it_can() -> None:
    one = card([draft("upadacitinib"), draft("tacrolimus")])
    assert len(removals(one)) == 2
    assert "abruptly" not in one.detail


def test_a_transplant_that_was_refuted_protects_nothing() -> None:
    refuted = problem("transplant-status", verification_status="refuted")
    assert len(removals(card([draft("upadacitinib"), draft("tacrolimus")], refuted))) == 2


def test_a_biologic_can_be_removed_with_a_transplant_on_record() -> None:
    one = card([draft("upadacitinib"), draft("adalimumab")], problem("transplant-status"))
    assert len(removals(one)) == 2


def test_an_order_without_an_id_cannot_be_removed() -> None:
    nameless = msgspec.structs.replace(draft("upadacitinib"), id=None, ref="draftOrders.entry[0]")
    one = card([nameless, chart("adalimumab")])
    assert one.indicator is Indicator.WARNING
    assert one.suggestions == ()


def test_a_critical_card_has_its_removals() -> None:
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
    medications: list[MedicationFact], problems: list[ConditionFact], question: dict[str, Any]
) -> None:
    one = card(medications, *problems, **question)
    assert one.indicator is Indicator.INFO
    assert one.suggestions == ()


def test_no_suggestion_of_a_crowded_record_does_more_than_one_thing() -> None:
    orders = [draft(key) for key in CATALOGUE.ingredients]
    found = cards(orders, COLITIS)
    assert len(found) == 3
    for one in found:
        wanted = {f"MedicationRequest/new-{key}" for key in (*CATALOGUE.roles[one.key][1], "upadacitinib")}
        assert len(removals(one)) == len(set(removals(one)))
        assert {str(ref) for ref in removals(one)} <= wanted
        assert all(len(item.actions) == 1 for item in one.suggestions)
