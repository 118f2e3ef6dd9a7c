import json
from datetime import date
from typing import Any

import pytest

from service.cases import Case, case_names, read_case, shift
from service.commands.demo import CASE
from service.discovery import SERVICES

HOOKS = {service.hook for service in SERVICES}


def moved(value: Any, days: int) -> Any:
    case = Case("order-select__x", "x", date(2026, 1, 1), (), json.dumps({"value": value}).encode(), {})
    return shift(case, date.fromordinal(case.on.toordinal() + days)).request["value"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-02-27", "2026-03-09"),
        ("2026-02-27T23:30:00Z", "2026-03-09T23:30:00Z"),
        ("2026-02-27T23:30:00.123-06:00", "2026-03-09T23:30:00.123-06:00"),
        ("2026-02-27T23:30:00", "2026-03-09T23:30:00"),
        ("2026-02", "2026-02"),
        ("2026", "2026"),
        ("2026-02-30", "2026-02-30"),
        ("9999-12-31", "9999-12-31"),
        ("Invalid date", "Invalid date"),
        ("before 2026-02-27", "before 2026-02-27"),
        ("2026-02-27x", "2026-02-27x"),
        ("00074-2306", "00074-2306"),
        (20260227, 20260227),
        (None, None),
        (True, True),
        ([{"start": "2026-02-27"}], [{"start": "2026-03-09"}]),
    ],
)
def test_ten_days_move_dates_and_nothing_else(written: Any, expected: Any) -> None:
    assert moved(written, 10) == expected


@pytest.mark.parametrize(("days", "expected"), [(0, "2026-02"), (16, "2026-03"), (-20, "2026-01"), (365, "2027-02")])
def test_a_year_and_month_move_by_whole_months(days: int, expected: str) -> None:
    assert moved("2026-02", days) == expected


def test_moving_there_and_back_changes_nothing() -> None:
    case = read_case(CASE)
    away = shift(case, date(2031, 1, 7))
    assert away.on == date(2031, 1, 7)
    assert away.request != case.request
    assert (
        shift(away, case.on).request["prefetch"]["medicationRequests"]
        == (case.request["prefetch"]["medicationRequests"])
    )


def test_documented_exceptions_move_with_the_day_of_the_case() -> None:
    case = read_case("order-sign__documented-exception-on-its-last-day")
    (before,), (after,) = case.exceptions, shift(case, date(2026, 3, 17)).exceptions
    assert (before.on, before.until) == (date(2025, 9, 17), date(2026, 3, 16))
    assert (after.on, after.until) == (date(2025, 9, 18), date(2026, 3, 17))


def test_every_packaged_case_can_be_read_and_says_what_happens_in_a_sentence() -> None:
    assert CASE in case_names()
    for name in case_names():
        case = read_case(name)
        assert case.title.endswith("."), name
        assert case.hook in HOOKS, name
