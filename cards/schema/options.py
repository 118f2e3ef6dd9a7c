"""`options.yaml`: the drugs that can stand alone instead of a combination."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from cards.schema.part import Approval, CardSource, CodeValue, Slug, Strict, Text, Topic


class Option(Strict):
    """One drug that the options card can name: why, on what evidence, and for whom.

    `without_exposure_to` are classes of which no other ingredient may have been given, `without_failure_of` classes of
    which none may have failed. `limited_exposure` offers it only after few biologics.
    """

    ingredient: Slug
    reason: Text
    evidence: tuple[Slug, ...] = ()
    without_exposure_to: tuple[Slug, ...] = ()
    without_failure_of: tuple[Slug, ...] = ()
    limited_exposure: bool = False
    may_be_recommended: bool = False


class NamedOptions(Strict):
    """The candidates that replace all others where a problem is on record."""

    note: Text
    candidates: tuple[Option, ...] = Field(min_length=1)


class OptionList(Strict):
    """The candidates of one indication, in their order, and what the card says about all of them."""

    source: CardSource
    candidates: tuple[Option, ...] = Field(min_length=1)
    named_for: Mapping[Slug, NamedOptions] = Field(default_factory=dict)
    notes: tuple[Text, ...]

    def every(self) -> tuple[Option, ...]:
        """Return the candidates for whatever problem."""
        return (*self.candidates, *(item for named in self.named_for.values() for item in named.candidates))


class LimitedExposure(Strict):
    """Up to how many biologics exposure is limited, and failure of which classes makes it multiple."""

    biologics: Annotated[int, Field(ge=0)]
    without_failure_of: tuple[Slug, ...] = ()


class OptionsFile(Strict):
    """`options.yaml`. `rxnorm` gives each candidate the ingredient code that an order is written with."""

    rule: Slug
    topic: Topic
    adult_from: Annotated[int, Field(ge=1)]
    most: Annotated[int, Field(ge=1, le=8)]
    limited_exposure: LimitedExposure
    rxnorm: Mapping[Slug, CodeValue]
    indications: Mapping[Slug, OptionList]
    approval: Approval = Approval()

    def ingredients(self) -> tuple[str, ...]:
        """Return every ingredient that can be offered, each once."""
        return tuple(dict.fromkeys(item.ingredient for each in self.indications.values() for item in each.every()))
