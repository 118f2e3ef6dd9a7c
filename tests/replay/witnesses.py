"""What each recorded case shows of the decision, and which cases show nothing that no other one shows.

`python -m tests.replay.witnesses` lists the cases whose removal would change no coverage: neither a single thing that a
case has to show (a rule, a clause, a gap ...), nor a combination of them, nor a line of the program that only this case
runs. That is a hint for whoever tidies up, and no fault: two neighbours may well be worth reading together.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import cards
import service
from cards.catalogue import Catalogue
from cards.detect import Finding, Pair
from cards.exposure import Basis, Contribution, Exposure
from cards.model import Code, State
from cards.schema.rules import GENERIC
from service.answer import Answer, Engine
from service.cases import Case, case_names, read_case
from service.errors import ServiceError
from service.replay import answered
from tests.replay.mutation import lines_run

_BY_WINDOW = {State.CURRENT: "dosing", State.RECENT: "washout"}
_WINDOWED = frozenset({Basis.ADMINISTRATION, Basis.DISPENSE, Basis.LAPSE, Basis.STOP})


def shown_by(case: Case) -> frozenset[str]:
    """Return everything that a case shows, as `kind: value`; kinds in the plural are combinations."""
    try:
        given, engine = answered(case)
    except ServiceError as error:
        return frozenset({f"refused: {error.status}", f"refusals: {error.status} {error}"})
    return frozenset(_of_answer(case, given, engine))


def _of_answer(case: Case, given: Answer, engine: Engine) -> Iterator[str]:
    yield f"outcomes: {case.hook} {given.outcome} {sorted(case.settings)}"
    yield from (f"deviation: {item}" for item in given.deviations)
    for card in json.loads(given.body)["cards"]:
        yield f"indicator: {card['indicator']}"
        yield from (f"override reason: {reason['code']}" for reason in card.get("overrideReasons", ()))
    if given.assessment is None:
        return
    found = given.assessment
    yield from (f"gap: {gap.value}" for gap in found.gaps)
    yield from (f"gaps: {gap.value}, {given.outcome}, {case.hook}, {given.indicators}" for gap in found.gaps)
    for item in found.exposures.ignored:
        yield f"ignore: {item.reason.value}"
        yield f"ignored: {item.reason.value} {item.ref.partition('/')[0]} {item.ingredient}"
    for exposure in found.exposures.by_ingredient.values():
        yield from _of_exposure(exposure, engine.catalogue, case.on)
    for finding in found.findings:
        yield from _of_finding(case, finding, engine)


def _of_exposure(exposure: Exposure, catalogue: Catalogue, on: date) -> Iterator[str]:
    bases = sorted({f"{item.basis.value} {item.state.value}" for item in exposure.contributions})
    yield f"states: {exposure.state.value} from {bases}, before {exposure.established.value}"
    for item in exposure.contributions:
        yield f"basis: {item.basis.value}"
        for one in item.fact.recognised:
            if one.ingredient == exposure.ingredient:
                yield f"recognised by: {one.by.system.value if isinstance(one.by, Code) else 'name'}"
                yield f"recognitions: {one.by} in {item.fact.kind.value}"
        yield from _of_window(item, exposure.ingredient, catalogue, on)


def _of_window(item: Contribution, ingredient: str, catalogue: Catalogue, on: date) -> Iterator[str]:
    """Yield the kind of window that decided a state, and whether the day is the first or the last of it."""
    kind = _BY_WINDOW.get(item.state)
    if item.basis not in _WINDOWED or kind is None or item.until is None:
        yield f"windows: {ingredient} {item.basis.value} {item.state.value}"
        return
    entry = catalogue.ingredients[ingredient]
    usual = entry.windows.dosing.days if entry.windows.dosing else catalogue.drug_class(ingredient).windows.dosing
    convention = item.window.dosing_convention if kind == "dosing" else item.window.washout_convention
    regimen = kind == "dosing" and item.window.dosing < usual
    yield f"window: {kind} {'by regimen' if regimen else 'convention' if convention else 'sourced'}"
    place = "last day" if item.until == on else "first day" if item.last == on - timedelta(days=1) else "inside"
    yield f"windows: {ingredient} {item.basis.value} {kind} {place}"


def _of_finding(case: Case, finding: Finding, engine: Engine) -> Iterator[str]:
    yield f"rule: {finding.rule}"
    yield f"findings: {finding.rule} {finding.indicator.value} lowered {finding.lowered} pairs {len(finding.pairs)}"
    for pair in finding.pairs:
        yield from _of_pair(case, finding.rule, pair, engine)


def _of_pair(case: Case, rule: str, pair: Pair, engine: Engine) -> Iterator[str]:
    jurisdiction = engine.options.jurisdiction
    clauses = engine.catalogue.rules[rule].clauses[jurisdiction]
    clause = f"{rule} {jurisdiction} {pair.indication if pair.indication in clauses else GENERIC}"
    yield f"clause: {clause}"
    yield f"partner class: {rule} {engine.catalogue.ingredients[pair.partner.ingredient].class_id}"
    yield f"relation: {pair.relation.value}"
    yield f"coverage: {pair.coverage.value}"
    sides = [f"{side.ingredient} {side.state.value} {side.deciding.basis.value}" for side in pair.exposures]
    decided = f"{pair.relation.value} {pair.coverage.value} {pair.indicator.value} by order {pair.by_order}"
    yield f"pairs: {case.hook} {clause} {decided} {' and '.join(sides)}"


def needless(shown: Mapping[str, Iterable[str]]) -> list[str]:
    """Name the cases of which each thing shown is shown by another case too."""
    times = Counter(item for items in shown.values() for item in set(items))
    return [name for name, items in shown.items() if all(times[item] > 1 for item in set(items))]


def _lines(case: Case, files: Mapping[str, str]) -> Iterator[str]:
    return (f"line: {module}:{line}" for module, line in lines_run(case, files))


def main() -> None:
    """Print the cases that add nothing, with their titles."""
    places = [Path(package.__file__ or "").parent for package in (cards, service)]
    files = {str(file): file.stem for place in places for file in place.rglob("*.py")}
    cases = [read_case(name) for name in case_names()]
    alone = needless({case.name: {*shown_by(case), *_lines(case, files)} for case in cases})
    titles = {case.name: case.title for case in cases}
    sys.stdout.writelines(f"{name}: {titles[name]}\n" for name in alone)
    sys.stdout.write(f"{len(alone)} of {len(cases)} cases show nothing that no other case shows\n")


if __name__ == "__main__":
    main()
