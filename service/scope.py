"""What a call is about: which drafts it asks about, and whether these need the record."""

from collections.abc import Iterable

from cards.model import Hook
from service.errors import Cause, InvalidRequest
from service.fhir import Draft, Drafts
from service.wire import HookRequest

Ingredients = frozenset[str]


def asked_drafts(request: HookRequest, drafts: Drafts) -> tuple[Draft, ...]:
    """Return the drafts that the call is about: at order-select the selected ones, else all."""
    if request.selections is None:
        return drafts.items
    return tuple(draft for draft in drafts.items if draft.ref in request.selections)


def in_scope(request: HookRequest, asked: Iterable[Draft], scope: Ingredients) -> bool:
    """Say whether a call needs the record: an order of ours does, and every chart that is opened."""
    if request.hook == Hook.PATIENT_VIEW:
        return bool(scope)
    return any(
        item.systemic and item.ingredient in scope for draft in asked if draft.orders for item in draft.recognised
    )


def has_unresolved(asked: Iterable[Draft]) -> bool:
    """Say whether one of the drafts orders a drug that nothing delivered names."""
    return any(draft.unresolved and draft.orders for draft in asked)


def missing_medications(drafts: Iterable[Draft]) -> tuple[str, ...]:
    """Return the references of drafts whose drug nothing delivered names, each once."""
    unresolved = (draft for draft in drafts if draft.unresolved and draft.orders)
    return tuple(dict.fromkeys(reference for draft in unresolved for reference in draft.drug.missing))


def refuse_other_patient(drafts: Drafts, scope: Ingredients) -> None:
    """Raise InvalidRequest for an order of ours that is another patient's."""
    for draft in drafts.items:
        if draft.other_patient and any(item.ingredient in scope for item in draft.recognised):
            raise InvalidRequest(
                "context.draftOrders holds an order of another patient: send the orders of context.patientId only.",
                Cause.DRAFT_OF_ANOTHER_PATIENT,
            )
