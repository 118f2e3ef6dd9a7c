"""The result of a screening as one document: what was read, and how many patients, with small counts suppressed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cards.catalogue import Catalogue
from cards.wilson import wilson
from service.screen.gather import FAULTS_SHOWN
from service.screen.plan import Place, Plan, engine_of, reports, totals_of
from service.screen.suppress import Cell, Group, suppressed
from service.screen.totals import Pair, Totals, loudest

POLICY = "CMS cell size suppression policy (ResDAC, 2024-01-26)"
_ALL: Cell = ("patients", "")
_ANY: Cell = ("on-any-subject", "")
_MET: Cell = ("with-combination", "")
_UNCHECKED: Cell = ("not-fully-checked", "")
_CHECKED: Cell = ("fully-checked", "")


def result_of(place: Place, plan: Plan, smallest: int) -> dict[str, Any]:
    """Return the result as JSON; a number that is suppressed is null.

    `smallest` is the least number of patients that is shown, apart from zero.
    """
    engine = engine_of(plan)
    catalogue, options = engine.catalogue, engine.options
    table = _Table(totals_of(place, plan), catalogue, smallest)
    rules = catalogue.rules_in(options.jurisdiction, options.policy.disabled)
    return {
        "on": plan.on.isoformat(),
        "jurisdiction": options.jurisdiction,
        "knowledge": {"version": catalogue.version, "sha256": catalogue.sha256},
        "package": plan.package,
        "smallestCount": smallest,
        "export": _export(place, plan),
        "patients": table.patients(),
        "subjects": [
            {"ingredient": key, "name": catalogue.ingredients[key].name, "patients": table.shown(("subject", key))}
            for key in catalogue.subjects_in(options.jurisdiction, options.policy.disabled)
        ],
        "rules": [
            {
                "rule": key,
                "title": catalogue.rules[key].title,
                "silent": key in options.policy.silent,
                **table.share(("rule", key), _ANY),
            }
            for key in rules
        ],
        "pairs": [table.pair(pair) for pair in sorted(table.pairs, key=_order(catalogue))],
    }


def _order(catalogue: Catalogue) -> Any:
    rules, ingredients = list(catalogue.rules), list(catalogue.ingredients)

    def place(pair: Pair) -> tuple[int, int, int, int]:
        return (
            rules.index(pair.rule),
            ingredients.index(pair.subject),
            ingredients.index(pair.partner),
            loudest(pair.indicator),
        )

    return place


@dataclass(frozen=True, slots=True)
class _Table:
    totals: Totals
    catalogue: Catalogue
    smallest: int
    cells: dict[Cell, int] = field(init=False)
    hidden: frozenset[Cell] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", cells_of(self.totals))
        object.__setattr__(self, "hidden", suppressed(self.cells, groups_of(self.totals), self.smallest))

    @property
    def pairs(self) -> list[Pair]:
        return [Pair.of(key) for key in self.totals.pairs]

    def shown(self, cell: Cell) -> int | None:
        return None if cell in self.hidden else self.cells.get(cell, 0)

    def share(self, cell: Cell, whole: Cell) -> dict[str, Any]:
        """Return a count with its share of another and the 95% interval of that, as far as both are shown."""
        count, of = self.shown(cell), self.shown(whole)
        told: dict[str, Any] = {"patients": count, "of": of, "share": None, "low": None, "high": None}
        if count is None or not of:
            return told
        interval = wilson(count, of)
        return {**told, "share": round(count / of, 4), "low": round(interval.low, 4), "high": round(interval.high, 4)}

    def pair(self, pair: Pair) -> dict[str, Any]:
        names = self.catalogue.ingredients
        return {
            "rule": pair.rule,
            "subject": pair.subject,
            "partner": pair.partner,
            "names": [names[pair.subject].name, names[pair.partner].name],
            "indicator": pair.indicator,
            **self.share(("pair", str(pair)), ("subject", pair.subject)),
        }

    def patients(self) -> dict[str, Any]:
        return {
            "inExport": self.shown(_ALL),
            "onSubjectDrug": self.shown(_ANY),
            "withCombination": self.share(_MET, _ANY),
            "fullyChecked": self.shown(_CHECKED),
            "notFullyChecked": self.shown(_UNCHECKED),
            "why": {key: self.shown(("doubt", key)) for key in _doubts(self.totals)},
        }


def _doubts(totals: Totals) -> dict[str, int]:
    failed = sum(totals.failed.values())
    return {**totals.doubts, **({"failed": failed} if failed else {})}


def cells_of(totals: Totals) -> dict[Cell, int]:
    """Return every count of patients that a result shows."""
    return {
        _ALL: totals.patients,
        _ANY: totals.on_any_subject,
        _MET: totals.with_combination,
        _UNCHECKED: totals.incomplete,
        _CHECKED: totals.complete,
        **{("subject", key): count for key, count in totals.on_subject.items()},
        **{("rule", key): count for key, count in totals.rules.items()},
        **{("pair", key): count for key, count in totals.pairs.items()},
        **{("doubt", key): count for key, count in _doubts(totals).items()},
    }


def groups_of(totals: Totals) -> list[Group]:
    """Return which of the counts are parts of which."""
    pairs = [Pair.of(key) for key in totals.pairs]
    by_rule = {key: [item for item in pairs if item.rule == key] for key in totals.rules}
    by_subject = {key: [item for item in pairs if item.subject == key] for key in totals.on_subject}
    return [
        Group(_ALL, (_CHECKED, _UNCHECKED)),
        Group(_ALL, (_ANY,), covering=False),
        Group(_ANY, tuple(("subject", key) for key in totals.on_subject)),
        Group(_ANY, (_MET,), covering=False),
        Group(_MET, tuple(("rule", key) for key in totals.rules)),
        *(Group(("rule", key), tuple(("pair", str(pair)) for pair in own)) for key, own in by_rule.items()),
        *(
            Group(("subject", key), tuple(("pair", str(pair)) for pair in own), covering=False)
            for key, own in by_subject.items()
        ),
        Group(_UNCHECKED, tuple(("doubt", key) for key in _doubts(totals))),
    ]


def _export(place: Place, plan: Plan) -> dict[str, Any]:
    lines, resources = 0, Counter[str]()
    for report in reports(place, plan):
        lines += report.lines
        resources.update(report.resources)
    return {
        "files": len(plan.parts),
        "lines": lines,
        "resources": dict(sorted(resources.items())),
        "leftOut": plan.left_out,
        "notHeld": [gap.value for gap in plan.gaps],
        "notes": list(plan.notes),
        "faults": list(_faults(place, plan)),
    }


def _faults(place: Place, plan: Plan) -> Iterator[Mapping[str, Any]]:
    """Yield the faults file by file, with the first lines of each kind as counted from the beginning of the file."""
    found: dict[tuple[int, str], tuple[int, list[int]]] = {}
    before: Counter[int] = Counter()
    for chunk, report in zip(plan.chunks, reports(place, plan), strict=True):
        for fault, count in report.faults.items():
            known, numbers = found.get((chunk.part, fault), (0, []))
            further = [before[chunk.part] + number for number in report.places[fault]]
            found[chunk.part, fault] = (known + count, [*numbers, *further][:FAULTS_SHOWN])
        before[chunk.part] += report.lines
    for (part, fault), (count, numbers) in sorted(found.items()):
        yield {"file": plan.parts[part].name, "fault": fault, "count": count, "lines": numbers}


def whole(result: Mapping[str, Any]) -> bool:
    """Say whether everything that was given could be read and assessed."""
    export = result["export"]
    return not export["faults"] and not export["notes"] and "failed" not in result["patients"]["why"]
