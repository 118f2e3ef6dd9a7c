"""`conditions.yaml`: groups of problems, and what each is for."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from cards.schema.part import CodeLists, Slug, Strict, Text, Verification


class Role(StrEnum):
    """What a condition group is for."""

    INDICATION = "indication"
    INFECTION = "infection"
    RISK = "risk"
    STATUS = "status"


class ConditionGroup(Strict):
    """A set of problem codes; `history` codes are recognised and never counted."""

    name: Text
    role: Role
    acute: bool = False
    codes: CodeLists = Field(default_factory=dict)
    prefixes: CodeLists = Field(default_factory=dict)
    except_: CodeLists = Field(default_factory=dict, alias="except")
    history: CodeLists = Field(default_factory=dict)
    verification: Verification
    sources: tuple[Text, ...] = ()
    note: Text | None = None


class ConditionsFile(Strict):
    """`conditions.yaml`."""

    groups: Mapping[Slug, ConditionGroup]
