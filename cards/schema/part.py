"""What the files of the knowledge have in common: strict objects, names, codes, verification and approval."""

import datetime
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cards.model import Code, System

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
CodeValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-]+$", max_length=24)]
Days = Annotated[int, Field(ge=0, le=3650)]
TopicCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,100}$")]
CodeLists = Mapping[System, tuple[CodeValue, ...]]


class Strict(BaseModel):
    """A part of the knowledge: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Verification(StrEnum):
    """How far a statement was checked against its source."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    SOURCE_TEXT = "source-text"
    UNVERIFIED = "unverified"


class Approval(Strict):
    """Who of the site approved a piece of content; all three are needed before a card stops saying otherwise."""

    role: Text | None = None
    date: datetime.date | None = None
    next_review: datetime.date | None = None

    def holds(self, on: datetime.date) -> bool:
        """Say whether the content is approved on this day and its review is not overdue."""
        return bool(self.role and self.date and self.next_review and self.date <= on <= self.next_review)


class Topic(Strict):
    """The static code that clients remember an acknowledgement against."""

    code: TopicCode
    display: Text


class CardSource(Strict):
    """What a card names as its source."""

    label: Text
    url: Text | None = None


def codes_of(lists: CodeLists) -> Iterator[Code]:
    """Yield the codes of a knowledge code list."""
    for system, values in lists.items():
        for value in values:
            yield Code(system, value)
