"""The nouns of the decision: frozen, and free of FHIR, HTTP and the clock.

Dates are plain days. A FHIR dateTime keeps its written date; a partial date has already become the day
that its role asks for (the last possible day of an end, the first of a start). Durations are whole days.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum

import msgspec

_ID = re.compile(r"[A-Za-z0-9.\-]+", flags=re.ASCII)


def is_id(text: str) -> bool:
    """Say whether a text is an id in the letters of FHIR, however long (FHIR R4, Datatypes, id)."""
    return _ID.fullmatch(text) is not None


class System(StrEnum):
    """A code system that the knowledge uses; the value is its key in the knowledge files."""

    RXNORM = "rxnorm"
    ATC = "atc"
    SNOMED = "snomed"
    NDC = "ndc"
    HCPCS = "hcpcs"
    UNII = "unii"
    ICD10CM = "icd10cm"
    ICD10 = "icd10"
    ICD9CM = "icd9cm"
    NCIT = "ncit"
    STATUS_REASON = "status-reason"
    # A list of the site; the value of a code begins with the address of the list and a bar.
    LOCAL = "local"

    # An enum hashes its name, in Python; a value does as well, and without.
    __hash__ = str.__hash__


class Code(msgspec.Struct, frozen=True):
    """A code and the system that gives it meaning; NDC values are nine digits, labeller and product."""

    system: System
    value: str

    def __str__(self) -> str:
        return self.value if self.system is System.LOCAL else f"{self.system.upper()} {self.value}"


class Origin(StrEnum):
    """Where a resource came from: the ordering session or the record."""

    DRAFT = "draft"
    CHART = "chart"


class Kind(StrEnum):
    """What kind of medication resource a fact was read from."""

    REQUEST = "request"
    STATEMENT = "statement"
    ADMINISTRATION = "administration"
    DISPENSE = "dispense"


class Recognised(msgspec.Struct, frozen=True):
    """One ingredient that a resource names, and what named it.

    `by` is the code or the name that decided. `systemic` is false for a topical or ophthalmic product.
    `regimen` is the name of the dosing regimen that the product itself states (subcutaneous infliximab).
    """

    ingredient: str
    by: Code | str
    systemic: bool = True
    regimen: str | None = None


class Outcome(StrEnum):
    """What became of a treatment, as a stated reason for its end says."""

    LACK_OF_EFFICACY = "lack-of-efficacy"
    LOSS_OF_RESPONSE = "loss-of-response"
    ADVERSE_EFFECT = "adverse-effect"


class StatedOutcome(msgspec.Struct, frozen=True):
    """An outcome that a resource states, and what stated it: a code, or words of an explicit list."""

    outcome: Outcome
    by: Code | str

    @property
    def coded(self) -> bool:
        """Say whether a code stated it; a text only suggests."""
        return isinstance(self.by, Code)


class DoseStep(msgspec.Struct, frozen=True):
    """One dose level of an order: milligrams a day, and how long it is given.

    `days` is the stated duration of the step; `start` and `end` are its stated bounds, both inclusive.
    """

    daily_mg: float
    days: int | None = None
    start: date | None = None
    end: date | None = None


class MedicationFact(msgspec.Struct, frozen=True):
    """What is left of one medication resource after reading.

    `ref` is `Type/id`; a resource without an id gets a `ref` that names its place and has `id` None.
    `supply_days` covers one dispensing, `repeats` the refills after it; `daily_units` and `quantity` are in the
    same unit when both are present. `interval_days` is the dosing interval that the dosage states.
    `end` is the end of therapy by the dosage instructions; it exists only if every one of them ends. `validity_end`
    ends dispensing, not therapy. `given` is the day of an administration or of a dispense.
    `steps` are the dose levels that could be computed, in their order, of the drug whose history is told; empty means
    unknown. `outcomes` are what the
    stated reasons of the end say of the treatment.
    `reasons` are the codes of the stated reasons, `reason_groups` the condition groups that they belong to, and
    `reason_refs` the `Type/id` of stated Conditions.
    """

    ref: str
    kind: Kind
    origin: Origin
    recognised: tuple[Recognised, ...]
    id: str | None = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool = False
    not_taken: bool = False
    other_patient: bool = False
    text: str = ""
    disagreement: str | None = None
    authored: date | None = None
    last_updated: date | None = None
    status_changed: date | None = None
    asserted: date | None = None
    start: date | None = None
    end: date | None = None
    validity_end: date | None = None
    given: date | None = None
    supply_days: int | None = None
    repeats: int = 0
    quantity: float | None = None
    daily_units: float | None = None
    interval_days: int | None = None
    prior_prescription: str | None = None
    reasons: tuple[Code, ...] = ()
    reason_groups: tuple[str, ...] = ()
    reason_refs: tuple[str, ...] = ()
    steps: tuple[DoseStep, ...] = ()
    outcomes: tuple[StatedOutcome, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def addressable(self) -> bool:
        """Say whether an action can name it."""
        return self.id is not None and is_id(self.id)


class ConditionFact(msgspec.Struct, frozen=True):
    """One problem of the patient. `groups` are the condition groups of the knowledge that its codes belong to."""

    ref: str
    groups: tuple[str, ...]
    clinical_status: str | None = None
    verification_status: str | None = None
    onset: date | None = None
    abated: date | None = None
    recorded: date | None = None
    encounter: str | None = None
    by: Code | None = None
    other_patient: bool = False
    doubts: tuple[str, ...] = ()


class AllergyFact(msgspec.Struct, frozen=True):
    """One allergy or intolerance to ingredients of the catalogue."""

    ref: str
    ingredients: tuple[str, ...]
    active: bool = True


class Gap(StrEnum):
    """A part of the record that did not arrive or could not be read."""

    MEDICATIONS_ABSENT = "medications-absent"
    MEDICATIONS_FAILED = "medications-failed"
    MEDICATIONS_PAGED = "medications-paged"
    MEDICATION_UNREADABLE = "medication-unreadable"
    MEDICATION_UNIDENTIFIED = "medication-unidentified"
    OTHER_PATIENT = "other-patient"
    CONDITIONS_ABSENT = "conditions-absent"
    CONDITIONS_FAILED = "conditions-failed"
    CONDITIONS_PAGED = "conditions-paged"
    CONDITION_UNREADABLE = "condition-unreadable"
    ALLERGIES_ABSENT = "allergies-absent"
    ALLERGIES_FAILED = "allergies-failed"


class PatientRecord(msgspec.Struct, frozen=True):
    """Everything the decision may look at. `gaps` counts what is missing from it, by kind.

    `unidentified` are entries of the medication list whose drug nothing names; they recognise no ingredient. `services`
    are the texts of what is ordered beside medicines in this session.
    """

    patient: str
    medications: tuple[MedicationFact, ...] = ()
    conditions: tuple[ConditionFact, ...] = ()
    allergies: tuple[AllergyFact, ...] = ()
    birth_date: date | None = None
    encounter: str | None = None
    gaps: Mapping[Gap, int] = msgspec.field(default_factory=dict)
    unidentified: tuple[MedicationFact, ...] = ()
    services: frozenset[str] = frozenset()


class Hook(StrEnum):
    """The hooks that the decision knows."""

    ORDER_SELECT = "order-select"
    ORDER_SIGN = "order-sign"
    PATIENT_VIEW = "patient-view"


class State(StrEnum):
    """The state of one ingredient for one patient on one day, strongest first."""

    ORDERED = "ordered"
    CURRENT = "current"
    RECENT = "recent"
    PAST = "past"
    NONE = "none"


class Indicator(StrEnum):
    """The urgency of a card, as CDS Hooks names it."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


INDICATORS = (Indicator.INFO, Indicator.WARNING, Indicator.CRITICAL)


LOUD = frozenset({Indicator.WARNING, Indicator.CRITICAL})


class Coding(msgspec.Struct, frozen=True):
    """A coded value with its display, as CDS Hooks sends it."""

    system: str
    code: str
    display: str


class Order(msgspec.Struct, frozen=True):
    """An order that a suggestion would write: one ingredient by code and text, never a dose.

    `replaces` is the `Type/id` of the order in force whose place it takes (FHIR `priorPrescription`), `instead_of`
    names its drug. `needs_link` says that the record would be warned of if `replaces` got lost on the way. `text` is
    what the order says of its drug, where that is more than `display`.
    """

    ingredient: str
    code: Code
    display: str
    replaces: str
    instead_of: str = ""
    needs_link: bool = True
    text: str = ""


class ServiceOrder(msgspec.Struct, frozen=True):
    """A laboratory or screening order that a suggestion would write: text only, no code is verified."""

    text: str


class Action(msgspec.Struct, frozen=True):
    """One change to the drafts.

    `delete`, `update` and `exchange` name the draft by `resource_id` (`Type/id`), `create` writes `order` or
    `service`. An `update` keeps the draft as the client sent it and adds `order.replaces` as its `priorPrescription`;
    an `exchange` puts `order` in its place. `written` is what a deleted draft says of its drug, as plain text.
    """

    type: str
    description: str
    resource_id: str | None = None
    order: Order | None = None
    service: ServiceOrder | None = None
    written: str = ""


class SelectionBehavior(StrEnum):
    """How many suggestions of a card may be accepted, as CDS Hooks names it."""

    AT_MOST_ONE = "at-most-one"
    ANY = "any"


class Suggestion(msgspec.Struct, frozen=True):
    """One click. `kind` tells suggestions of a card apart and stays the same from call to call.

    Without `actions` it is text: something to do by hand. `by_hand` is the label of that, where it differs; `told` says
    that the detail of the card says it too.
    """

    kind: str
    label: str
    actions: tuple[Action, ...] = ()
    recommended: bool = False
    by_hand: str = ""
    told: bool = False


class Paragraph(msgspec.Struct, frozen=True):
    """A part of the detail; where the whole is too long, the highest `drop` goes first, and 0 never goes.

    Items of a list stand together, without an empty line between them.
    """

    text: str
    drop: int = 0
    item: bool = False


class Link(msgspec.Struct, frozen=True):
    """A link of a card; always absolute."""

    label: str
    url: str


class Card(msgspec.Struct, frozen=True):
    """What the clinician sees. `key` is the rule's id or the kind of a card that belongs to no rule.

    `summary` has fewer than 140 characters; `detail` is GitHub-flavoured markdown of at most 2,500, fitted from
    `paragraphs`. `drafts` are the references of the drafts that the card is about: together with `key` they make its
    identity.
    """

    key: str
    indicator: Indicator
    summary: str
    detail: str
    source_label: str
    source_url: str | None
    topic: Coding
    suggestions: tuple[Suggestion, ...] = ()
    override_reasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    drafts: tuple[str, ...] = ()
    selection: SelectionBehavior = SelectionBehavior.AT_MOST_ONE
    paragraphs: tuple[Paragraph, ...] = ()
