"""The treatment history in words: the course of the subject drug, and the biologics tried (brief rows S4 and S5)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec

from cards.catalogue import Catalogue
from cards.course import INDUCTION_DAYS, Course, DatedOutcome, DoseLevel, Response
from cards.history import History, Trial
from cards.text import capital, day, listed

_MOST_LEVELS = 3
_MOST_BIOLOGICS = 5


def history_lines(history: History, catalogue: Catalogue, subject: str) -> list[str]:
    """Return the history as short sentences: course, response and stated reasons of the subject, then the biologics.

    The course is that of the drug whose history is told; of any other subject nothing is said but the biologics.
    """
    writer = _Writer(history, catalogue, capital(catalogue.names[subject]))
    told = writer.subject_lines() if subject == catalogue.subject else ()
    return [*told, writer.biologics()]


def history_paragraph(history: History, catalogue: Catalogue, subject: str) -> str:
    """Return the history as one paragraph of a card, which says so where part of the record was missing."""
    text = catalogue.wording.history["partial" if history.partial else "paragraph"]
    return text.format(lines=" ".join(history_lines(history, catalogue, subject)))


class _Writer(msgspec.Struct, frozen=True):
    history: History
    catalogue: Catalogue
    name: str

    @property
    def words(self) -> Mapping[str, str]:
        return self.catalogue.wording.history

    def subject_lines(self) -> Iterator[str]:
        trial, course = self.history.subject, self.history.course
        if trial is None:
            yield self.words["never"].format(subject=self.name)
            return
        if course is not None:
            yield self._course(course, trial)
            yield self.words["response"].format(response=self._response(course))
        if trial.outcomes:
            stated = [self._outcome(item, dated=True) for item in trial.outcomes]
            yield self.words["reasons"].format(reasons=listed(list(dict.fromkeys(stated))))

    def _course(self, course: Course, trial: Trial) -> str:
        if not course.levels:
            key = "dose-unknown" if trial.first else "dose-unknown-undated"
            return self.words[key].format(subject=self.name, start=day(trial.first))
        given = {
            "subject": self.name,
            "indication": self.catalogue.conditions[course.indication].name,
            "needed": INDUCTION_DAYS[course.indication],
            "reduced": self._reduced(course),
            "maintenance": self._maintenance(course),
            "since": course.since_induction,
        }
        shown = (course.induction,) if course.induction else course.levels[-_MOST_LEVELS:]
        key = "completed" if course.induction else "not-shown"
        return self.words[key].format(levels=self._levels(shown), intake=self._intake(course, shown), **given)

    def _levels(self, levels: Sequence[DoseLevel]) -> str:
        written = [
            self.words["level" if item.days else "level-open"].format(
                mg=f"{item.daily_mg:g}", days=item.days, start=day(item.start)
            )
            for item in levels
        ]
        return ", then ".join(written)

    def _intake(self, course: Course, levels: Sequence[DoseLevel]) -> str:
        supplied = sum(item.supplied for item in levels)
        covered = sum(item.days or 0 for item in levels)
        if course.verified or (course.induction is None and supplied and supplied == covered):
            return self.words["intake-verified"]
        return self.words["intake-partly" if supplied else "intake-unverified"].format(days=supplied)

    def _reduced(self, course: Course) -> str:
        return self.words["reduced"].format(reasons=listed(course.reduced_for)) if course.reduced_for else ""

    def _maintenance(self, course: Course) -> str:
        if not course.maintenance:
            return self.words["maintenance-none"].format(since=course.since_induction)
        levels = self._levels(course.maintenance[-_MOST_LEVELS:])
        return self.words["maintenance"].format(since=course.since_induction, levels=levels)

    def _response(self, course: Course) -> str:
        text = self.words[course.response]
        failure, end = course.failure, course.induction.end if course.induction else None
        if failure is None or failure.on is None or end is None:
            return text
        primary = course.response is Response.PRIMARY_NON_RESPONSE
        days = (failure.on - end).days if primary else course.maintenance_days
        return text.format(outcome=self._named(failure), date=day(failure.on), days=days)

    def biologics(self) -> str:
        tried = self.history.biologics
        if not tried:
            return self.words["biologics-none"]
        written = [self._trial(item) for item in tried[:_MOST_BIOLOGICS]]
        more = len(tried) - _MOST_BIOLOGICS
        written += [self.words["more"].format(count=more)] if more > 0 else []
        return self.words["biologics"].format(biologics="; ".join(written))

    def _trial(self, trial: Trial) -> str:
        said = {
            "name": self.catalogue.names[trial.ingredient],
            "class": self.catalogue.classes[trial.class_id].name,
            "first": _month(trial.first),
        }
        if trial.in_force:
            return self.words["in-force" if trial.first else "in-force-undated"].format(**said)
        return self.words["ended"].format(**said, period=self._period(trial), outcomes=self._why(trial))

    def _period(self, trial: Trial) -> str:
        if trial.first and trial.last:
            key = "period"
        else:
            key = "period-from" if trial.first else "period-until" if trial.last else "period-unknown"
        return self.words[key].format(first=_month(trial.first), last=_month(trial.last))

    def _why(self, trial: Trial) -> str:
        if not trial.outcomes:
            return self.words["reason-unknown"]
        stated = dict.fromkeys(self._outcome(item) for item in trial.outcomes)
        return self.words["stopped-for"].format(outcomes=listed(list(stated)))

    def _outcome(self, item: DatedOutcome, *, dated: bool = False) -> str:
        text = self.words["coded" if item.stated.coded else "text"].format(outcome=self._named(item))
        return self.words["dated"].format(outcome=text, date=day(item.on)) if dated and item.on else text

    def _named(self, item: DatedOutcome) -> str:
        return self.catalogue.outcomes[item.stated.outcome].name


def _month(value: date | None) -> str:
    """Return a month: of an earlier treatment a clinician needs no day."""
    return day(value)[:7] if value else day(None)
