"""A second opinion: sections 4 and 5 of the brief once more, plain and slow, written from the brief alone.

Nothing here looks at `cards.exposure`, `cards.problems` or `cards.detect`; it shares with them only the facts, the
knowledge and the question. Each clause is one small function under the words of the brief that it follows. A reading
that the brief leaves open is marked "Question:"; the answer given is the one that is safest for the patient.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from math import floor

from cards.catalogue import Catalogue
from cards.detect import Question
from cards.model import (
    ConditionFact,
    Hook,
    Indicator,
    Kind,
    MedicationFact,
    Origin,
    PatientRecord,
    State,
)
from cards.schema.conditions import Role
from cards.schema.rules import Clause, Rule

COUNTED = (State.ORDERED, State.CURRENT, State.RECENT)
DOSES = (Kind.ADMINISTRATION, Kind.DISPENSE)
ORDERS = (Kind.REQUEST, Kind.STATEMENT)
STRENGTH = (State.ORDERED, State.CURRENT, State.RECENT, State.PAST, State.NONE)
STEPS = (Indicator.INFO, Indicator.WARNING, Indicator.CRITICAL)


@dataclass(frozen=True)
class Voice:
    """What one resource says about one ingredient; `last` is the last exposure that it shows."""

    fact: MedicationFact
    state: State
    last: date | None = None
    in_force: bool = False
    lapsed: bool = False
    is_stop: bool = False


@dataclass(frozen=True)
class ExpectedState:
    """The state of one ingredient, with what the record says without the ordering session."""

    state: State
    before: State
    voices: tuple[Voice, ...]


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


@dataclass(frozen=True)
class ExpectedDay:
    """What holds for one ingredient on one day: its windows, and whether it is taken daily."""

    on: date
    dosing: int
    washout: int
    daily: bool

    def reaches(self, last: date, days: int) -> bool:
        # "windows are inclusive (last + window >= `on`)"
        return last + timedelta(days=days) >= self.on

    def after(self, last: date | None) -> State:
        # "dosing window, then washout, both counted from the last exposure"; "No date at all: past."
        if last is None:
            return State.PAST
        if self.reaches(last, self.dosing):
            return State.CURRENT
        return self.washed(last)

    def washed(self, last: date | None) -> State:
        # "ended, but last exposure + washout window reaches `on`"
        return State.RECENT if last is not None and self.reaches(last, self.washout) else State.PAST


# ---------------------------------------------------------------------------------------------------- what counts


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


# ------------------------------------------------------------------------------------------------------ the windows


def day_of(catalogue: Catalogue, ingredient: str, regimen: str | None, on: date) -> ExpectedDay:
    """Return the windows of an ingredient on a day."""
    item, group = catalogue.ingredients[ingredient], catalogue.drug_class(ingredient)
    # "Without a sourced window a class default"
    dosing = item.windows.dosing.days if item.windows.dosing else group.windows.dosing
    washout = item.windows.washout.days if item.windows.washout else group.windows.washout
    # "shortened when the product or order states the regimen"
    if regimen is not None:
        dosing = item.regimens[regimen].dosing
    return ExpectedDay(on, dosing, washout, group.daily)


def one_supply(fact: MedicationFact) -> int | None:
    # "`expectedSupplyDuration`"; "no duration: quantity / daily dose": ten tablets, three a day, end on the third day
    if fact.supply_days:
        return fact.supply_days
    if fact.quantity and fact.daily_units:
        return floor(fact.quantity / fact.daily_units)
    return None


def supplied_until(fact: MedicationFact, written: date) -> date:
    # "`authoredOn` + `expectedSupplyDuration` x (1 + repeats), at most 365 d; [...] else 0"
    return written + timedelta(days=min((one_supply(fact) or 0) * (1 + fact.repeats), 365))


# ----------------------------------------------------------------------------------------- what one resource says


def voice(fact: MedicationFact, day: ExpectedDay, doses: Sequence[date], *, replaced: bool) -> Voice:
    """Say what one resource that counts says about one of its ingredients."""
    if fact.kind is Kind.ADMINISTRATION:
        return Voice(fact, day.after(fact.given), fact.given)
    if fact.kind is Kind.DISPENSE:
        return dispense(fact, day)
    if fact.origin is Origin.DRAFT and not stopped(fact):
        # "ordered | a draft that is not cancelled, stopped, entered-in-error or `doNotPerform`"
        return Voice(fact, State.ORDERED)
    if stopped(fact):
        return recorded_stop(fact, day)
    if replaced:
        # "a draft whose `priorPrescription` is the partner's order makes that order end on `on`"
        return Voice(fact, day.washed(day.on), day.on, is_stop=True)
    return statement(fact, day) if fact.kind is Kind.STATEMENT else request(fact, day, doses)


def dispense(fact: MedicationFact, day: ExpectedDay) -> Voice:
    """Say what a dispense says."""
    if fact.given is None:
        return Voice(fact, State.PAST)
    supply_end = fact.given + timedelta(days=one_supply(fact) or 0)
    if day.daily:
        # "of a daily oral drug: supply end + 14 d ("supply may have run out {date}"), then past"
        return Voice(fact, State.CURRENT if day.reaches(supply_end, 14) else State.PAST, supply_end)
    # "current until the later of dispense + dosing window and dispense + days supply + 14 d"
    if day.reaches(fact.given, day.dosing) or day.reaches(supply_end, 14):
        return Voice(fact, State.CURRENT, supply_end)
    return Voice(fact, day.washed(supply_end), supply_end)


def statement(fact: MedicationFact, day: ExpectedDay) -> Voice:
    """Say what a statement without a recorded stop says."""
    if fact.status == "completed":
        # "statement end (else `dateAsserted`)"
        last = fact.end or fact.asserted
        return lapse(fact, day, min(last, day.on) if last else None)
    # "statement `active`/`intended`/`on-hold`"; unknown or missing: current. Question: an end before `on` ends it.
    if fact.end is not None and fact.end < day.on:
        return lapse(fact, day, fact.end)
    return Voice(fact, State.CURRENT, in_force=True)


def request(fact: MedicationFact, day: ExpectedDay, doses: Sequence[date]) -> Voice:
    """Say what an order of the record without a recorded stop says."""
    if fact.status == "completed":
        return lapse(fact, day, completed(fact, day, doses))
    # "request `active`, `on-hold` (say "on hold") or `unknown` (say so) without an end before `on`"
    ends = therapy_ends(fact, day)
    if ends is None or ends[0] >= day.on:
        return Voice(fact, State.CURRENT, in_force=True)
    return lapse(fact, day, ends[1])


def lapse(fact: MedicationFact, day: ExpectedDay, last: date | None) -> Voice:
    # "A lapse (bounds or validity over, status still `active`, or `completed`) is not a stop"
    return Voice(fact, day.after(last), last, lapsed=True)


def therapy_ends(fact: MedicationFact, day: ExpectedDay) -> tuple[date, date] | None:
    """Return the end of an order and the last exposure that goes with it; of two ends, the earlier."""
    ends = []
    if fact.end is not None:
        ends.append((fact.end, fact.end))
    if fact.validity_end is not None:
        ends.append(after_validity(fact, fact.validity_end, day))
    if not ends:
        return None
    first = min(end for end, _ in ends)
    return first, max(last for end, last in ends if end == first)


def after_validity(fact: MedicationFact, validity_end: date, day: ExpectedDay) -> tuple[date, date]:
    # "it counts as an end after one `expectedSupplyDuration` more (default 30 d oral, the dosing window for biologics)"
    supply = one_supply(fact)
    if supply is None and not day.daily:
        return validity_end + timedelta(days=day.dosing), validity_end
    end = validity_end + timedelta(days=30 if supply is None else supply)
    return end, end


def completed(fact: MedicationFact, day: ExpectedDay, doses: Sequence[date]) -> date | None:
    # "the latest of administration, dispense, bounds end, [...]; else `authoredOn` + [...] supply"
    since = [dose for dose in doses if fact.authored is None or dose >= fact.authored]
    if fact.end is not None:
        last = fact.end
    elif since:
        last = max(since)
    elif fact.authored is not None:
        last = supplied_until(fact, fact.authored)
    else:
        return None
    return min(last, day.on)


# ---------------------------------------------------------------------------------------------------------- stops


def stopped(fact: MedicationFact) -> bool:
    # "A recorded stop (request or statement `stopped`, or discontinued in this session)"; R5 `ended` is one
    return fact.kind in ORDERS and fact.status in ("stopped", "ended")


def recorded_stop(fact: MedicationFact, day: ExpectedDay) -> Voice:
    """Say what a recorded stop says: washout from its day."""
    stop = stop_date(fact, day.on)
    return Voice(fact, day.washed(stop), stop, is_stop=True)


def stop_date(fact: MedicationFact, on: date) -> date | None:
    # "Date of an undated stop: the call itself if it is a draft of this session"
    if fact.origin is Origin.DRAFT:
        return on
    if fact.end is not None and fact.end <= on:
        return fact.end
    # "R5 `statusChanged`"
    if fact.status_changed is not None:
        return min(fact.status_changed, on)
    written = fact.authored if fact.kind is Kind.REQUEST else fact.asserted
    # "the later of `meta.lastUpdated` and `authoredOn`"
    if fact.last_updated is not None:
        return min(max(fact.last_updated, written or fact.last_updated), on)
    # "else authoredOn + supply. No date at all: past."
    return min(supplied_until(fact, written), on) if written else None


def last_stop(voices: Iterable[Voice]) -> date | None:
    # Question: a stop without any date lowers nothing but its own resource; of several stops the latest counts.
    return max((item.last for item in voices if item.is_stop and item.last is not None), default=None)


def lifted(voices: Iterable[Voice], stop: date) -> bool:
    # "unless another request of it is active or a dose is dated after the stop"
    return any(lifts(item, stop) for item in voices if not item.is_stop)


def lifts(item: Voice, stop: date) -> bool:
    """Say whether a resource shows that the medicine was taken up again after a stop."""
    fact = item.fact
    if fact.kind is Kind.REQUEST:
        return item.in_force or (item.lapsed and after(fact.authored, stop))
    if fact.kind is Kind.STATEMENT:
        return after(fact.start, stop) or after(fact.asserted, stop)
    return after(fact.given, stop)


def after(day: date | None, stop: date) -> bool:
    """Say whether a day is known and later than the stop."""
    return day is not None and day > stop


def within_stops(voices: Sequence[Voice], day: ExpectedDay) -> tuple[Voice, ...]:
    # "caps the ingredient at recent, whatever the last infusion". Question: the last exposure is the day of the stop,
    # for an interval medicine too; a documented last infusion would let the washout run out earlier.
    stop = last_stop(voices)
    if stop is None or lifted(voices, stop):
        return tuple(voices)
    return tuple(replace(item, state=day.washed(stop)) if in_use(item) else item for item in voices)


def in_use(item: Voice) -> bool:
    """Say whether a resource by itself shows a medicine in use; one in its washout is recent already."""
    return item.state is State.CURRENT


# ------------------------------------------------------------------------------------------ the state of ingredients


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


# ------------------------------------------------------------------------------------------------------- problems


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


# ------------------------------------------------------------------------------------------- the deciding indication


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


# --------------------------------------------------------------------------------------------------------- pairs


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
