"""The patient's record beside the medicines: problems, and the treatment history that a card tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from cards import Assessment, Catalogue
from cards.course import Course
from cards.history import History, Trial
from cards.history_text import history_lines
from cards.problems import Problems
from service.explain.written import Section, day


def record(assessment: Assessment, catalogue: Catalogue) -> dict[str, Any]:
    """Say which problems counted as what, and what was tried before."""
    return {"problems": _problems(assessment.problems), "history": _history(assessment.history, catalogue)}


def _problems(problems: Problems) -> dict[str, Any]:
    return {
        "supplied": problems.supplied,
        "indications": [{"group": item.group, "resource": item.fact.ref} for item in problems.on_record],
        "activeSeriousInfections": [
            {"group": item.group, "resource": item.fact.ref, "dated": item.dated} for item in problems.infections
        ],
        "others": [{"group": item.group, "resource": item.fact.ref} for item in problems.others],
    }


def _history(tried: History, catalogue: Catalogue) -> dict[str, Any]:
    """Return the treatment history: the dose levels and outcomes it rests on, and the sentences of a card."""
    course, subject = tried.course, tried.subject
    return {
        "partial": tried.partial,
        "course": _course(course) if course else None,
        "trials": [_trial(item) for item in ((subject,) if subject else ()) + tried.biologics],
        "lines": history_lines(tried, catalogue, catalogue.subject),
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "indication": course.indication,
        "levels": [
            {
                "dailyMg": item.daily_mg,
                "start": item.start.isoformat(),
                "end": day(item.end),
                "days": item.days,
                "suppliedDays": item.supplied,
                "isInduction": item == course.induction,
            }
            for item in course.levels
        ],
        "reducedFor": list(course.reduced_for),
        "sinceInduction": course.since_induction,
        "response": course.response.value,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "ingredient": trial.ingredient,
        "class": trial.class_id,
        "inForce": trial.in_force,
        "first": day(trial.first),
        "last": day(trial.last),
        "outcomes": [
            {
                "outcome": item.stated.outcome.value,
                "by": str(item.stated.by),
                "coded": item.stated.coded,
                "on": day(item.on),
            }
            for item in trial.outcomes
        ],
    }


def record_sections(said: Mapping[str, Any]) -> Iterator[Section]:
    """Write problems and history."""
    yield "Problems", _problem_lines(said.get("problems", {}))
    yield "History", _history_lines(said.get("history", {}))


def _problem_lines(problems: Mapping[str, Any]) -> list[str]:
    if not problems:
        return []
    lines = [] if problems["supplied"] else ["the problem list was not supplied"]
    for title in ("indications", "activeSeriousInfections", "others"):
        lines += [f"{title}: {item['group']} ({item['resource']})" for item in problems[title]]
    return lines


def _history_lines(tried: Mapping[str, Any]) -> list[str]:
    """Return the sentences of the card, then the levels and stop reasons that they rest on."""
    if not tried:
        return []
    lines = ["from the part of the record that was read"] if tried["partial"] else []
    lines += tried["lines"]
    for item in (tried["course"] or {}).get("levels", ()):
        until = (
            f"to {item['end']}, {item['days']} d, supplied {item['suppliedDays']} d"
            if item["end"]
            else "end not recorded"
        )
        lines.append(f"level {item['dailyMg']:g} mg a day from {item['start']} {until}")
    for trial in tried["trials"]:
        known = "; ".join(f"{each['outcome']} by {each['by']} {each['on'] or 'undated'}" for each in trial["outcomes"])
        last = "in force" if trial["inForce"] else f"to {trial['last'] or 'unknown'}"
        first = trial["first"] or "unknown"
        lines.append(f"{trial['ingredient']} ({trial['class']}) from {first} {last}: {known or 'no stop reason'}")
    return lines
