"""Which problems of the record count: indications, active serious infections, transplant status, risks."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import msgspec

from cards.catalogue import Catalogue
from cards.model import ConditionFact, Gap, MedicationFact, PatientRecord
from cards.schema.conditions import ConditionGroup, Role
from cards.schema.rules import AGE_65

TRANSPLANT = "transplant-status"
_OVER = frozenset({"inactive", "resolved"})
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_DISMISSED = frozenset({"refuted", "entered-in-error"})
_ACUTE_DAYS = 90
_OLD_AGE = 65


class Problem(msgspec.Struct, frozen=True):
    """A condition group that the patient has, and the fact that says so."""

    group: str
    fact: ConditionFact

    @property
    def provisional(self) -> bool:
        """Say whether the diagnosis is not confirmed."""
        return self.fact.verification_status in {"provisional", "unconfirmed", "differential"}


class Infection(msgspec.Struct, frozen=True):
    """An active serious infection; `dated` is false where the record gives an acute infection no date."""

    group: str
    fact: ConditionFact
    dated: bool


class Problems(msgspec.Struct, frozen=True):
    """The problems that count on one day.

    `on_record` are the indications of the problem list, in the order of the knowledge; `by_ref` are the groups of each
    Condition that an order may give as its reason. `supplied` is false where no problem list arrived. `age` is in
    completed years, None where the birth date is not known.
    """

    by_ref: Mapping[str, tuple[str, ...]]
    on_record: tuple[Problem, ...]
    infections: tuple[Infection, ...]
    others: tuple[Problem, ...]
    supplied: bool
    age: int | None = None

    @property
    def risks(self) -> tuple[str, ...]:
        """Return the groups of the risks on record, each once; age 65 or over is one of them."""
        groups = dict.fromkeys(item.group for item in self.others)
        return (*groups, *((AGE_65,) if self.age is not None and self.age >= _OLD_AGE else ()))

    @property
    def transplant(self) -> bool:
        """Say whether the record holds a transplant status."""
        return any(item.group == TRANSPLANT for item in self.others)

    @property
    def indications(self) -> tuple[str, ...]:
        """Return the indications on record, each once."""
        return tuple(dict.fromkeys(item.group for item in self.on_record))


def problems(record: PatientRecord, catalogue: Catalogue, on: date) -> Problems:
    """Return the problems that count on `on`."""
    mine = [fact for fact in record.conditions if not fact.other_patient]
    present = [Problem(group, fact) for fact in mine if _counts(fact, on) for group in fact.groups]
    by_role: dict[Role, list[Problem]] = {}
    for item in present:
        by_role.setdefault(catalogue.conditions[item.group].role, []).append(item)
    return Problems(
        by_ref={fact.ref: fact.groups for fact in mine if fact.verification_status not in _DISMISSED},
        on_record=tuple(sorted(by_role.get(Role.INDICATION, ()), key=lambda item: _rank(catalogue, item.group))),
        infections=tuple(
            sorted(
                _infections(by_role.get(Role.INFECTION, ()), catalogue, record.encounter, on),
                key=lambda item: (list(catalogue.conditions).index(item.group), item.fact.ref),
            )
        ),
        others=(*by_role.get(Role.RISK, ()), *by_role.get(Role.STATUS, ())),
        supplied=not {Gap.CONDITIONS_ABSENT, Gap.CONDITIONS_FAILED} & record.gaps.keys() or bool(mine),
        age=_age(record.birth_date, on),
    )


def _age(born: date | None, on: date) -> int | None:
    """Return completed years; who was born on 29 February completes one on 1 March of a common year."""
    if born is None or born > on:
        return None
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _rank(catalogue: Catalogue, group: str) -> int:
    order = catalogue.indication_order
    return order.index(group) if group in order else len(order)


def _counts(fact: ConditionFact, on: date) -> bool:
    """Say whether a problem is there: remission counts, resolved and refuted ones do not."""
    if fact.verification_status in _DISMISSED or fact.clinical_status in _OVER:
        return False
    return not (fact.clinical_status is None and fact.abated and fact.abated < on)


def stated_indications(orders: Iterable[MedicationFact], problems: Problems, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the indications that orders give as their reason, in the order of the knowledge."""
    stated = {group for fact in orders for group in _reason_groups(fact, problems)}
    return tuple(group for group in catalogue.indication_order if group in stated) if stated else ()


def _reason_groups(fact: MedicationFact, problems: Problems) -> tuple[str, ...]:
    referred = (group for ref in fact.reason_refs for group in problems.by_ref.get(ref, ()))
    return (*fact.reason_groups, *referred)


def _infections(
    present: Iterable[Problem], catalogue: Catalogue, encounter: str | None, on: date
) -> Iterable[Infection]:
    for item in present:
        fact, group = item.fact, catalogue.conditions[item.group]
        if fact.clinical_status not in _ACTIVE or fact.verification_status not in {"confirmed", None}:
            continue
        if _recent_enough(fact, group, encounter, on):
            yield Infection(item.group, fact, dated=not group.acute or _written(fact) is not None)


def _recent_enough(fact: ConditionFact, group: ConditionGroup, encounter: str | None, on: date) -> bool:
    if not group.acute or (encounter is not None and fact.encounter == encounter):
        return True
    written = _written(fact)
    return written is None or written >= on - timedelta(days=_ACUTE_DAYS)


def _written(fact: ConditionFact) -> date | None:
    """Return the latest day that the record gives an infection: an old onset that was recorded anew counts."""
    return max((day for day in (fact.onset, fact.recorded) if day), default=None)
