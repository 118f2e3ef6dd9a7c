"""Counting calls: never in the way of one, nothing lost while the database is away."""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from service.errors import StoreUnavailable
from service.store import CallKind
from service.store.sql import SqlStore
from service.tallies import LOST, Tallies

AT = datetime(2026, 3, 16, 23, 59, tzinfo=UTC)
KIND = CallKind(date(2026, 3, 16), "ehr", "order-sign", "complete", 5)


class Recorded:
    """A store that takes counts, or is away."""

    def __init__(self) -> None:
        self.taken: list[Mapping[CallKind, int]] = []
        self.away = False

    def add_calls(self, counted: Mapping[CallKind, int]) -> None:
        if self.away:
            raise StoreUnavailable("cannot be used")
        self.taken.append(counted)


def tallies(store: Recorded) -> Tallies:
    return Tallies(lambda: store, every=3600)  # type: ignore[arg-type,return-value]


def test_equal_calls_are_written_as_one_number() -> None:
    store = Recorded()
    counting = tallies(store)
    for _ in range(3):
        counting.add(AT, "ehr", "order-sign", "complete", 4.2)
    assert counting.write()
    assert counting.write()
    assert store.taken == [{KIND: 3}]


def test_what_the_database_does_not_take_is_written_later() -> None:
    store = Recorded()
    counting = tallies(store)
    store.away = True
    counting.add(AT, "ehr", "order-sign", "complete", 4.2)
    assert not counting.write()
    counting.add(AT, "ehr", "order-sign", "complete", 4.2)
    store.away = False
    counting.close()
    assert store.taken == [{KIND: 2}]


def test_what_cannot_be_written_at_the_end_is_counted_as_lost() -> None:
    store = Recorded()
    store.away = True
    counting = tallies(store)
    counting.add(AT, "ehr", "order-sign", "complete", 4.2)
    counting.close()
    assert counting.counts.seen() == {LOST: 1}


def test_a_call_after_the_end_is_counted_as_lost_and_never_in_silence() -> None:
    store = Recorded()
    counting = tallies(store)
    counting.add(AT, "ehr", "order-sign", "complete", 4.2)
    counting.close()
    counting.add(AT, "ehr", "order-sign", "complete", 4.2)
    assert (store.taken, counting.counts.seen()) == ([{KIND: 1}], {LOST: 1})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_writes_its_own_calls_and_not_those_of_its_parent(store: SqlStore) -> None:
    counting = Tallies(lambda: store, every=3600)
    counting.add(AT, "parent", "order-sign", "complete", 4.2)
    counting._thread.forked()  # as in a child
    counting.add(AT, "child", "order-sign", "complete", 4.2)
    counting.close()
    assert {kind.client for kind in store.calls(AT.date(), AT.date())} == {"child"}


def test_processes_add_to_each_other_and_days_are_chosen(store: SqlStore) -> None:
    for _ in range(2):
        store.add_calls({KIND: 2})
    assert store.calls(date(2026, 3, 16), date(2026, 3, 16)) == {KIND: 4}
    assert store.calls(date(2026, 3, 17), date(2026, 3, 18)) == {}
    store.prune(datetime(2026, 3, 17, tzinfo=UTC))
    assert store.calls(date(2026, 3, 1), date(2026, 3, 31)) == {}
