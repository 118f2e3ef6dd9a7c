"""The knowledge: its schema, and the loader that refuses anything doubtful.

A `Catalogue` that exists is valid: every code belongs to one ingredient, every reference leads somewhere, every
citation carries its verification state. A folder that is not valid raises one `KnowledgeError` with all its problems.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cards.model import Code, Gap, Outcome, System
from cards.wilson import Interval, wilson

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
CodeValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-]+$", max_length=24)]
Days = Annotated[int, Field(ge=0, le=3650)]
TopicCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,100}$")]
CodeLists = Mapping[System, tuple[CodeValue, ...]]

GENERIC = "generic"
AGE_65 = "age-65"


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


class Source(Strict):
    """A place where a fact was read."""

    id: Slug
    citation: Text
    url: Text | None = None
    seen: Text | None = None


class Terminology(Strict):
    """The release of a code system that the codes were taken from."""

    system: System
    release: Text
    source: Text


class Manifest(Strict):
    """`knowledge.yaml`: what this knowledge is and who approved it."""

    id: Slug
    title: Text
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$")]
    released: datetime.date
    jurisdictions: tuple[Slug, ...]
    terminologies: tuple[Terminology, ...]
    approval: Approval = Approval()


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


class StatedReason(Strict):
    """What states an outcome: codes of stop reasons, else phrases that are looked up as whole words in their text."""

    name: Text
    codes: CodeLists = Field(default_factory=dict)
    phrases: tuple[Text, ...] = ()
    verification: Verification
    sources: tuple[Text, ...] = ()
    note: Text | None = None


class OutcomesFile(Strict):
    """`outcomes.yaml`. A text that holds one of the `dismissing` words states nothing."""

    outcomes: Mapping[Outcome, StatedReason]
    dismissing: tuple[Text, ...]


class Sentence(Strict):
    """The label's statement on combinations for one indication, in its own words as far as they were seen."""

    text: Text
    verification: Verification


class RiskNote(Strict):
    """What the product information says of a risk that a patient may have on record."""

    text: Text
    verification: Verification


class Label(Strict):
    """The product information of one subject ingredient that a jurisdiction cites.

    `risks` are by condition group, in the order in which a card lists them; `age-65` stands for age 65 or over.
    """

    name: Text
    short: Text
    section: Text
    strength: Text
    verb: Text
    advice: Text
    url: Text
    revision: Text
    warning: Text
    verification: Verification
    sentences: Mapping[Slug, Sentence]
    risks: Mapping[Slug, RiskNote] = Field(default_factory=dict)

    def sentence(self, indication: str | None) -> Sentence:
        """Return the sentence of an indication, or the generic one where the label has none of its own."""
        return self.sentences.get(indication or GENERIC) or self.sentences[GENERIC]


class Clause(Strict):
    """How the sentence of one indication speaks of a rule's partners.

    `names` are ingredients that it names, `covers_*` say which others its own words reach; a partner that is neither
    still fires and the card says that it is not named. `verb` and `strength` replace those of the label.
    """

    partners_word: Text
    names: tuple[Slug, ...] = ()
    covers_uses: tuple[Slug, ...] = ()
    covers_classes: tuple[Slug, ...] = ()
    covers_all: bool = False
    verb: Text | None = None
    strength: Text | None = None


class Jurisdiction(Strict):
    """A country or region, and the label of each subject ingredient there."""

    name: Text
    labels: Mapping[Slug, Label]


class Remark(Strict):
    """A sentence that a card adds for certain partner ingredients or classes."""

    ingredients: tuple[Slug, ...] = ()
    classes: tuple[Slug, ...] = ()
    text: Text
    verification: Verification


class Members(Strict):
    """A set of ingredients, by class and by name; `except_` takes some out again."""

    classes: tuple[Slug, ...] = ()
    ingredients: tuple[Slug, ...] = ()
    except_: tuple[Slug, ...] = Field(default=(), alias="except")


class Topic(Strict):
    """The static code that clients remember an acknowledgement against."""

    code: TopicCode
    display: Text


class Rule(Strict):
    """A rule: subject ingredients, partner ingredients, and the clause for each jurisdiction and indication.

    In a jurisdiction without clauses the rule does not exist: nobody has read there what the label says.

    `only_if` holds partners that fire only where the deciding indication is the given one. `quiet` holds partners
    that are `info` unless one of the given indications decides or none is known. `evidence` is in the order of
    importance: where a card has no room for all lines, those from its end go first.
    """

    title: Text
    topic: Topic
    subject: Members
    partner: Members
    partners_word: Text
    only_if: Mapping[Slug, Members] = Field(default_factory=dict)
    quiet: Members = Members()
    loud_for: tuple[Slug, ...] = ()
    override_reasons: tuple[Slug, ...] = Field(min_length=1)
    remarks: tuple[Remark, ...] = ()
    evidence: tuple[Slug, ...] = ()
    clauses: Mapping[Slug, Mapping[Slug, Clause]]
    approval: Approval = Approval()

    def clause(self, jurisdiction: str, indication: str | None) -> Clause:
        """Return the clause of an indication, or the generic one where the jurisdiction has none of its own."""
        clauses = self.clauses[jurisdiction]
        return clauses.get(indication or GENERIC) or clauses[GENERIC]


class RulesFile(Strict):
    """`rules.yaml`."""

    indication_order: tuple[Slug, ...]
    jurisdictions: Mapping[Slug, Jurisdiction]
    rules: Mapping[Slug, Rule]


class OverrideReason(Strict):
    """One reason that a clinician can give for going on.

    `documents_exception` says that who gives it has documented why this patient takes both; a site can have that
    remembered.
    """

    display: Text
    documents_exception: bool = False


class OverrideReasonsFile(Strict):
    """`override_reasons.yaml`."""

    system: Text
    reasons: Mapping[Slug, OverrideReason]


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


class CardSource(Strict):
    """What a card names as its source."""

    label: Text
    url: Text | None = None


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


class MonitoringItem(Strict):
    """One order of the monitoring card.

    `also` are the words by which the same order is known elsewhere. With one of `needless_with` on record the order
    has nothing to find out: it is not suggested, and the card says so.
    """

    order: Text
    when: Text
    verification: Verification
    also: tuple[Text, ...] = ()
    needless_with: tuple[Slug, ...] = ()
    warning: Text | None = None
    note: Text | None = None


class MonitoringFile(Strict):
    """`monitoring.yaml`."""

    rule: Slug
    topic: Topic
    source: CardSource
    seen: Text
    items: Mapping[Slug, MonitoringItem] = Field(min_length=1)
    approval: Approval = Approval()


class PartnerLabel(Strict):
    """What the label of a partner says on the combination, or that nothing verified was found."""

    ingredients: tuple[Slug, ...]
    text: Text
    verification: Verification


class IncompleteWording(Strict):
    """The identity of the card that says that the check was not completed."""

    topic: Topic
    source: Text
    override_reasons: tuple[Slug, ...]


class Wording(Strict):
    """`wording.yaml`: the sentences of a card, as format strings."""

    topic_system: Text
    summary: Mapping[Slug, str]
    states: Mapping[Slug, Text]
    dates: Mapping[Slug, Text]
    lines: Mapping[Slug, str]
    history: Mapping[Slug, str]
    gaps: Mapping[Gap, Text]
    suggestions: Mapping[Slug, Text]
    options: Mapping[Slug, str]
    monitoring: Mapping[Slug, str]
    incomplete: IncompleteWording
    partner_labels: tuple[PartnerLabel, ...]

    def partner_label(self, ingredient: str) -> PartnerLabel | None:
        """Return what was verified of a partner's own label."""
        return next((item for item in self.partner_labels if ingredient in item.ingredients), None)


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


def codes_of(lists: CodeLists) -> Iterator[Code]:
    """Yield the codes of a knowledge code list."""
    for system, values in lists.items():
        for value in values:
            yield Code(system, value)
