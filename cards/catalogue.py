"""The knowledge of one version, checked, and what is looked up in it.

A `Catalogue` that `load_catalogue` gave is valid: every code belongs to one ingredient, every reference leads
somewhere, every citation carries its verification state.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, TypeVarTuple

from cards.model import Outcome
from cards.schema.conditions import ConditionGroup
from cards.schema.evidence import EvidenceEntry, SourceStatement
from cards.schema.ingredients import DrugClass, Ingredient, Recognition, Source
from cards.schema.manifest import Manifest
from cards.schema.monitoring import MonitoringFile
from cards.schema.options import OptionsFile
from cards.schema.outcomes import StatedReason
from cards.schema.override_reasons import OverrideReason
from cards.schema.rules import Jurisdiction, Members, Rule
from cards.schema.wording import Wording

Made = TypeVar("Made")
Key = TypeVarTuple("Key")


@dataclass(frozen=True, slots=True)
class _Scope:
    """The enabled rules of a jurisdiction, their subjects in the order of the knowledge, and all their ingredients."""

    rules: tuple[str, ...]
    subjects: tuple[str, ...]
    members: frozenset[str]


@dataclass(frozen=True)
class Catalogue:
    """The whole knowledge of one version.

    `sha256` is the digest of the files' bytes in the order of their names; it changes with any change of content.
    """

    manifest: Manifest
    recognition: Recognition
    classes: Mapping[str, DrugClass]
    ingredients: Mapping[str, Ingredient]
    conditions: Mapping[str, ConditionGroup]
    indication_order: tuple[str, ...]
    jurisdictions: Mapping[str, Jurisdiction]
    rules: Mapping[str, Rule]
    evidence: Mapping[str, EvidenceEntry]
    statements: Mapping[str, SourceStatement]
    wording: Wording
    override_system: str
    override_reasons: Mapping[str, OverrideReason]
    sources: tuple[Source, ...]
    options: OptionsFile
    monitoring: MonitoringFile
    outcomes: Mapping[Outcome, StatedReason]
    dismissing: tuple[str, ...]
    sha256: str

    @property
    def version(self) -> str:
        """Return the semantic version of the knowledge."""
        return self.manifest.version

    def drug_class(self, ingredient: str) -> DrugClass:
        """Return the class of an ingredient."""
        return self.classes[self.ingredients[ingredient].class_id]

    def once(self, made: Callable[["Catalogue", *Key], Made], *key: *Key) -> Made:
        """Return what a function makes of the knowledge and a key: worked out once for each key, and never forgotten.

        So a key is of the knowledge or of the settings, never of a record, and what is made is immutable.
        """
        known: Made | None = self._once.get((made, *key))
        return self._once.setdefault((made, *key), made(self, *key)) if known is None else known

    @cached_property
    def _once(self) -> dict[tuple[Hashable, ...], Any]:
        return {}

    def members(self, members: Members) -> frozenset[str]:
        """Return the ingredients of a set that can act systemically."""
        known = self._members.get(members)
        return self._members.setdefault(members, self._found_members(members)) if known is None else known

    def _found_members(self, members: Members) -> frozenset[str]:
        return frozenset(
            key
            for key, item in self.ingredients.items()
            if item.systemic
            and (item.class_id in members.classes or key in members.ingredients)
            and key not in members.except_
        )

    @cached_property
    def _members(self) -> dict[Members, frozenset[str]]:
        return {}

    @cached_property
    def _scopes(self) -> dict[tuple[str, frozenset[str]], "_Scope"]:
        return {}

    def _scope(self, jurisdiction: str, disabled: frozenset[str]) -> "_Scope":
        """Return what the enabled rules of a jurisdiction speak of: looked up once for each that is asked for."""
        key = (jurisdiction, disabled)
        known = self._scopes.get(key)
        return self._scopes.setdefault(key, self._made_scope(jurisdiction, disabled)) if known is None else known

    def _made_scope(self, jurisdiction: str, disabled: frozenset[str]) -> "_Scope":
        rules = tuple(key for key, rule in self.rules.items() if jurisdiction in rule.clauses and key not in disabled)
        subjects = frozenset().union(*(self.roles[key][0] for key in rules))
        members = subjects.union(*(self.roles[key][1] for key in rules))
        return _Scope(rules, tuple(key for key in self.ingredients if key in subjects), members)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Return the name of each ingredient, as a card writes it."""
        return {key: item.name for key, item in self.ingredients.items()}

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Return the place of each ingredient in the order of the knowledge."""
        return {key: place for place, key in enumerate(self.ingredients)}

    @cached_property
    def roles(self) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
        """Return subjects and partners of each rule; conditional partners are included."""
        return {key: (self.members(rule.subject), self._partners(rule)) for key, rule in self.rules.items()}

    def _partners(self, rule: Rule) -> frozenset[str]:
        conditional = [self.members(members) for members in rule.only_if.values()]
        return self.members(rule.partner).union(*conditional) - self.members(rule.subject)

    @cached_property
    def subject(self) -> str:
        """Return the drug whose course the treatment history follows: the subject of the first rule."""
        return min(self.roles[next(iter(self.rules))][0])

    def rules_in(self, jurisdiction: str, disabled: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Return the enabled rules that have clauses in a jurisdiction, in the order of the knowledge."""
        return self._scope(jurisdiction, disabled).rules

    def subjects_in(self, jurisdiction: str, disabled: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Return the subject ingredients of the enabled rules of a jurisdiction, in the order of the knowledge."""
        return self._scope(jurisdiction, disabled).subjects

    def in_scope(self, jurisdiction: str, disabled: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return every ingredient that is a member of an enabled rule of a jurisdiction."""
        return self._scope(jurisdiction, disabled).members
