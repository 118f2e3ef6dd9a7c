"""The state of each ingredient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from cards.catalogue import Catalogue
from cards.model import Kind, MedicationFact, Origin, PatientRecord, State
from tests.cards.reference.counted import does_not_count
from tests.cards.reference.stops import within_stops
from tests.cards.reference.voices import DOSES, Voice, stopped, voice
from tests.cards.reference.windows import day_of

COUNTED = (State.ORDERED, State.CURRENT, State.RECENT)
STRENGTH = (State.ORDERED, State.CURRENT, State.RECENT, State.PAST, State.NONE)


@dataclass(frozen=True)
class ExpectedState:
    """The state of one ingredient, with what the record says without the ordering session."""

    state: State
    before: State
    voices: tuple[Voice, ...]


def states(record: PatientRecord, catalogue: Catalogue, on: date) -> dict[str, ExpectedState]:
    """Return the state of every ingredient of the catalogue for which something counts."""
    chart = [fact for fact in record.medications if fact.origin is Origin.CHART]
    found = {}
    for ingredient in catalogue.ingredients:
        now = voices_of(ingredient, in_session(record), catalogue, on)
        before = voices_of(ingredient, chart, catalogue, on)
        if now or before:
            found[ingredient] = ExpectedState(strongest(now), strongest(before), now)
    return found


def in_session(record: PatientRecord) -> list[MedicationFact]:
    # "A draft with the id of a chart resource replaces it (re-signing, discontinuing)."
    drafts = {fact.ref for fact in record.medications if fact.origin is Origin.DRAFT and fact.id is not None}
    return [fact for fact in record.medications if fact.origin is Origin.DRAFT or fact.ref not in drafts]


def voices_of(ingredient: str, facts: Sequence[MedicationFact], catalogue: Catalogue, on: date) -> tuple[Voice, ...]:
    """Return what the resources say about one ingredient, within the rule on stops."""
    return within_stops(each_alone(ingredient, facts, catalogue, on), day_of(catalogue, ingredient, None, on))


def each_alone(ingredient: str, facts: Sequence[MedicationFact], catalogue: Catalogue, on: date) -> tuple[Voice, ...]:
    """Return what each resource would say about an ingredient if there were no stop."""
    said = list(systemic_mentions(ingredient, facts, catalogue, on))
    doses = [fact.given for fact, _ in said if fact.kind in DOSES and fact.given is not None]
    return tuple(
        voice(
            fact,
            day_of(catalogue, ingredient, regimen or ordered_regimen(fact, said, catalogue, ingredient), on),
            doses,
            replaced=is_replaced(fact, ingredient, facts, on),
        )
        for fact, regimen in said
    )


def systemic_mentions(
    ingredient: str, facts: Sequence[MedicationFact], catalogue: Catalogue, on: date
) -> Iterator[tuple[MedicationFact, str | None]]:
    # "Systemic use only. Topical and ophthalmic forms [...] never fire"
    for fact in facts:
        for item in fact.recognised:
            systemic = item.systemic and catalogue.ingredients[ingredient].systemic
            if item.ingredient == ingredient and systemic and not does_not_count(fact, on):
                yield fact, item.regimen


def ordered_regimen(
    dose: MedicationFact, said: Sequence[tuple[MedicationFact, str | None]], catalogue: Catalogue, ingredient: str
) -> str | None:
    # "shortened when the product or order states the regimen". Question: a dose that states none was given under the
    # latest order written by then; of several orders of that day, under the one with the longer interval.
    if dose.kind not in DOSES or dose.given is None:
        return None
    orders = [
        (fact.authored, regimen)
        for fact, regimen in said
        if fact.kind is Kind.REQUEST and fact.origin is Origin.CHART and fact.authored and fact.authored <= dose.given
    ]
    latest = max((authored for authored, _ in orders), default=None)
    regimens = {regimen for authored, regimen in orders if authored == latest}
    stated = [regimen for regimen in regimens if regimen is not None]
    if len(stated) < len(regimens):
        return None
    return max(stated, key=lambda regimen: catalogue.ingredients[ingredient].regimens[regimen].dosing, default=None)


def is_replaced(fact: MedicationFact, ingredient: str, facts: Sequence[MedicationFact], on: date) -> bool:
    # "a draft whose `priorPrescription` is the partner's order": the draft counts, and is of another ingredient
    return fact.origin is Origin.CHART and any(
        draft.origin is Origin.DRAFT
        and draft.prior_prescription == fact.ref
        and not does_not_count(draft, on)
        and not stopped(draft)
        and any(item.ingredient != ingredient and item.systemic for item in draft.recognised)
        for draft in facts
    )


def strongest(voices: Sequence[Voice]) -> State:
    # "the strongest state wins (ordered > current > recent > past)"
    return min((item.state for item in voices), key=STRENGTH.index, default=State.NONE)
