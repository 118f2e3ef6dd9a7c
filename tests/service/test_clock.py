from datetime import UTC, date, datetime, timedelta

import pytest

from tests.fakes import SELECT, Shell

BEFORE = datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day"),
    [(BEFORE, date(2026, 3, 16)), (BEFORE + timedelta(seconds=1), date(2026, 3, 17))],
    ids=["one second before midnight", "at midnight"],
)
def test_the_day_of_a_call_is_the_day_in_the_zone_of_the_site(shell: Shell, now: datetime, day: date) -> None:
    shell.now = now
    shell.client(timezone="Europe/Berlin").post(SELECT, json={})
    assert shell.asked[0][2] == day


def test_a_site_west_of_utc_is_still_in_yesterday(shell: Shell) -> None:
    shell.now = datetime(2026, 3, 17, 3, tzinfo=UTC)
    shell.client(timezone="America/Chicago").post(SELECT, json={})
    assert shell.asked[0][2] == date(2026, 3, 16)


def test_the_clock_is_asked_once_per_call(shell: Shell) -> None:
    client = shell.client()
    assert shell.clock_calls == 0
    client.post(SELECT, json={})
    client.post(SELECT, json={})
    assert shell.clock_calls == 2
