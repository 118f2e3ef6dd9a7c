"""Exposures and problems to findings: which label clause is met, by which pairs, and how loud."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from cards.catalogue import Catalogue
from cards.exposure import Basis, Contribution, Exposure, Exposures
from cards.model import INDICATORS, LOUD, Hook, Indicator, Kind, MedicationFact, State
from cards.problems import Problem, Problems, stated_indications
from cards.schema.rules import GENERIC, Clause, Rule

ATOPIC_DERMATITIS = "atopic-dermatitis"
_STATING = (State.ORDERED, State.CURRENT, State.RECENT)
_REPORTED = frozenset({State.ORDERED, State.CURRENT, State.RECENT})


class Relation(StrEnum):
    """How the two exposures of a pair stand to each other in time."""

    OVERLAP = "overlap"
    RECENT = "recent"
    SEQUENTIAL = "sequential"


class Coverage(StrEnum):
    """How the deciding sentence speaks of the partner."""

    NAMED = "named"
    COVERED = "covered"
    NOT_NAMED = "not-named"


class Pair(msgspec.Struct, frozen=True):
    """One subject and one partner whose combination a rule speaks of.

    `indication` decided the sentence (None: unknown). `quiet` is a partner that is `info` by the rule. `handover` is
    the end of the first and the start of the second where the record plans them one after the other. `lowered_from` is
    the indicator before the site's ceiling on this pair.
    """

    subject: Exposure
    partner: Exposure
    relation: Relation
    coverage: Coverage
    indication: str | None
    by_order: bool
    indicator: Indicator
    quiet: bool = False
    first: str | None = None
    handover: tuple[date, date] | None = None
    lowered_from: Indicator | None = None

    @property
    def due(self) -> Indicator:
        """Return the indicator without anything that the site chose."""
        return self.lowered_from or self.indicator

    @property
    def exposures(self) -> tuple[Exposure, Exposure]:
        """Return both sides, the subject first."""
        return self.subject, self.partner


@dataclass(frozen=True, slots=True)
class DocumentedException:
    """What somebody documented for this patient: the rule's card on these ingredients was overridden for a reason.

    `reason` is the id of an override reason. It counts from `on` through `until`, both inclusive.
    """

    rule: str
    ingredients: frozenset[str]
    reason: str
    on: date
    until: date

    def covers(self, rule: str, ingredients: frozenset[str], day: date) -> bool:
        """Say whether it speaks of all these ingredients on this day: a new partner was never part of it."""
        return self.rule == rule and ingredients <= self.ingredients and self.on <= day <= self.until


class Finding(msgspec.Struct, frozen=True):
    """One rule that is met; `pairs` are loudest first.

    `lowered` says that the site's ceiling took effect, `exception` is the documented exception that did. `silent`: the
    site wants the rule evaluated and recorded, and its card not shown.
    """

    rule: str
    indicator: Indicator
    pairs: tuple[Pair, ...]
    lowered: bool = False
    exception: DocumentedException | None = None
    silent: bool = False

    @property
    def loud(self) -> bool:
        """Say whether the finding is a warning or critical."""
        return self.indicator in LOUD

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Return the exposures of all pairs, each ingredient once."""
        return tuple({item.ingredient: item for pair in self.pairs for item in pair.exposures}.values())


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The highest indicator of a part of a rule: of one partner, of the clause of one indication, or of both.

    `indication` is `generic` where none is known; None means whatever it is.
    """

    rule: str
    indicator: Indicator
    partner: str | None = None
    indication: str | None = None

    def covers(self, rule: str, partner: str, indication: str | None) -> bool:
        """Say whether it speaks of a pair of a rule whose clause is that of an indication."""
        fits = self.partner in (None, partner) and self.indication in (None, indication or GENERIC)
        return self.rule == rule and fits


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site changed: rules switched off, rules that are silent, and the highest indicator it wants per rule.

    `parts` are the highest indicators of parts of rules.

    `options` are the ingredients that the options card may offer, in that order; None leaves it to the knowledge, and
    empty means no such card.
    """

    disabled: frozenset[str] = frozenset()
    ceilings: tuple[tuple[str, Indicator], ...] = ()
    silent: frozenset[str] = frozenset()
    options: tuple[str, ...] | None = None
    parts: tuple[Ceiling, ...] = ()

    def ceiling(self, rule: str) -> Indicator:
        """Return the highest indicator that the site allows for a rule."""
        allowed = (indicator for key, indicator in self.ceilings if key == rule)
        return min(allowed, key=INDICATORS.index, default=Indicator.CRITICAL)

    def part_ceiling(self, rule: str, partner: str, indication: str | None) -> Indicator:
        """Return the highest indicator that the site allows for a pair of a rule."""
        allowed = (item.indicator for item in self.parts if item.covers(rule, partner, indication))
        return min(allowed, key=INDICATORS.index, default=Indicator.CRITICAL)


class Question(msgspec.Struct, frozen=True):
    """What is asked: the day, the hook, what was selected, the jurisdiction and the site's policy.

    `selections` holds the `Type/id` of the selected drafts; None means that every draft is selected. `exceptions` are
    those documented for this patient.
    """

    on: date
    hook: Hook
    jurisdiction: str = "us"
    selections: frozenset[str] | None = None
    policy: Policy = Policy()
    exceptions: tuple[DocumentedException, ...] = ()


def findings(found: Exposures, problems: Problems, catalogue: Catalogue, question: Question) -> tuple[Finding, ...]:
    """Return the rules that are met, critical first, else in the order of the knowledge."""
    reported = [item for item in found.by_ingredient.values() if item.state in _REPORTED]
    detector = _Detector(found, reported, problems, catalogue, question)
    met = [
        finding
        for key in catalogue.rules_in(question.jurisdiction, question.policy.disabled)
        if (finding := detector.finding(key, catalogue.rules[key]))
    ]
    return tuple(sorted(met, key=lambda item: -INDICATORS.index(item.indicator)))


class _Detector(msgspec.Struct, frozen=True):
    found: Exposures
    reported: Sequence[Exposure]
    problems: Problems
    catalogue: Catalogue
    question: Question

    def finding(self, key: str, rule: Rule) -> Finding | None:
        pairs = sorted(self._pairs(key, rule), key=self._pair_order)
        if not pairs:
            return None
        indicator = pairs[0].indicator
        due = max((pair.due for pair in pairs), key=INDICATORS.index)
        allowed = min(indicator, self.question.policy.ceiling(key), key=INDICATORS.index)
        exception = self._exception(key, pairs) if allowed is Indicator.WARNING else None
        return Finding(
            key,
            Indicator.INFO if exception else allowed,
            tuple(pairs),
            lowered=allowed is not due,
            exception=exception,
            silent=key in self.question.policy.silent,
        )

    def _exception(self, rule: str, pairs: Iterable[Pair]) -> DocumentedException | None:
        """Return the latest exception that covers every pair; one never lowers what is critical."""
        if not self.question.exceptions:
            return None
        ingredients = frozenset(item.ingredient for pair in pairs for item in pair.exposures)
        covering = [item for item in self.question.exceptions if item.covers(rule, ingredients, self.question.on)]
        return max(covering, key=lambda item: item.on, default=None)

    def _pair_order(self, pair: Pair) -> tuple[int, bool, int]:
        """Put the loudest first, then those that the sentence speaks of, then the order of the knowledge."""
        place = list(self.found.by_ingredient).index(pair.partner.ingredient)
        return -INDICATORS.index(pair.indicator), pair.coverage is Coverage.NOT_NAMED, place

    def _pairs(self, key: str, rule: Rule) -> Iterator[Pair]:
        subjects, partners = self.catalogue.roles[key]
        present = [item for item in self.reported if item.ingredient in partners]
        for subject in self.reported if present else ():
            for partner in present if subject.ingredient in subjects else ():
                pair = self._pair(rule, subject, partner)
                if pair:
                    yield self._capped(key, pair)

    def _capped(self, rule: str, pair: Pair) -> Pair:
        """Return the pair no louder than the site wants it."""
        ceiling = self.question.policy.part_ceiling(rule, pair.partner.ingredient, pair.indication)
        if INDICATORS.index(ceiling) >= INDICATORS.index(pair.indicator):
            return pair
        return replace(pair, indicator=ceiling, lowered_from=pair.indicator)

    def _pair(self, rule: Rule, subject: Exposure, partner: Exposure) -> Pair | None:
        relation = self._relation(subject, partner)
        if relation is None or not _two_resources(subject, partner):
            return None
        indication, by_order = self._indication(rule, partner.ingredient)
        if not self._fires(rule, partner.ingredient, indication):
            return None
        clause = rule.clause(self.question.jurisdiction, indication)
        sequence = _sequence(subject, partner) if relation is Relation.OVERLAP else None
        relation = Relation.SEQUENTIAL if sequence else relation
        quiet = self._quiet(rule, partner.ingredient, indication)
        return Pair(
            subject,
            partner,
            relation,
            self._coverage(clause, partner.ingredient),
            indication,
            by_order,
            self._indicator(relation, quiet=quiet),
            quiet=quiet,
            first=sequence[0] if sequence else None,
            handover=sequence[1] if sequence else None,
        )

    def _relation(self, subject: Exposure, partner: Exposure) -> Relation | None:
        states = {subject.state, partner.state}
        if self.question.hook is Hook.PATIENT_VIEW:
            return Relation.OVERLAP if states == {State.CURRENT} else None
        if not (self._asked(subject) or self._asked(partner)):
            return None
        if State.RECENT not in states:
            return Relation.OVERLAP
        ordered = subject if subject.state is State.ORDERED else partner
        return None if ordered.established is State.CURRENT else Relation.RECENT

    def _asked(self, exposure: Exposure) -> bool:
        """Say whether a draft of this exposure is what the hook was called for."""
        if self.question.hook is Hook.ORDER_SIGN or self.question.selections is None:
            return bool(exposure.drafts)
        return any(fact.ref in self.question.selections for fact in exposure.drafts)

    def _indication(self, rule: Rule, partner: str) -> tuple[str | None, bool]:
        """Return the indication whose sentence decides for a partner, and whether the order states it."""
        stated = self._stated(rule)
        if stated:
            return self._first_naming(rule, partner, stated), True
        candidates = list(self.problems.indications)
        if self._conditional(rule, partner) and candidates != [ATOPIC_DERMATITIS]:
            candidates = [item for item in candidates if item != ATOPIC_DERMATITIS]
        known = [item for item in candidates if item in self.catalogue.indication_order]
        return (self._first_naming(rule, partner, known), False) if known else (None, False)

    def _stated(self, rule: Rule) -> tuple[str, ...]:
        """Return the indications that the subject's orders state; those of the strongest state that states any."""
        subjects = self.catalogue.members(rule.subject)
        for state in _STATING:
            orders = _orders(self.found, subjects, state)
            if orders and (stated := stated_indications(orders, self.problems, self.catalogue)):
                return stated
        return ()

    def _first_naming(self, rule: Rule, partner: str, candidates: Sequence[str]) -> str:
        naming = (
            item
            for item in candidates
            if self._coverage(rule.clause(self.question.jurisdiction, item), partner) is not Coverage.NOT_NAMED
        )
        return next(naming, candidates[0])

    def _coverage(self, clause: Clause, partner: str) -> Coverage:
        item = self.catalogue.ingredients[partner]
        if partner in clause.names:
            return Coverage.NAMED
        covered = clause.covers_all or item.class_id in clause.covers_classes
        return Coverage.COVERED if covered or item.uses() & set(clause.covers_uses) else Coverage.NOT_NAMED

    def _conditional(self, rule: Rule, partner: str) -> bool:
        return any(partner in self.catalogue.members(members) for members in rule.only_if.values())

    def _fires(self, rule: Rule, partner: str, indication: str | None) -> bool:
        """Say whether a partner fires; a conditional one needs a sentence of its indication in the jurisdiction."""
        if not self._conditional(rule, partner):
            return True
        members = rule.only_if.get(indication or "")
        own_sentence = (indication or "") in rule.clauses[self.question.jurisdiction]
        return bool(own_sentence and members and partner in self.catalogue.members(members))

    def _quiet(self, rule: Rule, partner: str, indication: str | None) -> bool:
        loud = indication is None or indication in rule.loud_for
        return partner in self.catalogue.members(rule.quiet) and not loud

    def _indicator(self, relation: Relation, *, quiet: bool) -> Indicator:
        """Return the indicator: one step up with an active serious infection, never critical in patient-view."""
        calm = quiet or relation is not Relation.OVERLAP or self.question.hook is Hook.PATIENT_VIEW
        step = (0 if calm else 1) + bool(self.problems.infections)
        return INDICATORS[step]


def _two_resources(subject: Exposure, partner: Exposure) -> bool:
    """Say whether the two exposures do not come from one and the same resource."""
    ours = {item.fact.ref for item in subject.contributions if item.state in _REPORTED}
    theirs = {item.fact.ref for item in partner.contributions if item.state in _REPORTED}
    return len(ours | theirs) > 1


def _sequence(one: Exposure, other: Exposure) -> tuple[str, tuple[date, date]] | None:
    """Return the ingredient that ends first and (its end, the other's start), where the record plans a sequence."""
    for first, second in ((one, other), (other, one)):
        end = _planned_end(first) if first.state is State.CURRENT else None
        start = _planned_start(second) if end else None
        if end and start and start >= end:
            return first.ingredient, (end, start)
    return None


def _planned_end(exposure: Exposure) -> date | None:
    """Return the end of a therapy in force, if every order and statement in force has one."""
    in_force = [item for item in exposure.contributions if item.basis is Basis.ACTIVE]
    ends = [item.fact.end for item in in_force if item.fact.end]
    return max(ends) if ends and len(ends) == len(in_force) else None


def _planned_start(exposure: Exposure) -> date | None:
    """Return the recorded start of a therapy, if everything that orders or continues it starts then or later."""
    continuing = [item for item in exposure.contributions if item.state in {State.ORDERED, State.CURRENT}]
    starts = [_own_start(item) for item in continuing]
    known = [day for day in starts if day]
    return min(known) if known and len(known) == len(starts) else None


def _own_start(item: Contribution) -> date | None:
    return item.fact.start if item.basis in {Basis.DRAFT, Basis.ACTIVE} else None


def _orders(found: Exposures, ingredients: Iterable[str], state: State) -> list[MedicationFact]:
    """Return the orders and statements that give ingredients a state."""
    exposures = [found.by_ingredient[key] for key in ingredients if key in found.by_ingredient]
    kinds = {Kind.REQUEST, Kind.STATEMENT}
    given = (item for exposure in exposures for item in exposure.contributions if item.state is state)
    return [item.fact for item in given if item.fact.kind in kinds]


def provisional(problems: Problems, indication: str | None) -> Problem | None:
    """Return the problem of an indication if every record of it is provisional."""
    same = [item for item in problems.on_record if item.group == indication]
    return same[0] if same and all(item.provisional for item in same) else None
