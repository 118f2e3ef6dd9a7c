"""The pairs that must be reported, and how loud each rule is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from cards.catalogue import Catalogue
from cards.detect import Question
from cards.model import Hook, Indicator, PatientRecord, State
from cards.schema.rules import Rule
from tests.cards.reference.deciding import coverage, deciding, stated_by_order
from tests.cards.reference.problems import indications, only_indication, serious_infection
from tests.cards.reference.states import COUNTED, ExpectedState, states

STEPS = (Indicator.INFO, Indicator.WARNING, Indicator.CRITICAL)


@dataclass(frozen=True)
class ExpectedPair:
    """One pair that must be reported, in plain words."""

    rule: str
    subject: str
    partner: str
    relation: str
    indication: str | None
    by_order: bool
    coverage: str
    indicator: Indicator


def pairs(record: PatientRecord, catalogue: Catalogue, question: Question) -> set[ExpectedPair]:
    """Return every pair that must be reported."""
    found = states(record, catalogue, question.on)
    return {
        pair
        for key, rule in catalogue.rules.items()
        if key not in question.policy.disabled and question.jurisdiction in rule.clauses
        for subject in catalogue.roles[key][0]
        for partner in catalogue.roles[key][1]
        if subject in found and partner in found
        for pair in one_pair(key, rule, (subject, partner), found, record, catalogue, question)
    }


def one_pair(
    key: str,
    rule: Rule,
    names: tuple[str, str],
    found: dict[str, ExpectedState],
    record: PatientRecord,
    catalogue: Catalogue,
    question: Question,
) -> Iterator[ExpectedPair]:
    """Yield the pair of a subject and a partner if it must be reported."""
    subject, partner = found[names[0]], found[names[1]]
    how = relation(subject, partner, question)
    if how is None or not two_resources(subject, partner):
        return
    stated = stated_by_order(subject, record, catalogue, question.on)
    on_record = indications(record, catalogue, question.on)
    indication = deciding(on_record if stated is None else stated, rule, names[1], question.jurisdiction, catalogue)
    if names[1] not in catalogue.members(rule.partner) and not exceptionally(
        rule, names[1], indication, stated is not None, record, catalogue, question
    ):
        return
    loud = how == "overlap" and question.hook is not Hook.PATIENT_VIEW
    loud = loud and not is_quiet(rule, names[1], indication, catalogue)
    yield ExpectedPair(
        rule=key,
        subject=names[0],
        partner=names[1],
        relation=how,
        indication=indication,
        by_order=stated is not None and indication is not None,
        coverage=coverage(rule.clause(question.jurisdiction, indication), names[1], catalogue),
        indicator=indicator(loud=loud, infected=serious_infection(record, catalogue, question.on)),
    )


def relation(subject: ExpectedState, partner: ExpectedState, question: Question) -> str | None:
    """Say how the two stand to each other in time, or None where nothing is reported."""
    both = (subject.state, partner.state)
    if question.hook is Hook.PATIENT_VIEW:
        # "`patient-view`: current x current"
        asked = both == (State.CURRENT, State.CURRENT)
    else:
        # "at least one member is selected"; "at least one member is a draft"
        asked = is_asked(subject, question) or is_asked(partner, question)
    if not asked:
        return None
    if State.RECENT in both:
        # "only when the drafted ingredient is not itself already current"
        drafted = subject if subject.state is State.ORDERED else partner
        return None if drafted.before is State.CURRENT else "recent"
    if not set(both) <= {State.ORDERED, State.CURRENT}:
        return None
    if planned(subject, partner, question.on) or planned(partner, subject, question.on):
        return "sequential"
    # "draft x draft, draft x current"
    return "overlap"


def is_asked(state: ExpectedState, question: Question) -> bool:
    # "(`selections` missing or empty: every draft is)"
    drafts = [item.fact.ref for item in state.voices if item.state is State.ORDERED]
    if question.hook is Hook.ORDER_SIGN or not question.selections:
        return bool(drafts)
    return any(ref in question.selections for ref in drafts)


def planned(first: ExpectedState, second: ExpectedState, on: date) -> bool:
    # "where A is current by a bounds end on or after `on` and B's recorded start is on or after that end"
    ends = [item.fact.end for item in first.voices if item.in_force]
    if first.state is not State.CURRENT or not ends or None in ends:
        return False
    end = max(end for end in ends if end is not None)
    return end >= on and all(
        (item.in_force or item.state is State.ORDERED) and item.fact.start is not None and item.fact.start >= end
        for item in second.voices
        if item.state in (State.ORDERED, State.CURRENT)
    )


def two_resources(subject: ExpectedState, partner: ExpectedState) -> bool:
    # "a pair needs two resources"
    refs = [{item.fact.ref for item in side.voices if item.state in COUNTED} for side in (subject, partner)]
    return any(one != other for one in refs[0] for other in refs[1])


def exceptionally(
    rule: Rule,
    partner: str,
    indication: str | None,
    by_order: bool,
    record: PatientRecord,
    catalogue: Catalogue,
    question: Question,
) -> bool:
    # "methotrexate and leflunomide fire when AD decides"; "only if the order says so or AD is the only one on record"
    return any(
        partner in catalogue.members(members)
        and indication == needed
        and needed in rule.clauses[question.jurisdiction]
        and (by_order or only_indication(needed, record, catalogue, question.on))
        for needed, members in rule.only_if.items()
    )


def is_quiet(rule: Rule, partner: str, indication: str | None, catalogue: Catalogue) -> bool:
    # "Asthma/allergy biologics [...] are `info` unless AD decides or no indication is known"
    return partner in catalogue.members(rule.quiet) and indication is not None and indication not in rule.loud_for


def indicator(*, loud: bool, infected: bool) -> Indicator:
    # "`critical` with an active serious infection [...] and an ordered/current pair; ordered + recent then `warning`"
    return STEPS[loud + infected]


def findings(record: PatientRecord, catalogue: Catalogue, question: Question) -> dict[str, Indicator]:
    """Return the rules that are met and how loud each is."""
    loudness: dict[str, Indicator] = {}
    ceilings = dict(question.policy.ceilings)
    for pair in pairs(record, catalogue, question):
        # "A site can lower, never silently remove"
        limit = STEPS.index(ceilings.get(pair.rule, Indicator.CRITICAL))
        step = min(STEPS.index(pair.indicator), limit)
        loudness[pair.rule] = STEPS[max(step, STEPS.index(loudness.get(pair.rule, Indicator.INFO)))]
    return loudness
