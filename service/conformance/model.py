"""The nouns of the suite: a check, what it looked at, and the verdict."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

INFERNO_SET = "cds-hooks_2.0"


class Level(StrEnum):
    """How much a departure weighs: a SHALL fails, a SHOULD warns, the rest is noted."""

    SHALL = "SHALL"
    SHOULD = "SHOULD"
    INFORMATIVE = "informative"


class Part(StrEnum):
    """The parts of the suite, in the order in which they are reported."""

    DISCOVERY = "discovery"
    CALLS = "calls"
    CARDS = "cards"
    ACTIONS = "actions"
    FEEDBACK = "feedback"
    CORS = "cors"
    TRUST = "trust"


class Verdict(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warning"
    NOTED = "noted"
    NOT_EXERCISED = "not exercised"


_WHEN_NOT = {Level.SHALL: Verdict.FAILED, Level.SHOULD: Verdict.WARNED, Level.INFORMATIVE: Verdict.NOTED}


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that a check looked at: where, what was expected there, and, unless that is so, what came."""

    where: str
    expected: str
    came: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement, as a function of the evidence.

    `name` is `group.what`; `rows` number our reading of the standard, `inferno` the ids of the set cds-hooks_2.0.
    `needs` says what it takes for the check to have something to look at.
    """

    name: str
    title: str
    level: Level
    rows: tuple[int, ...]
    look: Callable[[Any], Iterable[Observation]]
    inferno: tuple[int, ...] = ()
    needs: str = "a service that is offered and answers"

    @property
    def group(self) -> Part:
        """Return the part of the suite that the check belongs to."""
        return Part(self.name.partition(".")[0])

    @property
    def inferno_ids(self) -> tuple[str, ...]:
        """Return the Inferno ids in full."""
        return tuple(f"{INFERNO_SET}@{number}" for number in self.inferno)

    @property
    def requirements(self) -> str:
        """Name the requirements in short: the row numbers, then the Inferno ids."""
        rows = f"row{'s' * (len(self.rows) > 1)} {', '.join(map(str, self.rows))}" if self.rows else "good practice"
        ids = f"{INFERNO_SET}@{', @'.join(map(str, self.inferno))}" if self.inferno else ""
        return "; ".join(part for part in (rows, ids) if part)


@dataclass(frozen=True, slots=True)
class Result:
    """A check and what it found; without any observation it was not exercised, which is not the same as passed."""

    check: Check
    observed: tuple[Observation, ...]

    @property
    def departures(self) -> tuple[Observation, ...]:
        """Return the observations that are not as expected."""
        return tuple(item for item in self.observed if item.came is not None)

    @property
    def verdict(self) -> Verdict:
        """Return the verdict: one departure decides, and its weight is the level of the check."""
        if not self.observed:
            return Verdict.NOT_EXERCISED
        return _WHEN_NOT[self.check.level] if self.departures else Verdict.PASSED


def observe(where: str, expected: str, came: object, *, holds: bool) -> Observation:
    """Make the observation of one place; `came` is kept only where the expectation does not hold."""
    return Observation(where, expected, None if holds else str(came))


def judge(checks: Iterable[Check], evidence: Any) -> Iterator[Result]:
    """Apply every check to the evidence."""
    for check in checks:
        yield Result(check, tuple(check.look(evidence)))
