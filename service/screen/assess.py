"""The patients of a share, each assessed as a call of patient-view would assess the same record."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from itertools import groupby
from operator import attrgetter

import msgspec

from cards import Assessment, Question, evaluate
from cards.model import INDICATORS, Gap, Hook, PatientRecord, State
from service.answer import Engine
from service.fhir import MedicationLibrary, Resource, read_chart
from service.screen.spill import Kept
from service.screen.totals import Pair, Totals, added

COLUMNS = ("patient", "result", "rule", "subject", "partner", "indicator", "fully_checked")
COMBINATION, NOT_CHECKED = "combination", "not fully checked"


@dataclass(frozen=True, slots=True)
class Share:
    """The counts of a share, and its patients with a combination or a doubt, as lines of CSV."""

    totals: Totals
    listed: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How the patients are looked at: the day, and what the export as a whole lacks."""

    on: date
    gaps: Mapping[Gap, int] = field(default_factory=dict)


def assess_share(kept: Iterable[Kept], engine: Engine, look: Look, *, listing: bool) -> Share:
    """Assess every patient of a share, by the order of their ids."""
    found: list[Totals] = []
    listed = StringIO()
    writer = csv.writer(listed, lineterminator="\n")
    for patient, own in groupby(sorted(kept, key=attrgetter("patient")), key=attrgetter("patient")):
        totals, rows = _one(patient, list(own), engine, look)
        found.append(totals)
        if listing:
            writer.writerows((_safe(patient), *row) for row in rows)
        if len(found) == _AT_ONCE:
            found = [added(found)]
    return Share(added(found), listed.getvalue())


_AT_ONCE = 1000
_Row = tuple[str, str, str, str, str, str]


def _one(patient: str, kept: list[Kept], engine: Engine, look: Look) -> tuple[Totals, list[_Row]]:
    """Assess one patient. Without a subject drug and without a doubt there is nothing to find."""
    if not any(item.decides for item in kept):
        return Totals(patients=1), []
    try:
        assessment = assess(patient, kept, engine, look)
    # Whatever it is, it must not cost the other patients their answer, and this one is said not to be checked.
    except Exception as error:
        totals = Totals(patients=1, incomplete=1, failed={type(error).__name__: 1})
        return totals, [(NOT_CHECKED, "", "", "", "", "no")]
    return _totals(assessment, engine), _rows(assessment, engine)


def assess(patient: str, kept: Iterable[Kept], engine: Engine, look: Look) -> Assessment:
    """Return the assessment of a patient's record as if the chart were opened on that day."""
    resources = [Resource(item.kind, msgspec.Raw(item.raw), item.id) for item in kept if item.kind]
    chart = read_chart(resources, patient, MedicationLibrary(local=engine.recogniser.local), engine.recogniser)
    record = PatientRecord(
        patient=patient,
        medications=chart.medications,
        conditions=chart.conditions,
        allergies=chart.allergies,
        birth_date=chart.birth_date,
        gaps={**look.gaps, **chart.gaps},
        unidentified=chart.unidentified,
    )
    options = engine.options
    question = Question(look.on, Hook.PATIENT_VIEW, options.jurisdiction, None, options.policy)
    return evaluate(record, engine.catalogue, question)


def pairs_of(assessment: Assessment, engine: Engine) -> Iterator[Pair]:
    """Yield the pairs of an assessment, each as loud as the site lets its rule be."""
    for finding in assessment.findings:
        ceiling = engine.options.policy.ceiling(finding.rule)
        for pair in finding.pairs:
            indicator = min(pair.indicator, ceiling, key=INDICATORS.index)
            yield Pair(finding.rule, pair.subject.ingredient, pair.partner.ingredient, indicator.value)


def _totals(assessment: Assessment, engine: Engine) -> Totals:
    options = engine.options
    exposed = assessment.exposures.by_ingredient
    subjects = engine.catalogue.subjects_in(options.jurisdiction, options.policy.disabled)
    current = [key for key in subjects if key in exposed and exposed[key].state is State.CURRENT]
    doubts = {} if assessment.complete else {gap.value: 1 for gap in assessment.gaps if gap in _DOUBTS}
    return Totals(
        patients=1,
        on_any_subject=int(bool(current)),
        on_subject=dict.fromkeys(current, 1),
        with_combination=int(bool(assessment.findings)),
        rules={finding.rule: 1 for finding in assessment.findings},
        pairs={str(pair): 1 for pair in pairs_of(assessment, engine)},
        incomplete=int(not assessment.complete),
        doubts=doubts,
    )


_DOUBTS = frozenset({Gap.MEDICATION_UNIDENTIFIED, Gap.MEDICATION_UNREADABLE})


def _rows(assessment: Assessment, engine: Engine) -> list[_Row]:
    checked = "yes" if assessment.complete else "no"
    rows = [
        (COMBINATION, pair.rule, pair.subject, pair.partner, pair.indicator, checked)
        for pair in pairs_of(assessment, engine)
    ]
    return rows or ([] if assessment.complete else [(NOT_CHECKED, "", "", "", "", checked)])


def _safe(patient: str) -> str:
    """Keep a spreadsheet from taking an id of another form than FHIR's for a formula."""
    return f"'{patient}" if patient[:1] in ("=", "+", "@", "\t") else patient
