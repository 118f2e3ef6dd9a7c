"""Every rule, clause, class and reason of the decision is shown by a recorded case, or is known to have none."""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum

import pytest

from cards.detect import Coverage, Relation
from cards.exposure import Basis, Ignore
from cards.model import Gap, Indicator, System
from service.cases import Case, case_names, read_case
from tests.packaged import CATALOGUE
from tests.replay.witnesses import needless, shown_by

_NEVER_BY_PREFETCH = "a request that is not valid JSON in UTF-8 is refused as a whole"
KNOWN_MISSING: dict[str, str] = {
    "gap: medication-unreadable": _NEVER_BY_PREFETCH,
    "gap: condition-unreadable": _NEVER_BY_PREFETCH,
}
"""What no case shows, and why. An entry that a case does show is a failure: take it out."""


def _wanted() -> list[str]:
    rules = CATALOGUE.rules
    partners = {key: {CATALOGUE.ingredients[item].class_id for item in CATALOGUE.roles[key][1]} for key in rules}
    return [
        *(f"rule: {key}" for key in rules),
        *(
            f"clause: {key} {jurisdiction} {name}"
            for key, rule in rules.items()
            for jurisdiction, clauses in rule.clauses.items()
            for name in clauses
        ),
        *(f"partner class: {key} {name}" for key in rules for name in sorted(partners[key])),
        *(f"override reason: {key}" for key in CATALOGUE.override_reasons),
        *_each("relation", Relation),
        *_each("coverage", Coverage),
        *_each("basis", Basis),
        *_each("ignore", Ignore),
        *_each("indicator", Indicator),
        *_each("gap", Gap),
        *(f"window: {kind} {basis}" for kind in ("dosing", "washout") for basis in ("sourced", "convention")),
        "window: dosing by regimen",
        *(f"recognised by: {name}" for name in (*_drug_systems(), "name")),
    ]


def _drug_systems() -> list[str]:
    """Return the code systems in which the knowledge lists drugs."""
    used = {
        system
        for item in CATALOGUE.ingredients.values()
        for lists in (item.codes, item.non_systemic_codes)
        for system, codes in lists.items()
        if codes
    }
    return [system.value for system in System if system in used]


def _each(kind: str, values: Iterable[StrEnum]) -> Iterable[str]:
    return (f"{kind}: {item.value}" for item in values)


@pytest.fixture(scope="module")
def by_case() -> Mapping[str, frozenset[str]]:
    """Run every case and collect what its answer shows."""
    return {name: shown_by(read_case(name)) for name in case_names()}


@pytest.fixture(scope="module")
def shown(by_case: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*by_case.values())


@pytest.mark.parametrize("witness", [item for item in _wanted() if item not in KNOWN_MISSING])
def test_a_recorded_case_shows(witness: str, shown: frozenset[str]) -> None:
    assert witness in shown, f"no recorded case shows {witness}"


@pytest.mark.parametrize("witness", sorted(KNOWN_MISSING))
def test_what_is_known_to_have_no_case_still_has_none(witness: str, shown: frozenset[str]) -> None:
    assert witness in _wanted(), f"{witness} is nothing that a case has to show: take it out of KNOWN_MISSING"
    assert witness not in shown, f"a recorded case shows {witness} now: take it out of KNOWN_MISSING"


def test_a_case_is_needless_only_if_others_show_all_of_it() -> None:
    assert needless({"a": {"x", "y"}, "b": {"x"}, "c": {"z"}}) == ["b"]
    assert needless({"a": {"x"}, "b": {"x"}}) == ["a", "b"]


def test_without_a_needless_case_as_much_is_shown_and_without_another_case_less(
    by_case: Mapping[str, frozenset[str]], shown: frozenset[str]
) -> None:
    alone = set(needless(by_case))
    assert 0 < len(alone) < len(by_case)
    for name in by_case:
        rest = frozenset().union(*(items for other, items in by_case.items() if other != name))
        assert (rest == shown) is (name in alone), name


def test_no_two_cases_make_the_same_call() -> None:
    calls: dict[str, list[str]] = {}
    for case in map(read_case, case_names()):
        calls.setdefault(_call(case), []).append(case.name)
    assert [names for names in calls.values() if len(names) > 1] == []


def _call(case: Case) -> str:
    """Return what a case asks, each key as often as it was sent; instance and patient id only tell calls apart."""
    try:
        request = json.loads(case.body)
    except ValueError:
        return case.body.decode()
    pairs = json.loads(case.body, object_pairs_hook=lambda found: found)
    server = [[call.url, call.status, call.problem, call.body.decode()] for call in case.server]
    asked = json.dumps(
        [case.hook, str(case.on), dict(case.settings), pairs, server, [str(item) for item in case.exceptions]]
    )
    context = request.get("context")
    for name in (request.get("hookInstance"), context.get("patientId") if isinstance(context, dict) else None):
        asked = asked.replace(name, "…") if isinstance(name, str) and name else asked
    return asked
