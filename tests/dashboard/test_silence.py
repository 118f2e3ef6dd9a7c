"""A rule that went silent is told from one that is merely rare, and from a quiet hospital."""

from datetime import date, timedelta
from math import exp

import pytest

from service.dashboard.silence import silence

SINCE, TODAY = date(2026, 1, 1), date(2026, 3, 1)
DAYS = [SINCE + timedelta(days=number) for number in range((TODAY - SINCE).days + 1)]


def until(last: date, a_day: int = 1) -> dict[date, int]:
    return {day: a_day for day in DAYS if day <= last}


def calls(a_day: int = 100) -> dict[date, int]:
    return dict.fromkeys(DAYS, a_day)


def test_a_rule_that_stopped_firing_while_calls_went_on_is_silent() -> None:
    found = silence("rule", until(date(2026, 2, 19)), calls(), SINCE, TODAY)
    assert (found.last, found.quiet_days, found.alarming) == (date(2026, 2, 19), 9, True)
    # 50 days with a card each, the last of them not counted; 9 days of calls since.
    assert found.expected == pytest.approx(49 / 5000 * 900)
    assert found.chance == pytest.approx(exp(-found.expected))


def test_a_rare_rule_is_not_silent_after_as_many_days() -> None:
    rare = {SINCE: 1, date(2026, 1, 20): 1, date(2026, 2, 19): 1}
    assert not silence("rule", rare, calls(), SINCE, TODAY).alarming


def test_a_hospital_without_calls_silences_no_rule() -> None:
    last = date(2026, 2, 1)
    closed = {day: 100 for day in DAYS if day <= last}
    found = silence("rule", until(last), closed, SINCE, TODAY)
    assert (found.expected, found.alarming) == (0.0, False)


def test_days_count_where_calls_were_not_counted() -> None:
    found = silence("rule", until(date(2026, 2, 19)), {}, SINCE, TODAY)
    assert found.expected == pytest.approx(49 / 50 * 9)


def test_a_rule_that_fired_today_is_not_silent_and_today_is_not_held_against_one() -> None:
    assert silence("rule", until(TODAY), calls(), SINCE, TODAY).quiet_days == 0
    assert silence("rule", until(TODAY - timedelta(days=1)), calls(), SINCE, TODAY).quiet_days == 0


def test_a_single_card_tells_nothing_of_how_often_a_rule_fires() -> None:
    assert silence("rule", {SINCE: 1}, calls(), SINCE, TODAY).chance == 1.0


def test_a_rule_that_never_fired_has_no_last_day_and_no_alarm() -> None:
    found = silence("rule", {date(2025, 12, 1): 5}, calls(), SINCE, TODAY)
    assert (found.fired, found.last, found.alarming) == (0, None, False)
