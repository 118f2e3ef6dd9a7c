"""`rules.yaml`: the rules, and the labels that they cite."""

from collections.abc import Mapping

from pydantic import Field

from cards.schema.part import Approval, Slug, Strict, Text, Topic, Verification

GENERIC = "generic"
AGE_65 = "age-65"


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
