"""The one question the package answers: which cards does this record need, on this day, at this hook."""

from collections.abc import Iterator, Mapping

import msgspec

from cards.build import build, incomplete
from cards.catalogue import Catalogue
from cards.detect import Finding, Question, findings
from cards.exposure import Exposures, Ignore, exposures
from cards.history import History, history
from cards.model import Card, Gap, MedicationFact, PatientRecord
from cards.monitoring import monitoring_card
from cards.options import Choice, Situation, choice
from cards.options_card import options_card
from cards.problems import Problems, problems
from cards.unidentified import doubtful

_SERIOUS = frozenset(
    {
        Gap.MEDICATIONS_ABSENT,
        Gap.MEDICATIONS_FAILED,
        Gap.MEDICATIONS_PAGED,
        Gap.MEDICATION_UNREADABLE,
        Gap.MEDICATION_UNIDENTIFIED,
        Gap.OTHER_PATIENT,
    }
)


class Assessment(msgspec.Struct, frozen=True):
    """Everything that made the answer.

    `complete` is false where part of the medication record was missing: then an empty list of findings is not an
    all-clear, and `cards` holds the card that says so. `history` is what was tried before this session. `hidden` are
    the cards of rules that the site keeps silent. `options` are those of the options card, if there is one.
    """

    cards: tuple[Card, ...]
    findings: tuple[Finding, ...]
    exposures: Exposures
    problems: Problems
    gaps: Mapping[Gap, int]
    complete: bool
    history: History
    hidden: tuple[Card, ...] = ()
    options: Choice | None = None


def evaluate(record: PatientRecord, catalogue: Catalogue, question: Question) -> Assessment:
    """Return the assessment of a record: deterministic, and in the order of the knowledge."""
    found = exposures(record, catalogue, question.on)
    counted = problems(record, catalogue, question.on)
    met = findings(found, counted, catalogue, question)
    gaps = _gaps(record, found, catalogue, question)
    complete = not (_SERIOUS & gaps.keys())
    tried = history(record, found, counted, catalogue, catalogue.subject, question.on)
    made = [(build(item, counted, gaps, catalogue, question, tried), item.silent) for item in met]
    cards = tuple(card for card, silent in made if not silent)
    if not made and not complete:
        cards = (_incomplete(catalogue, question, found, gaps),)
    options = choice(met, Situation(record, found, counted, tried, gaps, catalogue, question))
    hidden = tuple(card for card, silent in made if silent)
    for card, rule in _beside(options, met, counted, record.services, gaps, catalogue, question):
        # A rule that is kept silent takes the cards beside its own with it.
        cards, hidden = (cards, (*hidden, card)) if rule in question.policy.silent else ((*cards, card), hidden)
    return Assessment(cards, met, found, counted, gaps, complete, tried, hidden, options)


def _beside(
    options: Choice | None,
    met: tuple[Finding, ...],
    counted: Problems,
    services: frozenset[str],
    gaps: Mapping[Gap, int],
    catalogue: Catalogue,
    question: Question,
) -> Iterator[tuple[Card, str]]:
    """Yield the cards that stand beside a warning, each with the rule that it belongs to."""
    if options:
        yield options_card(options, gaps, catalogue, question), catalogue.options.rule
    if monitoring := monitoring_card(met, counted, services, catalogue, question):
        yield monitoring, catalogue.monitoring.rule


def _gaps(record: PatientRecord, found: Exposures, catalogue: Catalogue, question: Question) -> Mapping[Gap, int]:
    """Return the gaps of the record: an entry of unknown drug that may count, another patient's medicine of a rule."""
    scope = catalogue.in_scope(question.jurisdiction, question.policy.disabled)
    unknown = record.gaps.get(Gap.MEDICATION_UNIDENTIFIED, 0)
    counts = {
        **record.gaps,
        Gap.MEDICATION_UNIDENTIFIED: unknown + doubtful(record.unidentified, scope, catalogue, question.on),
    }
    gaps = {gap: count for gap, count in counts.items() if count}
    strangers = {item.ref for item in found.ignored if item.reason is Ignore.OTHER_PATIENT and item.ingredient in scope}
    return {**gaps, Gap.OTHER_PATIENT: len(strangers)} if strangers else gaps


def _incomplete(catalogue: Catalogue, question: Question, found: Exposures, gaps: Mapping[Gap, int]) -> Card:
    scope = catalogue.in_scope(question.jurisdiction, question.policy.disabled)
    drafted = {key: item.drafts for key, item in found.by_ingredient.items() if key in scope and item.drafts}
    subjects = catalogue.subjects_in(question.jurisdiction, question.policy.disabled)
    drafts: list[MedicationFact] = [fact for facts in drafted.values() for fact in facts]
    return incomplete(gaps, catalogue, question, drafts, [key for key in subjects if key in drafted])
