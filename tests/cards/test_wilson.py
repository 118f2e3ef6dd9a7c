"""The interval of a proportion, against published values and the properties that it must have."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards import load_catalogue
from cards.wilson import wilson


@pytest.mark.parametrize(
    ("events", "of", "said"),
    [
        (24, 27, "72-96%"),
        (9, 27, "19-52%"),
        (15, 20, "53-89%"),
        (11, 20, "34-74%"),
        (13, 27, "31-66%"),
        (3, 27, "4-28%"),
        (4, 17, "10-47%"),
    ],
)
def test_the_intervals_are_those_worked_out_by_hand_for_the_reference(events: int, of: int, said: str) -> None:
    assert str(wilson(events, of)) == said


@given(of=st.integers(1, 500), data=st.data())
def test_each_end_is_the_share_that_the_score_test_just_does_not_reject(of: int, data: st.DataObject) -> None:
    """The interval is the score test turned round; 1.959964 is the two-sided 5% point of the normal distribution."""
    events = data.draw(st.integers(0, of))
    interval = wilson(events, of)
    for end in {interval.low, interval.high} - {0.0, 1.0}:
        score = abs(events / of - end) / math.sqrt(end * (1 - end) / of)
        assert score == pytest.approx(1.959964, abs=1e-5)


@given(of=st.integers(1, 5000), data=st.data())
def test_the_interval_holds_the_share_and_stays_between_nothing_and_all(of: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, of))
    interval = wilson(events, of)
    assert 0 <= interval.low <= events / of <= interval.high <= 1


@given(of=st.integers(1, 5000), data=st.data())
def test_counting_the_others_mirrors_the_interval(of: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, of))
    one, other = wilson(events, of), wilson(of - events, of)
    assert one.low == pytest.approx(1 - other.high)
    assert one.high == pytest.approx(1 - other.low)


def test_none_and_all_keep_their_exact_end() -> None:
    assert wilson(0, 2).low == 0.0
    assert str(wilson(0, 2)) == "0-66%"
    assert wilson(2, 2).high == 1.0


@pytest.mark.parametrize(("events", "of"), [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_what_is_no_proportion_has_no_interval(events: int, of: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(events, of)


def test_every_figure_of_the_registry_has_its_interval() -> None:
    figures = [item for entry in load_catalogue().evidence.values() for item in entry.figures]
    assert len(figures) >= 17
    for item in figures:
        assert item.interval.low <= item.events / item.of <= item.interval.high
