"""Entries of the record whose drug nothing names: which of them leave a doubt, because any drug in them would count.

An entry that is long over, or was never therapy, says nothing about a combination, whatever its drug was.
"""

from collections.abc import Iterable
from datetime import date

from msgspec.structs import replace

from cards.catalogue import Catalogue
from cards.exposure import Exposure, exposures
from cards.model import MedicationFact, PatientRecord, Recognised, State

_COUNTING = frozenset({State.ORDERED, State.CURRENT, State.RECENT})


def doubtful(facts: Iterable[MedicationFact], scope: frozenset[str], catalogue: Catalogue, on: date) -> int:
    """Count the unidentified entries that would count on `on`, were their drug any ingredient of `scope`.

    Each ingredient is tried with its own windows, so a stop is over after the longest washout of them all. An entry
    without a date, or with one that could not be read, leaves a doubt unless its status says that it never counts.
    """
    return sum(_could_count(fact, scope, catalogue, on) for fact in facts)


def _could_count(fact: MedicationFact, scope: frozenset[str], catalogue: Catalogue, on: date) -> bool:
    tried = replace(fact, recognised=tuple(Recognised(key, by=key) for key in sorted(scope)))
    found = exposures(PatientRecord(patient="", medications=(tried,)), catalogue, on).by_ingredient
    return any(fact.doubts or _counts(item) for item in found.values())


def _counts(exposure: Exposure) -> bool:
    return exposure.state in _COUNTING or exposure.deciding.last is None
