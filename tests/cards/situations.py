"""What the options of a patient are chosen from, and what was chosen.

Each maker takes facts, and where the record alone cannot say it, a treatment history by hand.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from cards import Question
from cards.detect import findings
from cards.exposure import exposures
from cards.history import DatedOutcome, History, Trial, history
from cards.model import Card, Code, ConditionFact, Hook, MedicationFact, Outcome, PatientRecord, StatedOutcome, System
from cards.options import Choice, Excluded, Form, Offer, Situation, choice
from cards.options_card import options_card
from cards.problems import problems
from tests.cards.records import CROHN, ON, chart, draft, problem
from tests.packaged import CATALOGUE

ADULT = date(1984, 2, 11)
PERIANAL = problem("perianal-fistula-abscess")
NEW, IN_FORCE = draft("upadacitinib"), chart("upadacitinib")


def trial(ingredient: str, *outcomes: Outcome, coded: bool = True, **others: Any) -> Trial:
    """Make a trial that ended in 2024, with outcomes that a code, or only a text, states."""
    by = Code(System.SNOMED, "1") if coded else "words"
    stated = tuple(DatedOutcome(StatedOutcome(item, by), date(2024, 5, 1)) for item in outcomes)
    class_id = CATALOGUE.ingredients[ingredient].class_id
    values = {"in_force": False, "first": date(2023, 3, 1), "last": date(2024, 5, 1), **others}
    return Trial(ingredient, class_id, outcomes=stated, **values)


def situation(
    medications: Iterable[MedicationFact],
    *conditions: ConditionFact,
    past: Iterable[Trial] = (),
    subject: Trial | None = None,
    **others: Any,
) -> Situation:
    """Make what the options look at; `past` is added to the history that the record itself shows."""
    asked = {key: others.pop(key) for key in ("hook", "policy", "selections") if key in others}
    values = {"birth_date": ADULT, **others}
    record = PatientRecord("patient-1", tuple(medications), tuple(conditions or (CROHN,)), **values)
    ask = Question(ON, **{"hook": Hook.ORDER_SELECT, **asked})
    found, counted = exposures(record, CATALOGUE, ON), problems(record, CATALOGUE, ON)
    shown = history(record, found, counted, CATALOGUE, "upadacitinib", ON)
    told = History((*shown.biologics, *past), subject or shown.subject)
    return Situation(record, found, counted, told, record.gaps, CATALOGUE, ask)


def choose(*arguments: Any, **others: Any) -> Choice | None:
    given = situation(*arguments, **others)
    return choice(findings(given.found, given.problems, CATALOGUE, given.ask), given)


def chosen(*arguments: Any, **others: Any) -> Choice:
    made = choose(*arguments, **others)
    assert made is not None
    return made


def card(*arguments: Any, **others: Any) -> Card:
    given = situation(*arguments, **others)
    return options_card(chosen(*arguments, **others), given.gaps, CATALOGUE, given.ask)


def instead(made: Choice) -> list[str]:
    return [item.ingredient for item in made.offers if item.form is Form.INSTEAD]


def why_not(made: Choice, ingredient: str) -> Excluded | None:
    return dict(made.left_out).get(ingredient)


def offer(made: Choice, ingredient: str) -> Offer:
    (found,) = (item for item in made.offers if item.ingredient == ingredient)
    return found
