"""Which problems count: indications, and active serious infections."""

from datetime import date, timedelta

from cards.catalogue import Catalogue
from cards.model import ConditionFact, PatientRecord
from cards.schema.conditions import Role


def counts_as_problem(fact: ConditionFact, on: date) -> bool:
    # "Remission counts; resolved, refuted, entered-in-error and history codes do not; provisional counts"
    if dismissed(fact):
        return False
    if fact.clinical_status is None:
        return fact.abated is None or fact.abated >= on
    # "of the active problems". Question: inactive is not named on either side; it is not active.
    return fact.clinical_status not in ("resolved", "inactive")


def dismissed(fact: ConditionFact) -> bool:
    # "refuted, entered-in-error [...] do not"; nor does what belongs to another patient
    return fact.other_patient or fact.verification_status in ("refuted", "entered-in-error")


def indications(record: PatientRecord, catalogue: Catalogue, on: date) -> list[str]:
    # "of the active problems, [...] in the order CD, UC, AD, RA, PsA, AS, nr-axSpA, pJIA, GCA"
    groups = problem_groups(record, on)
    return [key for key in catalogue.indication_order if key in groups]


def only_indication(needed: str, record: PatientRecord, catalogue: Catalogue, on: date) -> bool:
    # "AD is the only one on record". Question: bowel disease of an unstated type is another one.
    on_record = {group for group in problem_groups(record, on) if catalogue.conditions[group].role is Role.INDICATION}
    return on_record == {needed}


def problem_groups(record: PatientRecord, on: date) -> set[str]:
    """Return the condition groups of the problems that count."""
    return {group for fact in record.conditions if counts_as_problem(fact, on) for group in fact.groups}


def serious_infection(record: PatientRecord, catalogue: Catalogue, on: date) -> bool:
    # "an active serious infection (active TB, sepsis, pneumonia, opportunistic infection)"
    return any(
        active_infection(fact, group, record, catalogue, on) for fact in record.conditions for group in fact.groups
    )


def active_infection(fact: ConditionFact, group: str, record: PatientRecord, catalogue: Catalogue, on: date) -> bool:
    """Say whether one group of one problem is an active serious infection."""
    knowledge = catalogue.conditions[group]
    return (
        # "never latent TB, history, sequelae"
        knowledge.role is Role.INFECTION
        and not fact.other_patient
        # "clinicalStatus active/recurrence/relapse, verificationStatus confirmed or absent"
        and fact.clinical_status in ("active", "recurrence", "relapse")
        and fact.verification_status in ("confirmed", None)
        and (not knowledge.acute or of_this_time(fact, record, on))
    )


def of_this_time(fact: ConditionFact, record: PatientRecord, on: date) -> bool:
    # "acute infections dated within 90 days or of this encounter (undated counts, and it is said)"
    if fact.encounter is not None and fact.encounter == record.encounter:
        return True
    # Question: onset and recorded date may differ; either of them within 90 days counts.
    dates = [day for day in (fact.onset, fact.recorded) if day is not None]
    return not dates or any(day + timedelta(days=90) >= on for day in dates)
