"""A rule that has gone silent: it used to fire, and by now it would have been expected to.

The classic malfunction of decision support is a rule that stops firing and nobody notices. How often a rule fired for
each call (or each day, while no calls are counted) before it was last seen gives the number to be expected since. The
chance of none at all is that of a Poisson variable, exp(-expected).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp

# One false alarm in a hundred looks at a rule that is well.
LIKELY_CHANCE = 0.01


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a rule has been quiet, and how odd that is; `last` is None for a rule that did not fire in these days.

    `chance` is the probability that a rule which is well is quiet for so long.
    """

    rule: str
    fired: int
    last: date | None = None
    quiet_days: int = 0
    expected: float = 0.0
    chance: float = 1.0

    @property
    def alarming(self) -> bool:
        """Tell whether somebody should look."""
        return self.chance < LIKELY_CHANCE


def silence(rule: str, fired: Mapping[date, int], calls: Mapping[date, int], since: date, today: date) -> Silence:
    """Judge a rule by the days it fired on and the calls of each day, from `since` to the whole day before `today`.

    Today is not over, so it counts for the rule and never against it.
    """
    days = [day for day in fired if fired[day] and since <= day <= today]
    if not days:
        return Silence(rule, 0)
    last = max(days)
    quiet = _between(last + timedelta(days=1), today - timedelta(days=1))
    active = _between(since, last)
    # The last firing ends the window before the silence, so it is no evidence of how often the rule fires.
    before = sum(fired[day] for day in days) - 1
    exposed, waited = _exposure(active, calls), _exposure(quiet, calls)
    if not sum(calls.get(day, 0) for day in active):
        exposed, waited = len(active), len(quiet)
    expected = before / exposed * waited if exposed else 0.0
    return Silence(rule, sum(fired[day] for day in days), last, len(quiet), expected, exp(-expected))


def _between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _exposure(days: list[date], calls: Mapping[date, int]) -> int:
    return sum(calls.get(day, 0) for day in days)
