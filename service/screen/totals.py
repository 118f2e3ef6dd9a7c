"""The counts of a screening: of a patient, of a share, of the whole export, all of one shape that adds up."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from cards.model import INDICATORS, Indicator


class Pair(msgspec.Struct, frozen=True, order=True):
    """What a row of the table counts: a rule, its two ingredients, and how loud the pair is."""

    rule: str
    subject: str
    partner: str
    indicator: str

    def __str__(self) -> str:
        """Write the pair as a key; none of its parts holds a space."""
        return f"{self.rule} {self.subject} {self.partner} {self.indicator}"

    @classmethod
    def of(cls, key: str) -> "Pair":
        """Read a key."""
        return cls(*key.split())


class Totals(msgspec.Struct):
    """How many patients: each is counted once in a number, and may be in several of them.

    `on_subject` is by subject ingredient in force, `doubts` by what was missing, `failed` by the kind of an error of
    ours. `incomplete` are not fully checked, whether or not a combination was found.
    """

    patients: int = 0
    on_any_subject: int = 0
    on_subject: dict[str, int] = {}
    with_combination: int = 0
    rules: dict[str, int] = {}
    pairs: dict[str, int] = {}
    incomplete: int = 0
    doubts: dict[str, int] = {}
    failed: dict[str, int] = {}

    @property
    def complete(self) -> int:
        """Return how many patients were fully checked."""
        return self.patients - self.incomplete


def added(totals: Iterable[Totals]) -> Totals:
    """Add totals up; in whatever order and grouping they come, the sum is the same."""
    sums: dict[str, Counter[str]] = {name: Counter() for name in Totals.__struct_fields__}
    for item in totals:
        for name, counted in sums.items():
            value = getattr(item, name)
            counted.update(value if isinstance(value, dict) else {"": value})
    summed = {
        name: dict(sorted(sums[name].items())) if isinstance(default, dict) else sums[name][""]
        for name, default in msgspec.structs.asdict(Totals()).items()
    }
    return msgspec.convert(summed, Totals)


def loudest(first: str) -> int:
    """Order indicators, the loudest first."""
    return -INDICATORS.index(Indicator(first))
