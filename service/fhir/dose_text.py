"""The dose that a dosage text states, by a short explicit grammar; a text that it does not cover states nothing.

    text   = clause { connector clause }             "45 mg once daily for 12 weeks, then 15 mg once daily"
    clause = [verb] dose frequency [duration]
    dose   = "45 mg" | "1 tablet" | "2 x 15 mg" | "1 tablet (45 mg)" | "45 mg (1 tablet)" | "3 tablets of 15 mg"

Words that change neither dose nor time (route, meals, the drug's own name) are left out first. Every clause has to fit
as a whole: "or", "as needed", a range or an unknown word makes the dose unknown.
"""

import math
import re

from cards.model import DoseStep
from service.fhir.dates import LONGEST_DAYS

_LONGEST_TEXT = 300
_NUMBERS = {"one": "1", "two": "2", "three": "3", "four": "4"}
_FILLERS = (
    r"(?:by|per) mouth|orally|oral|p\.?o\.?|in the morning|in the evening|at the same time"
    r"|with or without food|with food|with water|(?:extended|prolonged)[- ]release|e\.?r\.?|rinvoq|upadacitinib"
    r"|(?:as )?induction(?: dose| therapy)?"
    r"|(?:as )?maintenance(?: dose| therapy)?"
)
_FILLER = re.compile(rf"(?<![\w.])(?:{_FILLERS})(?![\w])")
_CONNECTOR = re.compile(r"\s*[,;.]?\s*(?:and )?\b(?:then|followed by|thereafter|afterwards|after that)\b[\s,:]*")
_TRAILING = re.compile(r"[,;.]\s*([^,;.]+?)\s+(?:thereafter|afterwards|after that)$")
_UNIT = r"(?:tablets?|tabs?|capsules?|caps?|pills?)"
_DOSE = (
    rf"(?:(?P<mg>\d+(?:\.\d+)?) ?mg(?: (?P<mg_count>\d) {_UNIT}| {_UNIT})?"
    rf"|(?P<count>\d) {_UNIT}(?: (?:of )?(?P<count_mg>\d+(?:\.\d+)?) ?mg(?: each)?)?"
    rf"|(?P<times>\d) ?x ?(?P<times_mg>\d+(?:\.\d+)?) ?mg(?: {_UNIT})?)"
)
_ONCE = (
    r"(?:once|1 time|1 ?x)? ?(?:daily|a day|per day|every day|each day|/ ?day)|every 24 ?(?:hours|hrs?|h)|q ?24 ?h"
    r"|q\.?d\.?|od"
)
_TWICE = (
    r"(?:twice|2 times|2 ?x) ?(?:daily|a day|per day|every day|/ ?day)|every 12 ?(?:hours|hrs?|h)|q ?12 ?h|b\.?i\.?d\.?"
)
_DURATION = r"(?:for|x) ?(?P<length>\d{1,3}) ?(?P<unit>d|days?|w|wks?|weeks?|months?)"
_CLAUSE = re.compile(
    rf"(?:(?:take|give|start|start with|continue|continue with|reduce to|increase to) )?{_DOSE},? ?"
    rf"(?:(?P<twice>{_TWICE})|(?P<once>{_ONCE}))(?:,? ?{_DURATION})?"
)
_UNIT_DAYS = {"d": 1, "w": 7, "m": 30}
_MILLIGRAMS = re.compile(r"(\d+(?:[.,]\d+)?)\s*mg\b", re.IGNORECASE)


def text_steps(text: str, strength: float | None = None) -> tuple[DoseStep, ...]:
    """Read the dose steps of a dosage text; empty where it is not wholly understood.

    `strength` is the milligrams of one tablet of the product. Every step but the last needs a duration.
    """
    if len(text) > _LONGEST_TEXT:
        return ()
    steps = [_step(clause, strength) for clause in _CONNECTOR.split(_plain(text))]
    known = [step for step in steps if step is not None]
    if len(known) < len(steps) or any(step.days is None for step in known[:-1]):
        return ()
    return tuple(known)


def milligrams(text: str) -> frozenset[float]:
    """Return every amount in milligrams that a text names."""
    return frozenset(float(found.replace(",", ".")) for found in _MILLIGRAMS.findall(text))


def _plain(text: str) -> str:
    """Return a text in lower case without words that change nothing; brackets only separate."""
    plain = " ".join(re.sub(r"[()\[\]]", " ", text.casefold().replace("\N{MULTIPLICATION SIGN}", "x")).split()).rstrip(
        " .;,"
    )
    plain = _TRAILING.sub(r", then \1", plain)
    for word, digit in _NUMBERS.items():
        plain = re.sub(rf"\b{word}\b", digit, plain)
    return " ".join(_FILLER.sub(" ", plain).replace(" ,", ",").split())


def _step(clause: str, strength: float | None) -> DoseStep | None:
    match = _CLAUSE.fullmatch(clause.strip(" ,"))
    dose = _dose(match, strength) if match else None
    if match is None or not dose or dose <= 0:
        return None
    days = int(match["length"]) * _UNIT_DAYS[match["unit"][0]] if match["length"] else None
    if days is not None and not 0 < days <= LONGEST_DAYS:
        return None
    return DoseStep(dose * (2 if match["twice"] else 1), days)


def _dose(match: re.Match[str], strength: float | None) -> float | None:
    """Return the milligrams of one dose; None where a count and an amount do not agree."""
    if match["times"]:
        return int(match["times"]) * float(match["times_mg"])
    if match["mg"]:
        amount = float(match["mg"])
        return amount if match["mg_count"] is None else _agreed(int(match["mg_count"]), amount, strength)
    count, written = int(match["count"]), float(match["count_mg"]) if match["count_mg"] else None
    if written is None:
        return count * strength if strength else None
    if "of " in match[0] or "each" in match[0]:
        return count * written if strength in (None, written) else None
    return _agreed(count, written, strength)


def _agreed(count: int, amount: float, strength: float | None) -> float | None:
    """Return an amount that stands beside a count of tablets, if it can only be the whole dose."""
    if strength is None:
        return amount if count == 1 else None
    return amount if math.isclose(count * strength, amount) else None
