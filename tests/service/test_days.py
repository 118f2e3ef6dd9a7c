"""Days that are given on the command line."""

from datetime import date

import click
import pytest

from service.commands.days import EARLIEST, LATEST, read_day


@pytest.mark.parametrize("day", [EARLIEST, date(2026, 3, 16), LATEST])
def test_a_day_is_read_as_it_is_written(day: date) -> None:
    assert read_day(day.isoformat(), "--on") == day


@pytest.mark.parametrize("text", ["", "yesterday", "16.03.2026", "2026-13-01", "2026-02-30", "20260316"])
def test_what_is_no_day_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is no day\. Write it as YYYY-MM-DD") as refused:
        read_day(text, "--since")
    assert refused.value.param_hint == "--since"


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "9000-01-02", "9999-12-31"])
def test_a_day_that_nothing_can_be_counted_from_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not from 1900-01-01 to 9000-01-01\. Give another day"):
        read_day(text, "--on")
