"""The treatment history: how the subject drug was given, and which biologics were tried (brief rows S4 and S5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cards.catalogue import Catalogue, Category
from cards.exposure import Exposure, Exposures
from cards.model import Outcome, PatientRecord, State, StatedOutcome
from cards.problems import Problems


@dataclass(frozen=True, slots=True)
class DatedOutcome:
    """A stated outcome and the day that the record gives it."""

    stated: StatedOutcome
    on: date | None


@dataclass(frozen=True, slots=True)
class Trial:
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


@dataclass(frozen=True, slots=True)
class History:
    """What was tried. `biologics` are in the order of the knowledge; `subject` is the trial of the subject drug."""

    biologics: tuple[Trial, ...]
    subject: Trial | None = None

    def of_class(self, class_id: str) -> tuple[Trial, ...]:
        """Return the trials of one class."""
        return tuple(item for item in self.biologics if item.class_id == class_id)


def history(
    record: PatientRecord, found: Exposures, problems: Problems, catalogue: Catalogue, subject: str, on: date
) -> History:
    """Return the treatment history before this session, as of `on`."""
    tried = [_trial(item, catalogue) for item in found.by_ingredient.values() if item.established is not State.NONE]
    biologics = [item for item in tried if catalogue.drug_class(item.ingredient).category is Category.BIOLOGIC]
    return History(tuple(biologics), next((item for item in tried if item.ingredient == subject), None))


def _trial(exposure: Exposure, catalogue: Catalogue) -> Trial:
    in_force = exposure.established is State.CURRENT
    return Trial(
        exposure.ingredient,
        catalogue.ingredients[exposure.ingredient].class_id,
        in_force,
        last=None if in_force else _latest([item.last for item in exposure.contributions]),
    )


def _latest(days: Sequence[date | None]) -> date | None:
    return max((day for day in days if day), default=None)
