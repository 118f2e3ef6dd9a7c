"""What counts of the medication record: the row "none" of the table, and another patient."""

from datetime import date

from cards.model import Kind, MedicationFact, Origin


def does_not_count(fact: MedicationFact, on: date) -> bool:
    """Say whether the row "none" of the table, or another patient, takes the resource out."""
    return (
        another_patient(fact)
        or withdrawn(fact)
        or not_taken(fact)
        or not_dispensed(fact)
        or only_suggested(fact)
        or chart_draft(fact)
        or in_the_future(fact, on)
    )


def another_patient(fact: MedicationFact) -> bool:
    # "Another patient's resource [...] never counts"
    return fact.other_patient


def withdrawn(fact: MedicationFact) -> bool:
    # "entered-in-error, cancelled, `doNotPerform`, not-done, [...] declined"
    return fact.do_not_perform or fact.status in ("entered-in-error", "cancelled", "not-done", "declined")


def not_taken(fact: MedicationFact) -> bool:
    # "not-taken"; "R5 `recorded` with no adherence code that says not taking"
    return fact.status == "not-taken" or fact.not_taken


def not_dispensed(fact: MedicationFact) -> bool:
    # "Dispense completed, in-progress, unknown count". Question: a dispense without a status counts as unknown.
    return fact.kind is Kind.DISPENSE and fact.status not in ("completed", "in-progress", "unknown", None)


def only_suggested(fact: MedicationFact) -> bool:
    # "chart intents `proposal` and `option`"; of a draft "its intent does not matter"
    return fact.origin is Origin.CHART and fact.intent in ("proposal", "option")


def chart_draft(fact: MedicationFact) -> bool:
    # "chart status `draft`"
    return fact.origin is Origin.CHART and fact.status == "draft"


def in_the_future(fact: MedicationFact, on: date) -> bool:
    # "administrations in the future". Question: a dispense dated in the future counts.
    return fact.kind is Kind.ADMINISTRATION and fact.given is not None and fact.given > on
