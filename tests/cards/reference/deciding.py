"""The indication that decides, and how its clause speaks of a partner."""

from collections.abc import Sequence
from datetime import date
from itertools import product

from cards.catalogue import Catalogue
from cards.model import MedicationFact, Origin, PatientRecord
from cards.schema.rules import Clause, Rule
from tests.cards.reference.problems import dismissed
from tests.cards.reference.states import COUNTED, ExpectedState
from tests.cards.reference.voices import ORDERS


def stated_by_order(subject: ExpectedState, record: PatientRecord, catalogue: Catalogue, on: date) -> list[str] | None:
    # "the upadacitinib order's reasonCode/reasonReference": of the strongest state that states one, drafts first
    for state, origin in product(COUNTED, (Origin.DRAFT, Origin.CHART)):
        groups = {
            group
            for item in subject.voices
            if item.state is state and item.fact.origin is origin and item.fact.kind in ORDERS
            for group in reasons(item.fact, record)
            # "Indeterminate colitis: unknown." Question: an order for it alone states no indication.
            if group in catalogue.indication_order
        }
        if groups:
            return [key for key in catalogue.indication_order if key in groups]
    return None


def reasons(order: MedicationFact, record: PatientRecord) -> set[str]:
    """Return the condition groups that an order gives as its reason, by code and by reference."""
    # Question: a reason by reference says as much as one by code, so a resolved problem counts and a refuted does not.
    referenced = [
        group
        for fact in record.conditions
        if fact.ref in order.reason_refs and not dismissed(fact)
        for group in fact.groups
    ]
    return {*order.reason_groups, *referenced}


def coverage(clause: Clause, partner: str, catalogue: Catalogue) -> str:
    """Say how a clause speaks of a partner."""
    item = catalogue.ingredients[partner]
    if partner in clause.names:
        return "named"
    if clause.covers_all or item.class_id in clause.covers_classes or item.uses() & set(clause.covers_uses):
        return "covered"
    return "not-named"


def deciding(
    candidates: Sequence[str], rule: Rule, partner: str, jurisdiction: str, catalogue: Catalogue
) -> str | None:
    # "the first whose clause names the partner"; one that no clause names fires under the first indication
    naming = [key for key in candidates if coverage(rule.clause(jurisdiction, key), partner, catalogue) != "not-named"]
    return next(iter(naming or candidates), None)
