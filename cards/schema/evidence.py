"""`evidence.yaml`: what was found on the combinations, its certainty, and how far it was checked."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from cards.schema.part import Approval, Slug, Strict, Text, Verification
from cards.wilson import Interval, wilson


class Proportion(Strict):
    """A count and its denominator; `inferred` says that the count was worked out from a percentage."""

    what: Text
    events: Annotated[int, Field(ge=0)]
    of: Annotated[int, Field(gt=0)]
    inferred: bool = False

    @property
    def interval(self) -> Interval:
        """Return the Wilson 95% interval."""
        return wilson(self.events, self.of)


Certainty = Literal["high", "moderate", "low", "very low", "not rated"]
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)


class EvidenceEntry(Strict):
    """One source of evidence with what it says and how far that was checked.

    `line` is what a card prints of it; with `partners` only where one of these ingredients is in the pair.
    """

    citation: Text
    doi: Annotated[str, StringConstraints(pattern=r"^10\.[0-9]{4,9}/[^\s]+$")] | None = None
    pmid: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")] | None = None
    url: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")] | None = None
    population: Text | None = None
    n: int | None = None
    design: Text | None = None
    figures: tuple[Proportion, ...] = ()
    finding: Text
    certainty: Certainty
    verification: Verification
    line: Text | None = None
    partners: tuple[Slug, ...] = ()
    note: Text | None = None
    approval: Approval = Approval()


class Verdict(StrEnum):
    """What the check of a statement of the source text found."""

    CONFIRMED = "confirmed"
    INCOMPLETE = "incomplete"
    OVERSTATED = "overstated"
    UNVERIFIED = "unverified"
    WRONG = "wrong"


class SourceStatement(Strict):
    """One statement of the clinical question-and-answer text that the rules grew from, and its verdict."""

    statement: Text
    verdict: Verdict
    reason: Text
    printed: Text | None = None
    evidence: tuple[Slug, ...] = ()


class EvidenceFile(Strict):
    """`evidence.yaml`."""

    evidence: Mapping[Slug, EvidenceEntry]
    statements: Mapping[Slug, SourceStatement] = Field(default_factory=dict)
