"""Medication facts and a day to the state of each ingredient, with the dates that decided.

Windows are inclusive: a state holds as long as last exposure + window reaches the day. The strongest state of an
ingredient wins, within the rule on stops: a recorded stop caps it at recent.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from cards.catalogue import Catalogue
from cards.model import Kind, MedicationFact, Origin, PatientRecord, Recognised, State

STRENGTH = {State.ORDERED: 4, State.CURRENT: 3, State.RECENT: 2, State.PAST: 1, State.NONE: 0}
_STOPPED = frozenset({"stopped", "ended"})
_HANDED_OVER = frozenset({"completed", "in-progress", "unknown", None})
_DOSES = frozenset({Kind.ADMINISTRATION, Kind.DISPENSE})
_GRACE_DAYS = 14
_ORAL_SUPPLY_DAYS = 30
_LONGEST_ESTIMATE_DAYS = 365
_QUIET_DAYS = 365


class Ignore(StrEnum):
    """Why a resource of the catalogue's drugs does not count."""

    ENTERED_IN_ERROR = "entered-in-error"
    CANCELLED = "cancelled"
    DO_NOT_PERFORM = "do-not-perform"
    NOT_DONE = "not-done"
    NOT_TAKEN = "not-taken"
    NOT_DISPENSED = "not-dispensed"
    PROPOSAL = "intent-proposal"
    OPTION = "intent-option"
    CHART_DRAFT = "draft-in-the-record"
    FUTURE = "in-the-future"
    NOT_SYSTEMIC = "not-systemic"
    OTHER_PATIENT = "other-patient"
    REPLACED_BY_DRAFT = "replaced-by-a-draft"


class Basis(StrEnum):
    """What put an ingredient into its state."""

    DRAFT = "draft"
    ACTIVE = "active"
    LAPSE = "lapse"
    ADMINISTRATION = "administration"
    DISPENSE = "dispense"
    STOP = "stop"
    REPLACED = "replaced"


class Window(msgspec.Struct, frozen=True):
    """Dosing and washout window in days, and whether each is a class convention."""

    dosing: int
    washout: int
    dosing_convention: bool = False
    washout_convention: bool = False


class Contribution(msgspec.Struct, frozen=True):
    """What one fact says about one ingredient.

    `last` is the last exposure it shows; `until` the last day on which `state` holds, if it ends by itself. `stop`
    is the day of a recorded stop, `capped` says that a stop of the ingredient lowered the state.
    """

    fact: MedicationFact
    state: State
    basis: Basis
    window: Window
    last: date | None = None
    until: date | None = None
    stop: date | None = None
    stop_dated: bool = True
    capped: bool = False


class Exposure(msgspec.Struct, frozen=True):
    """The state of one ingredient on the day.

    `established` is the state before this ordering session: what the record alone says. `contributions` are all
    facts that count, strongest and latest first. `activity` is the last recorded activity, if it is over a year old.
    """

    ingredient: str
    state: State
    established: State
    contributions: tuple[Contribution, ...]
    activity: date | None = None

    @property
    def deciding(self) -> Contribution:
        """Return the contribution that gave the state."""
        return self.contributions[0]

    @property
    def drafts(self) -> tuple[MedicationFact, ...]:
        """Return the drafts that order the ingredient."""
        if self.state is not State.ORDERED:
            return ()
        return tuple([item.fact for item in self.contributions if item.state is State.ORDERED])


class Ignored(msgspec.Struct, frozen=True):
    """A resource that names a catalogue ingredient and does not count, and why."""

    ref: str
    ingredient: str
    reason: Ignore


class Exposures(msgspec.Struct, frozen=True):
    """Every ingredient with an exposure, in knowledge order, and what was ignored.

    `before` are the exposures that the record alone shows, as if there were no ordering session.
    """

    by_ingredient: Mapping[str, Exposure]
    ignored: tuple[Ignored, ...]
    before: Mapping[str, Exposure]


def exposures(
    record: PatientRecord, catalogue: Catalogue, on: date, before: Mapping[str, Exposure] | None = None
) -> Exposures:
    """Return the exposure of every ingredient that the record names, as of `on`.

    `before` are the exposures that the record alone shows, where they are known: those of the same record with other
    drafts.
    """
    ignored: list[Ignored] = []
    counted: dict[str, list[tuple[MedicationFact, Recognised]]] = {}
    for fact in record.medications:
        for item in fact.recognised:
            reason = ignore_reason(fact, item, on)
            if reason:
                ignored.append(Ignored(fact.ref, item.ingredient, reason))
            else:
                counted.setdefault(item.ingredient, []).append((fact, item))
    session = _Session.of(record.medications, on)
    found: dict[str, Exposure] = {}
    alone: dict[str, Exposure] = {}
    for ingredient in sorted(counted.keys() & catalogue.place.keys(), key=catalogue.place.__getitem__):
        facts = counted[ingredient]
        calculator = _Calculator(catalogue, ingredient, on, session)
        ignored.extend(
            Ignored(fact.ref, ingredient, Ignore.REPLACED_BY_DRAFT) for fact, _ in facts if session.supersedes(fact)
        )
        recorded = calculator.alone(facts) if before is None else before.get(ingredient)
        if recorded:
            alone[ingredient] = recorded
        if exposure := calculator.exposure(facts, recorded):
            found[ingredient] = exposure
    return Exposures(found, tuple(ignored), alone)


def ignore_reason(fact: MedicationFact, item: Recognised, on: date) -> Ignore | None:
    """Say why a fact does not count at all, or None."""
    if fact.other_patient:
        return Ignore.OTHER_PATIENT
    if not item.systemic:
        return Ignore.NOT_SYSTEMIC
    if fact.do_not_perform:
        return Ignore.DO_NOT_PERFORM
    if fact.status in _NEVER:
        return _NEVER[fact.status]
    return _BY_KIND[fact.kind](fact, on)


_NEVER = {
    "entered-in-error": Ignore.ENTERED_IN_ERROR,
    "cancelled": Ignore.CANCELLED,
    "not-done": Ignore.NOT_DONE,
    "not-taken": Ignore.NOT_TAKEN,
    "declined": Ignore.NOT_DISPENSED,
}


def _ignored_request(fact: MedicationFact, _on: date) -> Ignore | None:
    if fact.origin is Origin.DRAFT:
        return None
    if fact.status == "draft":
        return Ignore.CHART_DRAFT
    return {"proposal": Ignore.PROPOSAL, "option": Ignore.OPTION}.get(fact.intent or "")


def _ignored_statement(fact: MedicationFact, _on: date) -> Ignore | None:
    if fact.status == "draft":
        return Ignore.CHART_DRAFT
    return Ignore.NOT_TAKEN if fact.not_taken else None


def _ignored_administration(fact: MedicationFact, on: date) -> Ignore | None:
    return Ignore.FUTURE if fact.given and fact.given > on else None


def _ignored_dispense(fact: MedicationFact, _on: date) -> Ignore | None:
    return None if fact.status in _HANDED_OVER else Ignore.NOT_DISPENSED


_BY_KIND = {
    Kind.REQUEST: _ignored_request,
    Kind.STATEMENT: _ignored_statement,
    Kind.ADMINISTRATION: _ignored_administration,
    Kind.DISPENSE: _ignored_dispense,
}


class _Session(msgspec.Struct, frozen=True):
    """What the ordering session does to the record: resources it re-signs, orders it replaces."""

    signs: frozenset[str]
    replaces: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, facts: Iterable[MedicationFact], on: date) -> "_Session":
        drafts = [fact for fact in facts if fact.origin is Origin.DRAFT and not fact.other_patient]
        replaces: dict[str, frozenset[str]] = {}
        for fact in drafts:
            if not fact.prior_prescription or fact.status in _STOPPED:
                continue
            counts = {item.ingredient for item in fact.recognised if not ignore_reason(fact, item, on)}
            if counts:
                before = replaces.get(fact.prior_prescription, frozenset())
                replaces[fact.prior_prescription] = before | counts
        return cls(frozenset(fact.ref for fact in drafts if fact.id), replaces)

    def supersedes(self, fact: MedicationFact) -> bool:
        """Say whether a draft carries the id of this chart resource."""
        return fact.origin is Origin.CHART and fact.ref in self.signs

    def replaced(self, fact: MedicationFact, ingredient: str) -> bool:
        """Say whether a draft of another ingredient takes the place of this order."""
        others = self.replaces.get(fact.ref)
        return others is not None and fact.origin is Origin.CHART and bool(others - {ingredient})

    def touches(self, fact: MedicationFact, ingredient: str) -> bool:
        """Say whether a fact counts otherwise in the session than in the record alone."""
        return fact.origin is Origin.DRAFT or self.supersedes(fact) or self.replaced(fact, ingredient)


class _Calculator(msgspec.Struct, frozen=True):
    catalogue: Catalogue
    ingredient: str
    on: date
    session: _Session

    def alone(self, facts: Sequence[tuple[MedicationFact, Recognised]]) -> Exposure | None:
        """Return the exposure that the record alone shows."""
        chart = [(fact, item) for fact, item in facts if fact.origin is Origin.CHART]
        return self._exposure(chart, None, in_session=False)

    def exposure(self, facts: Sequence[tuple[MedicationFact, Recognised]], alone: Exposure | None) -> Exposure | None:
        """Return the exposure in the ordering session; `alone` is that of the record."""
        if not any(self.session.touches(fact, self.ingredient) for fact, _ in facts):
            return alone
        counted = [(fact, item) for fact, item in facts if not self.session.supersedes(fact)]
        return self._exposure(counted, alone.state if alone else State.NONE, in_session=True)

    def _exposure(
        self, facts: Sequence[tuple[MedicationFact, Recognised]], established: State | None, *, in_session: bool
    ) -> Exposure | None:
        if not facts:
            return None
        contributions = tuple(self._contributions(facts, in_session=in_session))
        state = contributions[0].state
        activity = self._old_activity(facts)
        return Exposure(self.ingredient, state, state if established is None else established, contributions, activity)

    def _contributions(
        self, facts: Sequence[tuple[MedicationFact, Recognised]], *, in_session: bool
    ) -> list[Contribution]:
        stated = _stated_regimen(facts)
        documented = [fact.given for fact, _ in facts if fact.given and fact.kind is not Kind.REQUEST]
        single = [
            self._single(
                fact, item.regimen or (stated if fact.kind in _DOSES else None), documented, in_session=in_session
            )
            for fact, item in facts
        ]
        return sorted(self._capped(single), key=_strongest_first)

    def _single(
        self, fact: MedicationFact, regimen: str | None, documented: Sequence[date], *, in_session: bool
    ) -> Contribution:
        window = self.catalogue.once(_window, self.ingredient, regimen)
        if in_session and self.session.replaced(fact, self.ingredient) and fact.status not in _STOPPED:
            until = self.on + timedelta(days=window.washout)
            return Contribution(fact, State.RECENT, Basis.REPLACED, window, last=self.on, until=until, stop=self.on)
        if fact.kind is Kind.ADMINISTRATION:
            return self._after(fact, Basis.ADMINISTRATION, window, fact.given)
        if fact.kind is Kind.DISPENSE:
            return self._dispense(fact, window)
        if fact.status in _STOPPED:
            return self._stop(fact, window)
        if fact.origin is Origin.DRAFT:
            return Contribution(fact, State.ORDERED, Basis.DRAFT, window)
        if fact.kind is Kind.STATEMENT:
            return self._statement(fact, window)
        return self._request(fact, window, documented)

    @property
    def _daily(self) -> bool:
        return self.catalogue.drug_class(self.ingredient).daily

    def _after(self, fact: MedicationFact, basis: Basis, window: Window, last: date | None) -> Contribution:
        """Return the state that follows a last exposure: dosing window, then washout window."""
        if last is None:
            return Contribution(fact, State.PAST, basis, window)
        for state, days in ((State.CURRENT, window.dosing), (State.RECENT, window.washout)):
            until = last + timedelta(days=days)
            if until >= self.on:
                return Contribution(fact, state, basis, window, last=last, until=until)
        return Contribution(fact, State.PAST, basis, window, last=last)

    def _dispense(self, fact: MedicationFact, window: Window) -> Contribution:
        if fact.given is None:
            return Contribution(fact, State.PAST, Basis.DISPENSE, window)
        supplied = fact.given + timedelta(days=_supply(fact) or 0)
        until = supplied + timedelta(days=_GRACE_DAYS)
        if not self._daily:
            until = max(until, fact.given + timedelta(days=window.dosing))
        if until >= self.on:
            return Contribution(fact, State.CURRENT, Basis.DISPENSE, window, last=supplied, until=until)
        if self._daily:
            return Contribution(fact, State.PAST, Basis.DISPENSE, window, last=supplied)
        residual = supplied + timedelta(days=window.washout)
        state = State.RECENT if residual >= self.on else State.PAST
        return Contribution(fact, state, Basis.DISPENSE, window, last=supplied, until=residual)

    def _statement(self, fact: MedicationFact, window: Window) -> Contribution:
        if fact.status == "completed":
            return self._after(fact, Basis.LAPSE, window, _earlier(fact.end or fact.asserted, self.on))
        if fact.end and fact.end < self.on:
            return self._after(fact, Basis.LAPSE, window, fact.end)
        return Contribution(fact, State.CURRENT, Basis.ACTIVE, window, until=fact.end)

    def _request(self, fact: MedicationFact, window: Window, documented: Sequence[date]) -> Contribution:
        if fact.status == "completed":
            return self._after(fact, Basis.LAPSE, window, self._completed(fact, documented))
        by_validity, last_by_validity = self._validity(fact, window)
        ends = [day for day in (fact.end, by_validity) if day]
        if not ends or min(ends) >= self.on:
            return Contribution(fact, State.CURRENT, Basis.ACTIVE, window, until=min(ends, default=None))
        lapsed_by_bounds = fact.end is not None and fact.end == min(ends)
        return self._after(fact, Basis.LAPSE, window, fact.end if lapsed_by_bounds else last_by_validity)

    def _validity(self, fact: MedicationFact, window: Window) -> tuple[date | None, date | None]:
        """Return the day on which a validity period ends therapy, and the last exposure it then stands for.

        Validity ends dispensing: one supply more can be taken. Without a stated supply that is 30 days of a daily
        medicine; an interval biologic given on the last valid day covers one dosing window.
        """
        if fact.validity_end is None:
            return None, None
        supply = _supply(fact)
        if self._daily or supply:
            end = fact.validity_end + timedelta(days=supply or _ORAL_SUPPLY_DAYS)
            return end, end
        return fact.validity_end + timedelta(days=window.dosing), fact.validity_end

    def _completed(self, fact: MedicationFact, documented: Sequence[date]) -> date | None:
        """Return the last exposure of a completed request: its end, else doses since it was written, else supply."""
        if fact.end:
            return _earlier(fact.end, self.on)
        if fact.authored is None:
            return max(documented, default=None)
        since = [day for day in documented if day >= fact.authored]
        if since:
            return max(since)
        return _earlier(fact.authored + timedelta(days=_estimate(fact)), self.on)

    def _stop(self, fact: MedicationFact, window: Window) -> Contribution:
        stop, dated = self._stop_date(fact)
        return Contribution(fact, State.PAST, Basis.STOP, window, last=stop, stop=stop, stop_dated=dated)

    def _stop_date(self, fact: MedicationFact) -> tuple[date | None, bool]:
        """Return the day of a recorded stop and whether the record states it."""
        if fact.origin is Origin.DRAFT:
            return self.on, True
        if fact.end and fact.end <= self.on:
            return fact.end, True
        if fact.status_changed:
            return _earlier(fact.status_changed, self.on), True
        written = fact.authored or fact.asserted
        if fact.last_updated:
            return _earlier(max(fact.last_updated, written or fact.last_updated), self.on), False
        if written:
            return _earlier(written + timedelta(days=_estimate(fact)), self.on), False
        return None, False

    def _capped(self, contributions: Sequence[Contribution]) -> list[Contribution]:
        """Apply the latest recorded stop, unless something shows that the medicine went on after it."""
        stops = [item.stop for item in contributions if item.stop]
        if not stops:
            return list(contributions)
        stop = max(stops)
        settled = [self._settle(item) if item.basis is Basis.STOP else item for item in contributions]
        if any(_lifts(item, stop) for item in settled if item.stop is None):
            return settled
        return [self._cap(item, stop) for item in settled]

    def _settle(self, item: Contribution) -> Contribution:
        """Return the state after a recorded stop: its day is the last exposure, whatever the last dose."""
        if item.stop is None:
            return item
        until = item.stop + timedelta(days=item.window.washout)
        return replace(item, state=State.RECENT if until >= self.on else State.PAST, until=until)

    def _cap(self, item: Contribution, stop: date) -> Contribution:
        if item.state is not State.CURRENT:
            return item
        until = stop + timedelta(days=item.window.washout)
        state = State.RECENT if until >= self.on else State.PAST
        return replace(item, state=state, last=stop, until=until, stop=stop, capped=True)

    def _old_activity(self, facts: Sequence[tuple[MedicationFact, Recognised]]) -> date | None:
        """Return the last recorded activity where it is more than twelve months old."""
        days = [day for fact, _ in facts for day in (fact.authored, fact.asserted, fact.start, fact.given) if day]
        latest = max(days, default=None)
        return latest if latest and latest < self.on - timedelta(days=_QUIET_DAYS) else None


def _window(catalogue: Catalogue, ingredient: str, stated: str | None) -> Window:
    """Return the windows of an ingredient, those of a stated regimen where it is given more often."""
    entry, default = catalogue.ingredients[ingredient], catalogue.drug_class(ingredient).windows
    dosing, washout = entry.windows.dosing, entry.windows.washout
    window = Window(
        dosing.days if dosing else default.dosing,
        washout.days if washout else default.washout,
        dosing is None or dosing.basis == "convention",
        washout is None or washout.basis == "convention",
    )
    regimen = entry.regimens.get(stated or "")
    if regimen and regimen.dosing < window.dosing:
        return replace(window, dosing=regimen.dosing, dosing_convention=False)
    return window


def _stated_regimen(facts: Sequence[tuple[MedicationFact, Recognised]]) -> str | None:
    """Return the regimen of the latest request: it tells how the doses were given that do not say so themselves."""
    requests = [
        (fact.authored, item.regimen)
        for fact, item in facts
        if fact.kind is Kind.REQUEST and fact.origin is Origin.CHART and fact.authored
    ]
    return max(requests, key=lambda item: item[0])[1] if requests else None


def _lifts(item: Contribution, stop: date) -> bool:
    """Say whether a fact shows that the medicine went on or was taken up again after a stop.

    Another order in force does, whatever its date; a dose, a lapsed order or a statement does if it is later.
    """
    fact = item.fact
    if fact.kind is Kind.REQUEST:
        return item.basis is Basis.ACTIVE or (
            item.basis is Basis.LAPSE and fact.authored is not None and fact.authored > stop
        )
    if fact.kind is Kind.STATEMENT:
        return any(day > stop for day in (fact.start, fact.asserted) if day)
    return bool(fact.given and fact.given > stop)


def _supply(fact: MedicationFact) -> int | None:
    """Return the days that one dispensing covers: as stated, else quantity by daily dose."""
    if fact.supply_days is not None:
        return fact.supply_days
    if fact.quantity and fact.daily_units:
        return math.floor(fact.quantity / fact.daily_units)
    return None


def _estimate(fact: MedicationFact) -> int:
    return min((_supply(fact) or 0) * (1 + fact.repeats), _LONGEST_ESTIMATE_DAYS)


def _earlier(day: date | None, on: date) -> date | None:
    return min(day, on) if day else None


def _strongest_first(item: Contribution) -> tuple[int, int, bool, str]:
    latest = item.last or item.fact.authored or item.fact.start or date.min
    # What a replaced order capped ends with it, and is no end of its own.
    return -STRENGTH[item.state], -latest.toordinal(), item.basis is not Basis.REPLACED, item.fact.ref
