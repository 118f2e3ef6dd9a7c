"""A dateTime keeps its written date; a partial date is the day that its role asks for."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.dates import first_day, is_partial, last_day, later


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01",
        "2026-03-01T23:59:00-07:00",
        "2026-03-01T00:10:00+09:00",
        "2026-03-01T23:59:60Z",
        date(2026, 3, 1),
        datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-8))),
        datetime(2026, 3, 1, tzinfo=UTC),
    ],
)
def test_the_written_date_counts_whatever_the_zone(value: object) -> None:
    assert first_day(value) == last_day(value) == date(2026, 3, 1)
    assert not is_partial(value)


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-02", date(2025, 2, 1), date(2025, 2, 28)),
    ],
)
def test_a_partial_date_is_the_first_or_the_last_possible_day(value: str, first: date, last: date) -> None:
    assert first_day(value) == first
    assert last_day(value) == last
    assert is_partial(value)


@pytest.mark.parametrize(
    "value",
    ["Invalid date", "", None, 5, "2026-13", "2026-02-30", "0002-11-23", "9999-12-31", "01/02/2026", "20260101"],
)
def test_what_is_no_date_is_none(value: object) -> None:
    assert first_day(value) is None
    assert last_day(value) is None


def test_a_sum_that_is_no_date_is_none() -> None:
    assert later(date(2026, 1, 1), 31) == date(2026, 2, 1)
    assert later(None, 1) is None
    assert later(date(2026, 1, 1), None) is None
    assert later(date(2026, 1, 1), 10**9) is None


@given(st.text(max_size=30))
def test_no_text_is_an_error(value: str) -> None:
    first_day(value)
    last_day(value)
