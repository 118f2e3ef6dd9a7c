"""What must not change the answer: the order of the resources, their ids, what is irrelevant, the day of the year."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cards import Question, evaluate
from cards.model import (
    Action,
    AllergyFact,
    Card,
    ConditionFact,
    Hook,
    Kind,
    MedicationFact,
    Origin,
    PatientRecord,
    Recognised,
    State,
    Suggestion,
)
from tests.cards.strategies import ON, cases
from tests.packaged import CATALOGUE
from tests.thorough import examples

F = TypeVar("F", MedicationFact, ConditionFact)

GENERATED = settings(
    max_examples=examples(400),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def cards(record: PatientRecord, question: Question) -> tuple[Card, ...]:
    """Return the whole answer, words and all."""
    return evaluate(record, CATALOGUE, question).cards


def pairs(record: PatientRecord, question: Question) -> set[tuple[str, str, str, str, str | None, str]]:
    """Return what is decided, without the words: rule, members, relation, indication, indicator."""
    return {
        (finding.rule, pair.subject.ingredient, pair.partner.ingredient, pair.relation, pair.indication, pair.indicator)
        for finding in evaluate(record, CATALOGUE, question).findings
        for pair in finding.pairs
    }


# ------------------------------------------------------------------------------------------------------------- order


@GENERATED
@given(cases(), st.data())
def test_the_order_of_resources_changes_no_card(case: tuple[PatientRecord, Question], data: st.DataObject) -> None:
    record, question = case
    shuffled = replace(
        record,
        medications=tuple(data.draw(st.permutations(record.medications))),
        conditions=tuple(data.draw(st.permutations(record.conditions))),
    )
    assert cards(shuffled, question) == cards(record, question)


# --------------------------------------------------------------------------------------------------------------- ids


@GENERATED
@given(cases())
def test_other_ids_change_only_the_ids_on_the_cards(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    refs = {fact.ref for fact in record.medications} | {fact.ref for fact in record.conditions}
    new = {ref: f"{ref.split('/')[0]}/z{len(refs) - place}" for place, ref in enumerate(sorted(refs))}
    selections = None if question.selections is None else frozenset(new[ref] for ref in question.selections)
    renamed = cards(with_other_ids(record, new), replace(question, selections=selections))
    assert [without_order(card) for card in renamed] == [
        without_order(renamed_card(card, new)) for card in cards(record, question)
    ]


def with_other_ids(record: PatientRecord, new: Mapping[str, str]) -> PatientRecord:
    """Return the record with each resource renamed, in its own id and wherever another one refers to it."""
    return replace(
        record,
        medications=tuple(
            replace(
                fact,
                ref=new[fact.ref],
                id=new[fact.ref].split("/")[1],
                prior_prescription=new.get(fact.prior_prescription or ""),
                reason_refs=tuple(new.get(ref, ref) for ref in fact.reason_refs),
            )
            for fact in record.medications
        ),
        conditions=tuple(replace(fact, ref=new[fact.ref]) for fact in record.conditions),
    )


def renamed_card(card: Card, new: Mapping[str, str]) -> Card:
    """Return a card with the same renaming."""
    suggestions = tuple(renamed_suggestion(item, new) for item in card.suggestions)
    return replace(card, drafts=tuple(new[ref] for ref in card.drafts), suggestions=suggestions)


def renamed_suggestion(item: Suggestion, new: Mapping[str, str]) -> Suggestion:
    """Return a suggestion with the same renaming."""
    return replace(item, actions=tuple(renamed_action(action, new) for action in item.actions))


def renamed_action(action: Action, new: Mapping[str, str]) -> Action:
    """Return an action with the same renaming."""
    order = replace(action.order, replaces=new[action.order.replaces]) if action.order else None
    return replace(action, resource_id=new[action.resource_id] if action.resource_id else None, order=order)


def without_order(card: Card) -> tuple[Card, frozenset[str], frozenset[tuple[str, bool, frozenset[Action]]]]:
    """Return a card with its drafts and suggestions as sets: ids decide their order, and nothing else."""
    suggestions = frozenset((item.label, item.recommended, frozenset(item.actions)) for item in card.suggestions)
    return replace(card, drafts=(), suggestions=()), frozenset(card.drafts), suggestions


# -------------------------------------------------------------------------------------------------------- irrelevant


def medication(ref: str, kind: Kind, ingredient: str = "infliximab", **others: Any) -> MedicationFact:
    """Build a resource of the record."""
    plain = MedicationFact(
        ref, kind, Origin.CHART, (Recognised(ingredient, by=ingredient),), ref.split("/")[1], status="active"
    )
    return replace(plain, **others)


IRRELEVANT_MEDICATIONS = (
    medication("MedicationRequest/i1", Kind.REQUEST, "prednisone", authored=ON),
    medication("MedicationStatement/i2", Kind.STATEMENT, "ozanimod", asserted=ON),
    medication("MedicationRequest/i3", Kind.REQUEST, status="entered-in-error", authored=ON),
    medication("MedicationRequest/i4", Kind.REQUEST, "upadacitinib", status="cancelled", authored=ON),
    medication("MedicationRequest/i5", Kind.REQUEST, "tofacitinib", intent="proposal", authored=ON),
    medication("MedicationRequest/i6", Kind.REQUEST, "azathioprine", intent="option", authored=ON),
    medication("MedicationRequest/i7", Kind.REQUEST, "adalimumab", status="draft", authored=ON),
    medication("MedicationRequest/i8", Kind.REQUEST, "upadacitinib", do_not_perform=True, authored=ON),
    medication("MedicationStatement/i9", Kind.STATEMENT, "risankizumab", status="not-taken", asserted=ON),
    medication("MedicationStatement/i10", Kind.STATEMENT, status="recorded", not_taken=True, asserted=ON),
    medication("MedicationAdministration/i11", Kind.ADMINISTRATION, status="not-done", given=ON),
    medication("MedicationAdministration/i12", Kind.ADMINISTRATION, status="completed", given=ON + timedelta(days=1)),
    medication("MedicationDispense/i13", Kind.DISPENSE, "azathioprine", status="declined", given=ON),
    medication("MedicationDispense/i14", Kind.DISPENSE, "adalimumab", status="stopped", given=ON),
    medication(
        "MedicationRequest/i15",
        Kind.REQUEST,
        recognised=(Recognised("tacrolimus", by="tacrolimus", systemic=False),),
        authored=ON,
    ),
    medication("MedicationRequest/i16", Kind.REQUEST, "prednisone", other_patient=True, authored=ON),
)
IRRELEVANT_CONDITIONS = (
    ConditionFact("Condition/i1", (), "active", "confirmed"),
    ConditionFact("Condition/i2", ("crohns-disease",), "resolved", "confirmed"),
    ConditionFact("Condition/i3", ("atopic-dermatitis",), "active", "refuted"),
    ConditionFact("Condition/i4", ("sepsis",), "active", "entered-in-error"),
    ConditionFact("Condition/i5", ("active-tuberculosis",), "active", "confirmed", other_patient=True),
    ConditionFact("Condition/i6", ("pneumonia",), "active", "confirmed", onset=ON - timedelta(days=91)),
    ConditionFact("Condition/i7", ("latent-tuberculosis",), "resolved", "confirmed"),
)


@GENERATED
@given(cases(), st.sets(st.sampled_from(IRRELEVANT_MEDICATIONS)), st.sets(st.sampled_from(IRRELEVANT_CONDITIONS)))
def test_irrelevant_resources_change_no_card(
    case: tuple[PatientRecord, Question], medications: set[MedicationFact], conditions: set[ConditionFact]
) -> None:
    record, question = case
    larger = replace(
        record,
        medications=(*sorted(medications, key=lambda fact: fact.ref), *record.medications),
        conditions=(*sorted(conditions, key=lambda fact: fact.ref), *record.conditions),
    )
    assert cards(larger, question) == cards(record, question)


@GENERATED
@given(cases())
def test_allergies_decide_nothing_about_combinations(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    allergic = replace(record, allergies=(AllergyFact("AllergyIntolerance/1", ("upadacitinib", "infliximab")),))
    assert pairs(allergic, question) == pairs(record, question)


# ------------------------------------------------------------------------------------------------------------- dates


@GENERATED
@given(cases(), st.sampled_from([-400, -60, -1, 1, 30, 365, 3000]))
def test_only_the_distance_between_days_matters(case: tuple[PatientRecord, Question], shift: int) -> None:
    record, question = case
    move: Callable[[date], date] = lambda day: day + timedelta(days=shift)  # noqa: E731 - typed and local
    moved = replace(
        record,
        medications=tuple(moved_fact(fact, move) for fact in record.medications),
        conditions=tuple(moved_fact(fact, move) for fact in record.conditions),
    )
    assert pairs(moved, replace(question, on=move(question.on))) == pairs(record, question)


def moved_fact(fact: F, move: Callable[[date], date]) -> F:
    """Return a fact with every day moved."""
    days: dict[str, Any] = {
        name: move(day) for name in fact.__struct_fields__ if isinstance(day := getattr(fact, name), date)
    }
    return replace(fact, **days)


# ------------------------------------------------------------------------------------------------------------- hooks


@GENERATED
@given(cases())
def test_selecting_every_draft_says_what_signing_says(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    drafts = frozenset(fact.ref for fact in record.medications if fact.origin is Origin.DRAFT)
    assume(drafts)
    signed = pairs(record, replace(question, hook=Hook.ORDER_SIGN, selections=None))
    assert pairs(record, replace(question, hook=Hook.ORDER_SELECT, selections=drafts)) == signed
    assert pairs(record, replace(question, hook=Hook.ORDER_SELECT, selections=None)) == signed


@GENERATED
@given(cases())
def test_each_pair_of_a_selection_is_a_pair_of_the_signing(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    assume(question.hook is Hook.ORDER_SELECT)
    assert pairs(record, question) <= pairs(record, replace(question, hook=Hook.ORDER_SIGN, selections=None))


@GENERATED
@given(cases())
def test_no_draft_no_pair_at_the_ordering_hooks(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    chart = tuple(fact for fact in record.medications if fact.origin is Origin.CHART)
    for hook in (Hook.ORDER_SELECT, Hook.ORDER_SIGN):
        assert not pairs(replace(record, medications=chart), replace(question, hook=hook, selections=None))


@GENERATED
@given(cases())
def test_one_infusion_on_the_day_more_never_weakens_a_state(case: tuple[PatientRecord, Question]) -> None:
    record, question = case
    infusion = medication("MedicationAdministration/now", Kind.ADMINISTRATION, status="completed", given=question.on)
    strength = tuple(State)
    before = evaluate(record, CATALOGUE, question).exposures.by_ingredient.get("infliximab")
    after = evaluate(replace(record, medications=(*record.medications, infusion)), CATALOGUE, question)
    now = after.exposures.by_ingredient["infliximab"].state
    assert strength.index(now) <= strength.index(before.state if before else State.NONE)
