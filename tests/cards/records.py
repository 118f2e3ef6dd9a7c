"""Records of facts, and the cards of the rules that `evaluate` gives for them.

Medicines of the record were written on 1 September 2026 and the day of the call is 23 November 2026.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from cards import Catalogue, Question, evaluate
from cards.model import Card, ConditionFact, Gap, Hook, Kind, MedicationFact, Origin, PatientRecord, Recognised
from cards.monitoring import MONITORING
from cards.options_card import OPTIONS
from tests.packaged import CATALOGUE

ON = date(2026, 11, 23)
WRITTEN = date(2026, 9, 1)
BIOLOGIC, JAK, IMMUNOSUPPRESSANT = "upadacitinib-biologic", "upadacitinib-jak", "upadacitinib-immunosuppressant"
TABLE_HEAD = "| Drug | State | Dates |\n|---|---|---|\n"
NOT_APPROVED = "Content not clinically approved."


def fact(ingredient: str, key: str, origin: Origin, **others: Any) -> MedicationFact:
    kind = others.pop("kind", Kind.REQUEST)
    values = {"status": "active", "intent": "order", "authored": WRITTEN, **others}
    return MedicationFact(
        f"Medication{kind.title()}/{key}", kind, origin, (Recognised(ingredient, ingredient),), key, **values
    )


def draft(ingredient: str, key: str | None = None, **others: Any) -> MedicationFact:
    """Make an order of this session."""
    return fact(ingredient, key or f"new-{ingredient}", Origin.DRAFT, **{"status": "draft", "authored": ON, **others})


def chart(ingredient: str, key: str | None = None, **others: Any) -> MedicationFact:
    """Make an order of the record, in force unless `others` says more."""
    return fact(ingredient, key or f"old-{ingredient}", Origin.CHART, **others)


def problem(group: str, **others: Any) -> ConditionFact:
    values = {"clinical_status": "active", "verification_status": "confirmed", **others}
    return ConditionFact(values.pop("ref", f"Condition/{group}"), (group,), **values)


def cards(
    medications: Iterable[MedicationFact],
    *problems: ConditionFact,
    hook: Hook = Hook.ORDER_SIGN,
    catalogue: Catalogue = CATALOGUE,
    gaps: dict[Gap, int] | None = None,
    **question: Any,
) -> tuple[Card, ...]:
    record = PatientRecord("patient-1", tuple(medications), tuple(problems), gaps=gaps or {})
    found = evaluate(record, catalogue, Question(ON, hook, **question)).cards
    # The cards of the rules; options and monitoring have tests of their own.
    return tuple(one for one in found if one.key not in {OPTIONS, MONITORING})


def card(medications: Iterable[MedicationFact], *problems: ConditionFact, **others: Any) -> Card:
    """Return the only card of a record."""
    (one,) = cards(medications, *problems, **others)
    return one


def with_upadacitinib(partner: str, *problems: ConditionFact, **others: Any) -> Card:
    """Return the only card of newly ordered upadacitinib beside a partner in force."""
    return card([draft("upadacitinib"), chart(partner)], *problems, **others)


def paragraphs(one: Card) -> list[str]:
    return one.detail.split("\n\n")


def rows(one: Card) -> list[str]:
    (found,) = (part for part in paragraphs(one) if part.startswith(TABLE_HEAD))
    return found.removeprefix(TABLE_HEAD).split("\n")


def removals(one: Card) -> list[str | None]:
    """Return the references that the suggestions of a card delete, one for each suggestion."""
    return [action.resource_id for suggestion in one.suggestions for (action,) in [suggestion.actions]]


CROHN, COLITIS = problem("crohns-disease"), problem("ulcerative-colitis")


def everything(**others: Any) -> list[MedicationFact]:
    """Return newly ordered upadacitinib beside every other ingredient of the catalogue."""
    partners = [key for key in CATALOGUE.ingredients if key != "upadacitinib"]
    return [draft("upadacitinib", **others), *(chart(key, **others) for key in partners)]


LONGEST_NAMES: dict[str, Any] = {"text": "[`*_~|" * 10, "doubts": ("(&<" * 40,)}
