"""The windows of an ingredient on a day, and how long a supply lasts."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import floor

from cards.catalogue import Catalogue
from cards.model import MedicationFact, State


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
