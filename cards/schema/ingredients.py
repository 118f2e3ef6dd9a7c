"""`ingredients.yaml`: substances with their names, codes, windows and uses, and the classes that they form."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from cards.model import System
from cards.schema.part import CodeLists, Days, Slug, Strict, Text, Verification


class Source(Strict):
    """A place where a fact was read."""

    id: Slug
    citation: Text
    url: Text | None = None
    seen: Text | None = None


class Category(StrEnum):
    """The broad kind of a class."""

    BIOLOGIC = "biologic"
    JAK_INHIBITOR = "jak-inhibitor"
    IMMUNOSUPPRESSANT = "immunosuppressant"
    OTHER = "other"


class DefaultWindows(Strict):
    """Dosing and washout window of a class, in days: a convention, and said to be one."""

    dosing: Days
    washout: Days


class DrugClass(Strict):
    """A set of ingredients that a rule can name."""

    name: Text
    category: Category
    daily: bool = False
    windows: DefaultWindows


class Window(Strict):
    """One sourced window, in days."""

    days: Days
    basis: Literal["sourced", "convention"]
    source: Text
    verification: Verification


class Windows(Strict):
    """The windows of one ingredient; what is absent falls back to the class."""

    dosing: Window | None = None
    washout: Window | None = None


class Regimen(Strict):
    """A regimen that shortens the dosing window where product, route or dosing interval states it."""

    dosing: Days
    codes: CodeLists = Field(default_factory=dict)
    brands: tuple[Text, ...] = ()
    route: Literal["subcutaneous"] | None = None
    interval_days: Days | None = None
    source: Text
    verification: Verification


class Strength(Strict):
    """One strength of an ingredient's products, in milligrams a unit, and the product codes that state it."""

    mg: Annotated[float, Field(gt=0, le=10_000)]
    codes: CodeLists


class Use(Strict):
    """How well it is known that an ingredient is used for an indication."""

    state: Verification
    source: Slug | None = None


class Ingredient(Strict):
    """One substance: its names, codes, windows and uses. Biosimilars are one ingredient."""

    name: Text
    class_id: Slug = Field(alias="class")
    names: tuple[Text, ...] = Field(min_length=1)
    brands: tuple[Text, ...] = ()
    non_systemic_brands: tuple[Text, ...] = ()
    systemic: bool = True
    codes: CodeLists = Field(default_factory=dict)
    non_systemic_codes: CodeLists = Field(default_factory=dict)
    windows: Windows = Windows()
    regimens: Mapping[Slug, Regimen] = Field(default_factory=dict)
    strengths: tuple[Strength, ...] = ()
    used_for: Mapping[Slug, Verification | Use] = Field(default_factory=dict)
    branded_codes_only: bool = False
    note: Text | None = None

    @property
    def order_code(self) -> str | None:
        """Return the RxNorm code of an order by the name of the ingredient: the first one, which is its term type IN.

        None where only codes of branded products are known: they would say more than the name.
        """
        listed = (self.codes or self.non_systemic_codes).get(System.RXNORM, ())
        return listed[0] if listed and not self.branded_codes_only else None

    def uses(self) -> frozenset[str]:
        """Return the indications that the ingredient is used for, whatever their verification state."""
        return frozenset(self.used_for)


class Recognition(Strict):
    """Words and codes that say where a medicine goes, or that a name is not the ordered one."""

    other_drug_after: tuple[Text, ...]
    non_systemic_words: tuple[Text, ...]
    non_systemic_routes: CodeLists
    non_systemic_forms: CodeLists
    subcutaneous_routes: CodeLists
    subcutaneous_words: tuple[Text, ...]


class IngredientsFile(Strict):
    """`ingredients.yaml`."""

    recognition: Recognition
    classes: Mapping[Slug, DrugClass]
    ingredients: Mapping[Slug, Ingredient]
    sources: tuple[Source, ...] = ()
