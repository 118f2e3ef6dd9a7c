"""The options beside a loud upadacitinib-biologic pair: which single agents, in which order, and what one click may do.

A suggestion never rebuilds a combination: an option changes the drafts only where the record that would result, asked
again, has no loud finding of ours and no two biologics but one that takes the place of the other's order. Every other
option is text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from cards.catalogue import Catalogue
from cards.detect import Finding, Pair, Question, findings
from cards.exposure import Basis, Exposure, Exposures, exposures
from cards.history import History, Trial
from cards.kept import kept
from cards.model import (
    LOUD,
    Code,
    Gap,
    Hook,
    Kind,
    MedicationFact,
    Origin,
    Outcome,
    PatientRecord,
    Recognised,
    State,
    System,
)
from cards.problems import Problems
from cards.schema.ingredients import Category
from cards.schema.options import Option, OptionList

PREGNANCY = "pregnancy"
_REQUESTS = ("MedicationRequest/", "MedicationOrder/")
_NEW = frozenset({"draft", None})


class Form(StrEnum):
    """What an option comes to: which agent stays or comes."""

    KEEP = "keep"
    CONTINUE = "continue"
    MONOTHERAPY = "monotherapy"
    INSTEAD = "instead"


class Hold(StrEnum):
    """Why no option of this patient may change a draft."""

    UNDER_AGE = "under-age"
    AGE_UNKNOWN = "age-unknown"
    PREGNANCY = "pregnancy"
    RECORD_INCOMPLETE = "record-incomplete"


class TextOnly(StrEnum):
    """Why one option is text."""

    ADVICE = "advice"
    HELD = "held"
    NO_SINGLE_ORDER = "no-single-order"
    DRAFT_NOT_OURS = "draft-not-ours"
    OTHER_DISEASE = "other-disease"
    WOULD_COMBINE = "would-combine"


class Excluded(StrEnum):
    """Why a candidate is not offered."""

    CURRENT = "current"
    ORDERED = "ordered"
    ALLERGIC = "allergic"
    FAILED = "failed"
    INTOLERANT = "intolerant"
    CLASS_EXPOSURE = "class-exposure"
    CLASS_FAILURE = "class-failure"
    NOT_LIMITED = "not-limited-exposure"
    SWITCHED_OFF = "switched-off"
    UNDER_AGE = "under-age"
    PREGNANT = "pregnant"
    NO_ROOM = "no-room"


class Change(msgspec.Struct, frozen=True):
    """One change to the drafts: `delete` or `update` of a draft, or `create` of an order for `ingredient`.

    `needs_link` says of an order that the record would have a loud finding if `replaces` got lost on the way.
    """

    type: str
    ingredient: str
    draft: str | None = None
    replaces: str | None = None
    needs_link: bool = True


class Offer(msgspec.Struct, frozen=True):
    """One option. `instead_of` are the drugs in force whose place `ingredient` takes.

    `option` is its candidate of the knowledge, `tried` an earlier trial of unknown end. Without `changes` it is text,
    and `text_only` says why.
    """

    form: Form
    ingredient: str
    instead_of: tuple[str, ...] = ()
    option: Option | None = None
    tried: Trial | None = None
    changes: tuple[Change, ...] = ()
    text_only: TextOnly | None = None
    recommended: bool = False


class Choice(msgspec.Struct, frozen=True):
    """The options of one finding: what is offered, what is not and why, and what keeps every option text.

    `named_for` is the problem on record that the candidates are named for. `tried` counts the biologics that were given
    for an indication of the options, `limited` says that exposure is limited.
    """

    indication: str
    pairs: tuple[Pair, ...]
    offers: tuple[Offer, ...]
    left_out: tuple[tuple[str, Excluded], ...]
    holds: tuple[Hold, ...]
    named_for: str | None
    tried: int
    limited: bool
    past: History


class Situation(msgspec.Struct, frozen=True):
    """Everything that the options look at."""

    record: PatientRecord
    found: Exposures
    problems: Problems
    past: History
    gaps: Mapping[Gap, int]
    catalogue: Catalogue
    ask: Question


def choice(met: tuple[Finding, ...], situation: Situation) -> Choice | None:
    """Return the options, or None where no options card belongs.

    That is: no loud finding of the rule, an indication without options, an active serious infection, switched off by
    the site, or nothing to offer.
    """
    rule = situation.catalogue.options.rule
    finding = next((item for item in met if item.rule == rule and item.loud), None)
    if finding is None or situation.problems.infections or situation.ask.policy.options == ():
        return None
    pairs = loud_pairs(finding)
    indication = pairs[0].indication or ""
    listed = situation.catalogue.options.indications.get(indication)
    if listed is None:
        return None
    made = _Chooser(situation, pairs, indication, listed, _also_combined(met, situation)).choice()
    return made if made.offers else None


def loud_pairs(finding: Finding) -> tuple[Pair, ...]:
    """Return the pairs that are loud by themselves, loudest first."""
    return tuple(pair for pair in finding.pairs if pair.indicator in LOUD)


def _also_combined(met: tuple[Finding, ...], situation: Situation) -> tuple[str, ...]:
    """Return what is in force and makes a loud pair of another rule: the subject alone is without these too.

    An immunosuppressant that may keep a transplant alive is not among them: it is never to be stopped for this.
    """
    catalogue = situation.catalogue
    pairs = [pair for item in met if item.loud and item.rule != catalogue.options.rule for pair in loud_pairs(item)]
    others = [pair.partner for pair in pairs if pair.subject.ingredient == catalogue.subject and in_force(pair.partner)]
    return tuple(item.ingredient for item in others if not _keeps_a_graft(item.ingredient, situation))


def _keeps_a_graft(ingredient: str, situation: Situation) -> bool:
    category = situation.catalogue.drug_class(ingredient).category
    return category is Category.IMMUNOSUPPRESSANT and situation.problems.transplant


@dataclass(frozen=True)
class _Chooser:
    situation: Situation
    pairs: tuple[Pair, ...]
    indication: str
    listed: OptionList
    also_combined: tuple[str, ...] = ()

    def choice(self) -> Choice:
        offers = [*self._first(), *self._monotherapies()]
        if self._adult is not False:
            offers += self._alternatives()
        # What was tried and ended for an unknown reason comes last; the order is otherwise that of the knowledge.
        offers.sort(key=lambda item: item.tried is not None)
        room = self.situation.catalogue.options.most
        # What a click would lead to is worked out for what is shown only.
        shown = tuple(item if item.text_only else self._judged(item) for item in offers[:room])
        return Choice(
            indication=self.indication,
            pairs=self.pairs,
            offers=shown,
            left_out=(*self._left_out(), *((item.ingredient, Excluded.NO_ROOM) for item in offers[room:])),
            holds=self._holds,
            named_for=self._named,
            tried=self._given,
            limited=self._limited,
            past=self.situation.past,
        )

    # Who the patient is.

    @kept
    def _adult(self) -> bool | None:
        """Say whether the patient is of age on the day of the call; None where the birth date is not known."""
        born = self.situation.record.birth_date
        return None if born is None else age(born, self.situation.ask.on) >= self.situation.catalogue.options.adult_from

    @kept
    def _holds(self) -> tuple[Hold, ...]:
        holds = {
            Hold.UNDER_AGE: self._adult is False,
            Hold.AGE_UNKNOWN: self._adult is None,
            Hold.PREGNANCY: self._pregnant,
            Hold.RECORD_INCOMPLETE: bool(self.situation.gaps),
        }
        return tuple(hold for hold, applies in holds.items() if applies)

    @kept
    def _pregnant(self) -> bool:
        return any(item.group == PREGNANCY for item in self.situation.problems.others)

    @kept
    def _given(self) -> int:
        """Count the biologics that were or are given for an indication of the options."""
        listed, uses = self.situation.catalogue.options.indications, self.situation.catalogue.ingredients
        return sum(bool(uses[item.ingredient].uses() & listed.keys()) for item in self.situation.past.biologics)

    @kept
    def _limited(self) -> bool:
        limit = self.situation.catalogue.options.limited_exposure
        return self._given <= limit.biologics and not self._failed_class(limit.without_failure_of)

    def _failed_class(self, classes: tuple[str, ...]) -> bool:
        return not self._failed.isdisjoint(classes)

    @kept
    def _failed(self) -> frozenset[str]:
        """Return the classes of which a biologic has failed."""
        return frozenset(item.class_id for item in self.situation.past.biologics if item.failed)

    @kept
    def _named(self) -> str | None:
        """Return the problem on record that has candidates of its own."""
        on_record = {item.group for item in self.situation.problems.others}
        return next((key for key in self.listed.named_for if key in on_record), None)

    # What is ordered and what is in force.

    @property
    def _subject(self) -> Exposure:
        return self.pairs[0].subject

    @kept
    def _partners(self) -> tuple[Exposure, ...]:
        return tuple(pair.partner for pair in self.pairs)

    @kept
    def _in_force(self) -> tuple[Exposure, ...]:
        return tuple(item for item in (self._subject, *self._partners) if in_force(item))

    @kept
    def _new(self) -> tuple[Exposure, ...]:
        return tuple(item for item in (self._subject, *self._partners) if not in_force(item))

    @kept
    def _replaceable(self) -> MedicationFact | None:
        """Return the one order whose place a new one can take: that of the only drug in force, if none renews it."""
        before = self._in_force
        return order_in_force(before[0]) if len(before) == 1 and not before[0].drafts else None

    # The options.

    def _first(self) -> Iterator[Offer]:
        """The subject drug alone: text, since no action may stop an order in force."""
        others = (*(item.ingredient for item in self._partners if in_force(item)), *self.also_combined)
        if (self._subject.drafts or others) and self._against_subject is None:
            yield Offer(Form.KEEP, self._subject.ingredient, others, text_only=TextOnly.ADVICE)

    @kept
    def _against_subject(self) -> Excluded | None:
        """Return why the subject drug is not for this patient, alone or not."""
        if self._subject.ingredient in self._allergic:
            return Excluded.ALLERGIC
        return _ended_badly(self.situation.past.subject) or (Excluded.PREGNANT if self._pregnant else None)

    def _monotherapies(self) -> Iterator[Offer]:
        """A partner alone, where it is one of the candidates itself."""
        known = self.situation.catalogue.once(_named_anywhere, self.indication)
        options = self._candidates
        for partner in self._partners:
            key = partner.ingredient
            others = tuple(item.ingredient for item in self._in_force if item is not partner)
            if key not in known or self._ruled_out(key):
                continue
            if in_force(partner):
                yield Offer(Form.CONTINUE, key, others, options.get(key), text_only=TextOnly.ADVICE)
            else:
                yield Offer(Form.MONOTHERAPY, key, others, options.get(key), self._tried(key))

    def _alternatives(self) -> Iterator[Offer]:
        before = tuple(item.ingredient for item in self._in_force)
        for key, option in self._candidates.items():
            if self._against[key] is None:
                yield Offer(Form.INSTEAD, key, before, option, self._tried(key))

    @kept
    def _candidates(self) -> Mapping[str, Option]:
        """Return the candidates for this patient's problems, in the order of the site or of the knowledge."""
        chosen = self.situation.ask.policy.options
        if chosen is None:
            return self._known
        return {key: self._known[key] for key in chosen if key in self._known}

    @kept
    def _known(self) -> Mapping[str, Option]:
        return self.situation.catalogue.once(_known, self.indication, self._named)

    def _left_out(self) -> Iterator[tuple[str, Excluded]]:
        if self._against_subject:
            yield self._subject.ingredient, self._against_subject
        for key in self._known:
            if key not in self._candidates:
                yield key, Excluded.SWITCHED_OFF
            elif reason := self._against[key]:
                yield key, reason
            elif self._adult is False:
                yield key, Excluded.UNDER_AGE

    @kept
    def _against(self) -> Mapping[str, Excluded | None]:
        """Return of each candidate the first reason not to offer it."""
        return {key: self._reason(key, option) for key, option in self._candidates.items()}

    def _reason(self, ingredient: str, option: Option) -> Excluded | None:
        """Return the first reason not to offer a candidate."""
        exposure = self.situation.found.by_ingredient.get(ingredient)
        if exposure and State.CURRENT in (exposure.state, exposure.established):
            return Excluded.CURRENT
        if exposure and exposure.state is State.ORDERED:
            return Excluded.ORDERED
        if ruled_out := self._ruled_out(ingredient):
            return ruled_out
        new = option.without_exposure_to
        if new and any(trial.class_id in new for key, trial in self._trials.items() if key != ingredient):
            return Excluded.CLASS_EXPOSURE
        if self._failed_class(option.without_failure_of):
            return Excluded.CLASS_FAILURE
        return Excluded.NOT_LIMITED if option.limited_exposure and not self._limited else None

    def _ruled_out(self, ingredient: str) -> Excluded | None:
        """Return why the ingredient is not for this patient, alone or not."""
        if ingredient in self._allergic:
            return Excluded.ALLERGIC
        return _ended_badly(self._trials.get(ingredient))

    @kept
    def _allergic(self) -> frozenset[str]:
        facts = self.situation.record.allergies
        return frozenset(key for item in facts if item.active for key in item.ingredients)

    @kept
    def _trials(self) -> Mapping[str, Trial]:
        """Return the trial of each biologic."""
        return {item.ingredient: item for item in self.situation.past.biologics}

    def _tried(self, ingredient: str) -> Trial | None:
        trial = self._trials.get(ingredient)
        return trial if trial and not trial.in_force else None

    # What one click may do.

    def _judged(self, offer: Offer) -> Offer:
        """Return an offer with its changes, or as text where they may not be one click."""
        if self._holds:
            return replace(offer, text_only=TextOnly.HELD)
        changes = self._changes(offer)
        if reason := self._text_only(changes):
            return replace(offer, text_only=reason)
        return replace(offer, changes=self._linked(changes), recommended=self._recommended(offer))

    def _changes(self, offer: Offer) -> tuple[Change, ...]:
        if offer.form is Form.INSTEAD:
            return self._switch(offer.ingredient)
        return self._updates(next(item for item in self._partners if item.ingredient == offer.ingredient))

    def _linked(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return the changes, those that write an order with their need of the link to the order it replaces."""
        if not any(item.replaces for item in changes):
            return changes
        unlinked = tuple(replace(item, replaces=None) for item in changes)
        needed = _loud(_after(unlinked, self.situation), self.situation)
        return tuple(replace(item, needs_link=needed) for item in changes)

    def _text_only(self, changes: tuple[Change, ...]) -> TextOnly | None:
        uses = self.situation.catalogue.ingredients
        if any(self.indication not in uses[item.ingredient].uses() for item in self._partners):
            return TextOnly.OTHER_DISEASE
        if not changes:
            return TextOnly.NO_SINGLE_ORDER if self._replaceable is None else TextOnly.DRAFT_NOT_OURS
        return None if _single_agent(changes, self.situation) else TextOnly.WOULD_COMBINE

    def _switch(self, ingredient: str) -> tuple[Change, ...]:
        """Return the changes that put an order for `ingredient` in the place of the one drug in force."""
        order = self._replaceable
        if order is None or not self._taken_back:
            return ()
        return (*self._taken_back, Change("create", ingredient, replaces=order.ref))

    @kept
    def _taken_back(self) -> tuple[Change, ...]:
        """Return the changes that take back the drafts of what is not in force; none where one is not ours to take."""
        deletes = [Change("delete", item.ingredient, fact.ref) for item in self._new for fact in item.drafts]
        return tuple(deletes) if self._own(deletes) else ()

    def _updates(self, partner: Exposure) -> tuple[Change, ...]:
        """Return the changes that make the drafts of `partner` take the place of the subject drug's order."""
        order = self._replaceable
        changes = [
            Change("update", partner.ingredient, fact.ref, order.ref if order else None) for fact in partner.drafts
        ]
        linked = any(fact.prior_prescription for fact in partner.drafts)
        requests = all(fact.ref.startswith(_REQUESTS) for fact in partner.drafts)
        return (
            tuple(changes)
            if order and in_force(self._subject) and not linked and requests and self._own(changes)
            else ()
        )

    def _own(self, changes: list[Change]) -> bool:
        """Say whether every draft is new, can be named, and is the one draft of its name."""
        drafts = [fact for fact in self.situation.record.medications if fact.origin is Origin.DRAFT]
        charted = {fact.ref for fact in self.situation.record.medications if fact.origin is Origin.CHART}
        for change in changes:
            same = [fact for fact in drafts if fact.ref == change.draft]
            if len(same) != 1 or not same[0].addressable or same[0].status not in _NEW or change.draft in charted:
                return False
        return True

    def _recommended(self, offer: Offer) -> bool:
        """Say whether an option may stand out: the subject drug is taken or failed, and its class is new."""
        option, subject = offer.option, self.situation.past.subject
        if option is None or not option.may_be_recommended or self._named:
            return False
        failed = subject is not None and any(
            item.stated.coded and item.stated.outcome is Outcome.LACK_OF_EFFICACY for item in subject.outcomes
        )
        exposed = any(self.situation.past.of_class(key) for key in option.without_exposure_to)
        return (in_force(self._subject) or failed) and not exposed


def _ended_badly(trial: Trial | None) -> Excluded | None:
    """Return why what was tried is not tried again."""
    if trial is None or not trial.outcomes:
        return None
    if trial.failed:
        return Excluded.FAILED
    return Excluded.INTOLERANT if trial.intolerant else None


def _known(catalogue: Catalogue, indication: str, named: str | None) -> Mapping[str, Option]:
    """Return the candidates of an indication, or those that are named for a problem, in the order of the knowledge."""
    listed = catalogue.options.indications[indication]
    return {item.ingredient: item for item in (listed.named_for[named].candidates if named else listed.candidates)}


def _named_anywhere(catalogue: Catalogue, indication: str) -> frozenset[str]:
    return frozenset(item.ingredient for item in catalogue.options.indications[indication].every())


def age(born: date, on: date) -> int:
    """Return the completed years of life on a day."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def in_force(exposure: Exposure) -> bool:
    """Say whether the record alone shows the drug to be taken."""
    return exposure.established is State.CURRENT


def order_in_force(exposure: Exposure) -> MedicationFact | None:
    """Return the one request of the record that keeps a drug in force; None where there are none or several."""
    orders = [
        item.fact
        for item in exposure.contributions
        if item.basis is Basis.ACTIVE and item.fact.kind is Kind.REQUEST and item.fact.origin is Origin.CHART
    ]
    named = [fact for fact in orders if fact.addressable and fact.ref.startswith(_REQUESTS)]
    return named[0] if len(orders) == len(named) == 1 else None


def _single_agent(changes: tuple[Change, ...], situation: Situation) -> bool:
    """Say whether the record after the changes, asked again, has no loud finding and one biologic at most."""
    found = _after(changes, situation)
    if _loud(found, situation):
        return False
    taken = [item for item in found.by_ingredient.values() if item.state in {State.ORDERED, State.CURRENT}]
    biologics = [item for item in taken if _is_biologic(item.ingredient, situation.catalogue)]
    return len(biologics) <= 1


def _loud(found: Exposures, situation: Situation) -> bool:
    """Say whether exposures, asked about again with everything selected, have a loud finding."""
    ask = replace(situation.ask, hook=Hook.ORDER_SIGN, selections=None)
    return any(finding.loud for finding in findings(found, situation.problems, situation.catalogue, ask))


def _after(changes: tuple[Change, ...], situation: Situation) -> Exposures:
    """Return the exposures of the record as it would be after the changes."""
    after = replace(situation.record, medications=_applied(changes, situation.record.medications))
    return exposures(after, situation.catalogue, situation.ask.on, situation.found.before)


def _is_biologic(ingredient: str, catalogue: Catalogue) -> bool:
    return catalogue.drug_class(ingredient).category is Category.BIOLOGIC


def _applied(changes: tuple[Change, ...], facts: tuple[MedicationFact, ...]) -> tuple[MedicationFact, ...]:
    """Return the facts as they would be read after a client has applied the changes."""
    deleted = {item.draft for item in changes if item.type == "delete"}
    updated = {item.draft: item.replaces for item in changes if item.type == "update"}
    kept = [fact for fact in facts if fact.origin is not Origin.DRAFT or fact.ref not in deleted]
    after = [
        replace(fact, prior_prescription=updated[fact.ref])
        if fact.origin is Origin.DRAFT and fact.ref in updated
        else fact
        for fact in kept
    ]
    return (*after, *(_created(item) for item in changes if item.type == "create"))


def _created(change: Change) -> MedicationFact:
    return MedicationFact(
        ref="MedicationRequest/#option",
        kind=Kind.REQUEST,
        origin=Origin.DRAFT,
        recognised=(Recognised(change.ingredient, change.ingredient),),
        status="draft",
        intent="order",
        prior_prescription=change.replaces,
    )


def order_code(ingredient: str, catalogue: Catalogue) -> Code:
    """Return the RxNorm ingredient code that an order for a candidate is written with."""
    return Code(System.RXNORM, catalogue.options.rxnorm[ingredient])
