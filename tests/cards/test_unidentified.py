"""An entry whose drug nothing names leaves a doubt only where some drug of the rules would still count."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from cards.model import Kind, MedicationFact, Origin
from cards.unidentified import doubtful
from tests.packaged import CATALOGUE

ON = date(2026, 3, 16)
REQUEST = MedicationFact("MedicationRequest/1", Kind.REQUEST, Origin.CHART, (), "1", status="active", intent="order")


def _doubts(fact: MedicationFact, disabled: frozenset[str] = frozenset()) -> int:
    return doubtful([fact], CATALOGUE.in_scope("us", disabled), CATALOGUE, ON)


def _ago(days: int) -> date:
    return ON - timedelta(days=days)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "entered-in-error"},
        {"status": "cancelled"},
        {"status": "draft"},
        {"intent": "proposal"},
        {"intent": "option"},
        {"do_not_perform": True},
        {"other_patient": True},
        {"kind": Kind.STATEMENT, "not_taken": True},
        {"kind": Kind.ADMINISTRATION, "status": "not-done"},
        {"kind": Kind.DISPENSE, "status": "declined"},
        {"status": "entered-in-error", "doubts": ("authoredOn not readable",)},
    ],
)
def test_what_never_was_therapy_leaves_no_doubt(change: dict[str, object]) -> None:
    assert _doubts(replace(REQUEST, **change)) == 0


@pytest.mark.parametrize("status", ["active", "on-hold", "unknown", None])
def test_what_may_be_in_force_leaves_a_doubt_however_old_it_is(status: str | None) -> None:
    assert _doubts(replace(REQUEST, status=status, authored=_ago(4000))) == 1


@pytest.mark.parametrize(("days", "count"), [(128, 1), (129, 0)])
def test_a_stop_leaves_a_doubt_for_the_longest_washout(days: int, count: int) -> None:
    assert _doubts(replace(REQUEST, status="stopped", status_changed=_ago(days))) == count


@pytest.mark.parametrize(("days", "count"), [(200, 1), (201, 0)])
def test_a_dose_leaves_a_doubt_for_the_longest_window(days: int, count: int) -> None:
    dose = replace(REQUEST, kind=Kind.ADMINISTRATION, status="completed", given=_ago(days))
    assert _doubts(dose) == count


def test_windows_of_rules_that_are_switched_off_do_not_count() -> None:
    stopped = replace(REQUEST, status="stopped", status_changed=_ago(60))
    assert (_doubts(stopped), _doubts(stopped, frozenset({"upadacitinib-biologic"}))) == (1, 0)


@pytest.mark.parametrize("kind", [Kind.STATEMENT, Kind.ADMINISTRATION, Kind.DISPENSE])
def test_an_entry_without_a_date_leaves_a_doubt(kind: Kind) -> None:
    assert _doubts(replace(REQUEST, kind=kind, status="completed")) == 1


def test_a_date_that_could_not_be_read_leaves_a_doubt() -> None:
    stopped = replace(REQUEST, status="stopped", status_changed=_ago(500))
    assert (_doubts(stopped), _doubts(replace(stopped, doubts=("end not readable",)))) == (0, 1)
