"""Calls that may hang, and who asks for them does not."""

from threading import Event

import pytest

from service.bounded import Bounded, TooSlow


def test_a_call_that_ends_gives_its_value_or_its_error() -> None:
    bounded = Bounded(slots=1, seconds=20)
    assert bounded(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0)
    assert bounded(lambda: None) is None


def test_a_call_that_hangs_is_given_up_and_keeps_its_slot_until_it_ends() -> None:
    goes_on, ended = Event(), Event()
    bounded = Bounded(slots=1, seconds=0)

    def hang() -> None:
        goes_on.wait()
        ended.set()

    with pytest.raises(TooSlow):
        bounded(hang)
    with pytest.raises(TooSlow):
        bounded(lambda: pytest.fail("there was no slot for this call"))
    goes_on.set()
    assert ended.wait(20)


def test_a_slot_is_free_again_when_its_call_has_ended() -> None:
    bounded = Bounded(slots=1, seconds=20)
    assert [bounded(lambda: 1) for _ in range(5)] == [1] * 5
