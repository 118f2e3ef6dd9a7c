"""The treatment history: how the subject drug was given, and which biologics were tried (brief rows S4 and S5)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from cards.catalogue import Catalogue
from cards.course import INDUCTION_DAYS, Course, course
from cards.course import DatedOutcome as DatedOutcome
from cards.exposure import Basis, Contribution, Exposure, Exposures, ignore_reason
from cards.model import Gap, Kind, MedicationFact, Outcome, PatientRecord, State
from cards.problems import Problems, stated_indications
from cards.schema.ingredients import Category

REDUCING_CLASS = "strong-cyp3a4-inhibitor"
REDUCING_GROUPS = ("severe-renal-impairment", "hepatic-impairment")
_PARTIAL = frozenset({Gap.MEDICATIONS_ABSENT, Gap.MEDICATIONS_FAILED, Gap.MEDICATIONS_PAGED, Gap.MEDICATION_UNREADABLE})


class Trial(msgspec.Struct, frozen=True):
    """One ingredient that the record shows to have been given, before this ordering session.

    `first` and `last` are the earliest and latest recorded exposure, `last` is None while it is in force.
    """

    ingredient: str
    class_id: str
    in_force: bool
    first: date | None = None
    last: date | None = None
    outcomes: tuple[DatedOutcome, ...] = ()

    @property
    def failed(self) -> bool:
        """Say whether a code states lack or loss of efficacy."""
        return self._coded(Outcome.LACK_OF_EFFICACY) or self._coded(Outcome.LOSS_OF_RESPONSE)

    @property
    def intolerant(self) -> bool:
        """Say whether a code states an adverse effect."""
        return self._coded(Outcome.ADVERSE_EFFECT)

    def _coded(self, outcome: Outcome) -> bool:
        return any(item.stated.coded and item.stated.outcome is outcome for item in self.outcomes)


class History(msgspec.Struct, frozen=True):
    """What was tried. `biologics` are in the order of the knowledge; `subject` is the trial of the subject drug.

    `course` is how the subject was given for Crohn's disease or ulcerative colitis; None without a trial or without
    such an indication. `partial` says that part of the medication record was missing.
    """

    biologics: tuple[Trial, ...]
    subject: Trial | None = None
    course: Course | None = None
    partial: bool = False

    def of_class(self, class_id: str) -> tuple[Trial, ...]:
        """Return the trials of one class."""
        return tuple(item for item in self.biologics if item.class_id == class_id)


def history(
    record: PatientRecord, found: Exposures, problems: Problems, catalogue: Catalogue, subject: str, on: date
) -> History:
    """Return the treatment history before this session, as of `on`.

    Only the record counts, under the rules of exposure: no draft, nothing entered in error, not taken, proposed, or of
    another patient. The induction is judged for the indication that an order of the subject states, else for one of
    the problem list; where both Crohn's disease and ulcerative colitis stand there, for Crohn's disease, which asks for
    the longer induction. Indeterminate colitis decides for neither.
    """
    before = found.before
    tried = [_trial(item, catalogue, on) for item in before.values() if item.state is not State.NONE]
    biologics = [item for item in tried if catalogue.drug_class(item.ingredient).category is Category.BIOLOGIC]
    trial = next((item for item in tried if item.ingredient == subject), None)
    indication = _indication(record, problems, catalogue, subject, on) if trial else None
    shown = None
    if trial and indication:
        reducing = _Reducing(before, problems, catalogue, on)
        shown = course(before[subject].contributions, trial.outcomes, indication, reducing.between, on)
    partial = any(record.gaps.get(gap) for gap in _PARTIAL)
    return History(tuple(biologics), trial, shown, partial)


def _trial(exposure: Exposure, catalogue: Catalogue, on: date) -> Trial:
    in_force = exposure.state is State.CURRENT
    days = [day for item in exposure.contributions for day in _recorded(item.fact) if day <= on]
    return Trial(
        exposure.ingredient,
        catalogue.ingredients[exposure.ingredient].class_id,
        in_force,
        first=min(days, default=None),
        last=None if in_force else _latest([item.last for item in exposure.contributions]),
        outcomes=_outcomes(exposure.contributions, on),
    )


def _recorded(fact: MedicationFact) -> Iterator[date]:
    """Yield the days on which a fact shows the medicine: its start or dose, else when it was written."""
    known = fact.start or fact.given or fact.authored or fact.asserted
    yield from (day for day in (known, fact.given) if day)


def _latest(days: Sequence[date | None]) -> date | None:
    return max((day for day in days if day), default=None)


def _outcomes(items: Iterable[Contribution], on: date) -> tuple[DatedOutcome, ...]:
    """Return the stated outcomes with their days, each once, the latest first and undated ones last."""
    stated = {DatedOutcome(each, _outcome_day(item, on)): None for item in items for each in item.fact.outcomes}
    return tuple(sorted(stated, key=lambda item: (-(item.on or date.min).toordinal(), str(item.stated.by))))


def _outcome_day(item: Contribution, on: date) -> date | None:
    """Return the recorded day of an end; a day that had to be estimated is none."""
    fact = item.fact
    if item.basis is Basis.STOP:
        return item.stop if item.stop_dated else None
    if fact.kind in {Kind.ADMINISTRATION, Kind.DISPENSE}:
        return fact.given
    day = fact.end if fact.status == "completed" else fact.status_changed
    return day if day and day <= on else None


def _indication(record: PatientRecord, problems: Problems, catalogue: Catalogue, subject: str, on: date) -> str | None:
    orders = [
        fact
        for fact in record.medications
        if any(item.ingredient == subject and not ignore_reason(fact, item, on) for item in fact.recognised)
    ]
    candidates = (*stated_indications(orders, problems, catalogue), *problems.indications)
    return next((item for item in candidates if item in INDUCTION_DAYS), None)


class _Reducing(msgspec.Struct, frozen=True):
    """What on record asks for the reduced induction dose: an impairment, or a strong CYP3A4 inhibitor at that time."""

    before: Mapping[str, Exposure]
    problems: Problems
    catalogue: Catalogue
    on: date

    def between(self, start: date, end: date) -> tuple[str, ...]:
        """Return the names of what counts between two days; an inhibitor without dates counts."""
        groups = {item.group for item in self.problems.others}
        named = [self.catalogue.conditions[key].name for key in REDUCING_GROUPS if key in groups]
        inhibitors = (item for item in self.before.values() if self._inhibits(item.ingredient))
        taken = [item for item in inhibitors if self._at(item, start, end)]
        return (*named, *(self.catalogue.names[item.ingredient] for item in taken))

    def _inhibits(self, ingredient: str) -> bool:
        return self.catalogue.ingredients[ingredient].class_id == REDUCING_CLASS

    def _at(self, exposure: Exposure, start: date, end: date) -> bool:
        trial = _trial(exposure, self.catalogue, self.on)
        begun = trial.first is None or trial.first <= end
        return begun and (trial.in_force or trial.last is None or trial.last >= start)
