"""What one resource says about one of its ingredients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cards.model import Kind, MedicationFact, Origin, State
from tests.cards.reference.windows import ExpectedDay, one_supply, supplied_until

DOSES = (Kind.ADMINISTRATION, Kind.DISPENSE)
ORDERS = (Kind.REQUEST, Kind.STATEMENT)


@dataclass(frozen=True)
class Voice:
    """What one resource says about one ingredient; `last` is the last exposure that it shows."""

    fact: MedicationFact
    state: State
    last: date | None = None
    in_force: bool = False
    lapsed: bool = False
    is_stop: bool = False


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
