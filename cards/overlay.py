"""What a site changes of the knowledge without editing it: the schema of an overlay.

An overlay lowers, adds, rewords and approves. It can take nothing out of the knowledge: a rule, a partner, a source and
the sentences that say what was not checked stay as they are.
"""

import datetime
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from cards.schema.part import Slug, Strict, Text

LocalValue = Annotated[str, StringConstraints(pattern=r"^[^\s|]+$", max_length=64)]
SystemName = Annotated[str, StringConstraints(pattern=r"^[^\s|]+$", max_length=200)]


class Lowered(Strict):
    """The highest indicator that a rule may show: for all of it, one partner, one clause, or both.

    `indication` is the group of conditions.yaml whose sentence of the label decides, or `generic`: none is known.
    """

    rule: Slug
    at_most: Literal["info", "warning"]
    partner: Slug | None = None
    indication: Slug | None = None
    reason: Text


class LocalCode(Strict):
    """A code that the site writes for an ingredient; `system` is a key of ingredients.yaml or the site's own URI."""

    ingredient: Slug
    system: SystemName
    code: LocalValue
    systemic: bool = True
    source: Text


class GivenApproval(Strict):
    """Which function of the site approved something, on which day, and until when."""

    role: Text
    date: datetime.date
    next_review: datetime.date

    @model_validator(mode="after")
    def _in_order(self) -> "GivenApproval":
        if self.next_review < self.date:
            raise ValueError("next_review is before date")
        return self


class Approvals(Strict):
    """What was approved: all of the knowledge, or parts of it; a part's own approval goes before that of the whole."""

    knowledge: GivenApproval | None = None
    rules: Mapping[Slug, GivenApproval] = Field(default_factory=dict)
    evidence: Mapping[Slug, GivenApproval] = Field(default_factory=dict)
    options: GivenApproval | None = None
    monitoring: GivenApproval | None = None


class Overlay(Strict):
    """One file of a site. `knowledge` is the version that it was written for; with any other it must be read again."""

    id: Slug
    version: Annotated[int, Field(ge=1)]
    knowledge: Text
    lower: tuple[Lowered, ...] = ()
    codes: tuple[LocalCode, ...] = ()
    wording: Mapping[Slug, Mapping[Slug, Text]] = Field(default_factory=dict)
    approvals: Approvals = Approvals()
