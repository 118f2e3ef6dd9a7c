"""What reviewers found: of the warnings that they could judge, how many were right (positive predictive value)."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.errors import InvalidRequest
from service.rates import Share
from service.review.sample import VERDICT

# Right: the patient was on both drugs, or about to be. Unclear: the chart does not tell.
RIGHT, WRONG, UNCLEAR = "right", "wrong", "unclear"
VERDICTS = (RIGHT, WRONG, UNCLEAR)
_NEEDED = ("card", "rule", VERDICT)


@dataclass(slots=True)
class Found:
    """The verdicts on the warnings of one group; `open` is how many have none yet."""

    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def ppv(self) -> Share:
        """Return how many of the warnings with a clear verdict were right."""
        return Share(self.verdicts[RIGHT], self.verdicts[RIGHT] + self.verdicts[WRONG])

    @property
    def open(self) -> int:
        """Return how many nobody judged."""
        return self.verdicts[""]


@dataclass(frozen=True, slots=True)
class Score:
    """All warnings of a reviewed sheet, and the same by rule."""

    total: Found
    by_rule: Mapping[str, Found]


def score(sheet: Iterable[str], name: str) -> Score:
    """Count the verdicts of a reviewed CSV, given as its lines; `name` is for messages.

    Raises InvalidRequest that names the first line which cannot be counted; what stands there is not repeated.
    """
    total, by_rule, seen = Found(), dict[str, Found](), set[str]()
    rows = csv.DictReader(sheet)
    if missing := [column for column in _NEEDED if column not in (rows.fieldnames or ())]:
        raise InvalidRequest(f"{name}, line 1: {', '.join(missing)} missing. Give a sheet of upa-cds review sample.")
    for row in rows:
        where = f"{name}, line {rows.line_num}"
        if None in row.values():
            raise InvalidRequest(f"{where}: a column is missing. Keep the columns as they were drawn.")
        verdict = row[VERDICT].strip().lower()
        if verdict and verdict not in VERDICTS:
            raise InvalidRequest(f"{where}: the verdict is none of {', '.join(VERDICTS)}, or nothing. Correct it.")
        if row["card"] in seen:
            raise InvalidRequest(f"{where}: this card stands twice. Keep one verdict for each.")
        seen.add(row["card"])
        total.verdicts[verdict] += 1
        by_rule.setdefault(row["rule"], Found()).verdicts[verdict] += 1
    return Score(total, dict(sorted(by_rule.items())))
