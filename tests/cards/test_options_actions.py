"""Rules 1, 2, 6 and 7 of the options card: what a click changes, and beside it what no click may change."""

from datetime import date

import pytest
from msgspec.structs import replace

from cards.model import AllergyFact, Code, Kind, MedicationFact, Origin, System
from cards.options import Form, TextOnly
from tests.cards.records import ON, chart, draft
from tests.cards.situations import IN_FORCE, NEW, card, chosen, offer
from tests.packaged import CATALOGUE

SEPARATELY = "which must be discontinued separately"


def test_rule_1_a_create_names_the_drug_that_it_replaces_and_carries_its_order() -> None:
    shown = card([NEW, chart("adalimumab")])
    switch = next(item for item in shown.suggestions if item.kind == "instead risankizumab")
    delete, create = switch.actions
    assert (delete.type, delete.resource_id, delete.order) == ("delete", NEW.ref, None)
    assert create.type == "create"
    assert create.order
    assert create.order.replaces == "MedicationRequest/old-adalimumab"
    assert f"instead of adalimumab, {SEPARATELY}" in create.description
    assert f"instead of adalimumab, {SEPARATELY}" in shown.detail


def test_rule_1_a_new_biologic_is_replaced_by_the_alternative_and_takes_the_place_of_upadacitinib() -> None:
    made = offer(chosen([IN_FORCE, draft("ustekinumab")]), "risankizumab")
    assert [(item.type, item.draft or item.ingredient, item.replaces) for item in made.changes] == [
        ("delete", "MedicationRequest/new-ustekinumab", None),
        ("create", "risankizumab", "MedicationRequest/old-upadacitinib"),
    ]


def test_rule_1_every_draft_of_the_new_drug_goes() -> None:
    drafts = [draft("upadacitinib", "induction"), draft("upadacitinib", "maintenance")]
    made = offer(chosen([*drafts, chart("adalimumab")]), "risankizumab")
    assert [item.draft for item in made.changes if item.type == "delete"] == [item.ref for item in drafts]


@pytest.mark.parametrize(
    ("in_force", "reason"),
    [
        ([chart("adalimumab"), chart("adalimumab", "second")], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab", kind=Kind.STATEMENT)], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab", kind=Kind.ADMINISTRATION, given=ON, status="completed")], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab"), IN_FORCE], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab"), chart("vedolizumab")], TextOnly.NO_SINGLE_ORDER),
        ([chart("adalimumab"), chart("omalizumab")], TextOnly.WOULD_COMBINE),
        ([chart("adalimumab"), draft("adalimumab")], TextOnly.NO_SINGLE_ORDER),
        ([chart("etanercept")], TextOnly.OTHER_DISEASE),
        ([chart("adalimumab", kind=Kind.STATEMENT), chart("adalimumab")], None),
        ([chart("adalimumab", status="on-hold")], None),
    ],
    ids=[
        *("two orders", "statement only", "dose only", "upadacitinib in force too", "two biologics"),
        *("asthma biologic", "renewal of the biologic", "not for this disease", "order and mirror", "order on hold"),
    ],
)
def test_rule_1_without_one_order_to_replace_nothing_is_created(
    in_force: list[MedicationFact], reason: TextOnly | None
) -> None:
    made = offer(chosen([NEW, *in_force]), "risankizumab")
    assert made.text_only is reason
    assert bool(made.changes) is (reason is None)


@pytest.mark.parametrize(
    "new",
    [
        [replace(NEW, id=None, ref="MedicationRequest/#0")],
        [replace(NEW, status="active")],
        [NEW, replace(NEW, text="sent twice")],
        [NEW, replace(NEW, origin=Origin.CHART, status="completed", authored=date(2020, 1, 1))],
    ],
    ids=["without an id", "not a draft", "one id twice", "an id of the record"],
)
def test_rule_1_a_draft_that_no_action_can_name_for_certain_is_left_alone(new: list[MedicationFact]) -> None:
    made = offer(chosen([*new, chart("adalimumab")]), "risankizumab")
    assert (made.changes, made.text_only) == ((), TextOnly.DRAFT_NOT_OURS)


def test_rule_1_an_order_that_is_no_medication_request_is_not_replaced() -> None:
    infusion = replace(chart("adalimumab"), ref="ServiceRequest/old-adalimumab")
    assert offer(chosen([NEW, infusion]), "risankizumab").text_only is TextOnly.NO_SINGLE_ORDER


def test_rule_1_a_medication_order_of_dstu2_is_replaced_as_a_medication_request_is() -> None:
    older = replace(chart("adalimumab"), ref="MedicationOrder/old-adalimumab")
    made = offer(chosen([NEW, older]), "risankizumab")
    assert [item.replaces for item in made.changes if item.type == "create"] == ["MedicationOrder/old-adalimumab"]


def test_rule_2_where_upadacitinib_is_newly_ordered_the_first_option_is_the_text_that_keeps_it_alone() -> None:
    first = card([NEW, chart("adalimumab")]).suggestions[0]
    assert first.label == "Keep upadacitinib as the single agent; set a stop date for adalimumab."
    assert first.actions == ()


def test_rule_2_where_upadacitinib_is_in_force_and_the_biologic_is_new_there_is_no_such_text() -> None:
    assert all(item.form is not Form.KEEP for item in chosen([IN_FORCE, draft("adalimumab")]).offers)


def test_rule_2_a_drug_that_is_only_drafted_needs_no_stop_date() -> None:
    labels = [item.label for item in card([NEW, draft("adalimumab")]).suggestions]
    assert labels[:2] == [
        "Keep upadacitinib as the single agent; do not start adalimumab.",
        "Keep adalimumab as the single agent; do not start upadacitinib.",
    ]


def test_rule_2_upadacitinib_is_not_kept_against_an_allergy_to_it() -> None:
    allergies = (AllergyFact("AllergyIntolerance/1", ("upadacitinib",)),)
    made = chosen([NEW, chart("adalimumab")], allergies=allergies)
    assert all(item.form is not Form.KEEP for item in made.offers)


def test_rule_6_an_order_is_an_rxnorm_ingredient_and_its_name_and_has_no_dose() -> None:
    shown = card([NEW, chart("adalimumab")])
    orders = [action.order for item in shown.suggestions for action in item.actions if action.order]
    assert orders
    for order in orders:
        assert order.code == Code(System.RXNORM, CATALOGUE.options.rxnorm[order.ingredient])
        assert order.code.value in CATALOGUE.ingredients[order.ingredient].codes[System.RXNORM]
        assert order.display == CATALOGUE.ingredients[order.ingredient].name


def test_rule_7_a_new_biologic_beside_upadacitinib_is_monotherapy_with_it() -> None:
    record = [IN_FORCE, draft("ustekinumab")]
    first = chosen(record).offers[0]
    assert (first.form, first.ingredient, first.instead_of) == (Form.MONOTHERAPY, "ustekinumab", ("upadacitinib",))
    (update,) = card(record).suggestions[0].actions
    assert (update.type, update.resource_id) == ("update", "MedicationRequest/new-ustekinumab")
    assert update.order
    assert update.order.replaces == IN_FORCE.ref
    assert "upadacitinib, which must be discontinued separately" in update.description


def test_rule_7_a_biologic_in_force_beside_new_upadacitinib_is_kept_alone_by_text() -> None:
    second = card([NEW, chart("adalimumab")]).suggestions[1]
    assert (second.label, second.actions) == ("Keep adalimumab as the single agent; do not start upadacitinib.", ())


def test_rule_7_a_biologic_that_is_no_alternative_is_not_offered_alone() -> None:
    assert [item.form for item in chosen([NEW, chart("natalizumab")]).offers][:2] == [Form.KEEP, Form.INSTEAD]


def test_rule_7_a_draft_that_takes_the_place_of_another_order_is_not_changed() -> None:
    linked = draft("ustekinumab", prior_prescription="MedicationRequest/another")
    assert chosen([IN_FORCE, linked]).offers[0].text_only is TextOnly.DRAFT_NOT_OURS


def test_rule_7_a_service_order_has_no_prior_prescription() -> None:
    infusion = replace(draft("ustekinumab"), ref="ServiceRequest/new-ustekinumab")
    made = chosen([IN_FORCE, infusion])
    assert made.offers[0].changes == ()
    assert [item.type for item in offer(made, "risankizumab").changes] == ["delete", "create"]
