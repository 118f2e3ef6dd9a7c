"""The way of issued cards into the database, with a store that does what a test wants."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from service.errors import StoreUnavailable
from service.issued import Issued
from service.ledger import LOST, UNMATCHED, WAITING, IssuedCall, Ledger, rows
from service.pseudonyms import Pseudonyms
from service.store import FeedbackStore, IssuedCard, State
from tests.fakes import until

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
CARD = Issued("card-1", "upadacitinib-jak", "warning", ("tofacitinib", "upadacitinib"), {"s": "delete"}, shown=True)


def call(number: int = 1, *, cards: tuple[Issued, ...] = (CARD,), user: str | None = "Practitioner/u") -> IssuedCall:
    return IssuedCall(
        "ehr", "service", "order-sign", NOW, "1.0.0", "ab" * 32, cards, patient=f"patient-{number}", user=user
    )


@dataclass
class FakeStore:
    """Remembers what it was given; `refuses` makes that many writes fail first, `holds` makes one wait."""

    kept: list[IssuedCard] = field(default_factory=list)
    refuses: int = 0
    error: Exception = field(default_factory=lambda: StoreUnavailable(State.UNUSABLE))
    tries: int = 0
    unmatched: int = 0
    asked_to_drop: list[datetime] = field(default_factory=list)
    holds: Event | None = None
    held: Event = field(default_factory=Event)

    def add_cards(self, cards: Sequence[IssuedCard]) -> None:
        self.tries += 1
        if self.holds:
            self.held.set()
            self.holds.wait()
        if self.tries <= self.refuses:
            raise self.error
        self.kept += cards

    def drop_unmatched(self, received_before: datetime) -> int:
        self.asked_to_drop.append(received_before)
        return self.unmatched

    def __call__(self) -> FeedbackStore:
        return self  # type: ignore[return-value]


@pytest.fixture
def fake() -> FakeStore:
    return FakeStore()


@pytest.fixture
def ledger(fake: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setattr("service.ledger.FIRST_PAUSE", 0.001)
    made = Ledger(fake, Pseudonyms(tmp_path / "key"), lambda: NOW, longest_queue=5)
    yield made
    made.close()


def test_cards_are_written_with_pseudonyms_for_patient_and_user(
    ledger: Ledger, fake: FakeStore, tmp_path: Path
) -> None:
    ledger.put(call())
    ledger.close()
    (kept,) = fake.kept
    known = Pseudonyms(tmp_path / "key")
    assert kept == IssuedCard(
        client="ehr",
        card="card-1",
        rule="upadacitinib-jak",
        indicator="warning",
        hook="order-sign",
        service="service",
        shown=True,
        knowledge_version="1.0.0",
        knowledge_sha256="ab" * 32,
        patient=known.patient("ehr", "patient-1"),
        user=known.user("ehr", "Practitioner/u"),
        issued_at=NOW,
        ingredients=("tofacitinib", "upadacitinib"),
        suggestions={"s": "delete"},
    )
    assert ledger.counts.seen() == {}


def test_the_cards_of_calls_that_follow_each_other_are_written_at_once_and_the_end_waits_for_no_more(
    fake: FakeStore, tmp_path: Path
) -> None:
    ledger = Ledger(fake, Pseudonyms(tmp_path / "key"), lambda: NOW, gathering=3600)
    for number in (1, 2, 3):
        ledger.put(call(number))
    ledger.close()
    assert (len(fake.kept), fake.tries) == (3, 1)
    assert ledger.counts.seen() == {}


def test_cards_are_written_although_no_others_follow(ledger: Ledger, fake: FakeStore) -> None:
    ledger.put(call())
    until(lambda: len(fake.kept) == 1)


def test_a_call_without_a_user_has_no_pseudonym_for_one(tmp_path: Path) -> None:
    (row,) = rows(call(user=None), Pseudonyms(tmp_path / "key"))
    assert row.user is None


def test_the_identifiers_of_a_call_are_not_in_its_repr() -> None:
    assert "patient-1" not in repr(call())
    assert "Practitioner/u" not in repr(call())


def test_what_waits_when_the_process_ends_is_written_first(ledger: Ledger, fake: FakeStore) -> None:
    fake.holds = Event()
    ledger.put(call(1))
    assert fake.held.wait(20)
    for number in (2, 3, 4):
        ledger.put(call(number))
    fake.holds.set()
    ledger.close()
    assert len(fake.kept) == 4
    assert ledger.counts.seen() == {}


def test_a_database_that_fails_for_a_while_loses_nothing(ledger: Ledger, fake: FakeStore) -> None:
    fake.refuses = 3
    ledger.put(call())
    ledger.put(call(2))
    until(lambda: len(fake.kept) == 2)
    assert not ledger.failing
    assert ledger.counts.seen() == {}


@pytest.mark.parametrize("error", [StoreUnavailable(State.OLDER), OSError("no key"), ZeroDivisionError()], ids=str)
def test_what_cannot_be_written_to_the_end_is_counted_and_told_once(
    ledger: Ledger, fake: FakeStore, error: Exception, log_lines: Callable[[], list[Any]]
) -> None:
    fake.refuses, fake.error = 1_000_000, error
    ledger.put(call(cards=(CARD, CARD)))
    ledger.put(call(2))
    until(lambda: ledger.failing)
    ledger.close()
    assert ledger.counts.seen() == {LOST: 3}
    assert fake.kept == []
    assert [line["event"] for line in log_lines()] == ["feedback-database-unusable", LOST]
    assert log_lines()[1]["entries"] == 3


@pytest.mark.fault(20, 21)
def test_what_finds_no_place_is_counted_and_the_call_does_not_wait(ledger: Ledger, fake: FakeStore) -> None:
    fake.holds = Event()
    ledger.put(call(1))
    assert fake.held.wait(20)
    for number in range(7):
        ledger.put(call(number))
    assert ledger.counts.seen() == {LOST: 2}
    fake.holds.set()
    ledger.close()
    assert len(fake.kept) == 6


def test_a_database_that_hangs_does_not_keep_the_process_from_ending(
    ledger: Ledger, fake: FakeStore, log_lines: Callable[[], list[Any]]
) -> None:
    fake.holds = Event()
    ledger.put(call(1))
    assert fake.held.wait(20)
    ledger.put(call(2))
    ledger.close(seconds=0.01)
    assert ledger.counts.seen() == {LOST: 2}
    assert log_lines()[-1]["event"] == LOST
    fake.holds.set()


def test_cards_after_the_end_are_counted(ledger: Ledger) -> None:
    ledger.put(call())
    ledger.close()
    ledger.put(call(2))
    assert ledger.counts.seen() == {LOST: 1}


def test_a_process_that_issued_no_card_has_nothing_to_end(ledger: Ledger, fake: FakeStore) -> None:
    ledger.close()
    assert fake.tries == 0


def _in_child(ledger: Ledger, fake: FakeStore, answer: Connection) -> None:
    fake.holds = None
    ledger.put(call(3))
    ledger.close()
    answer.send(len(fake.kept))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_writes_its_own_cards_and_not_those_that_wait_in_its_parent(
    ledger: Ledger, fake: FakeStore
) -> None:
    fake.holds = Event()
    ledger.put(call(1))
    assert fake.held.wait(20)
    ledger.put(call(2))
    context = multiprocessing.get_context("fork")
    mine, answer = context.Pipe()
    child = context.Process(target=_in_child, args=(ledger, fake, answer))
    child.start()
    child.join(20)
    assert mine.poll()
    assert mine.recv() == 1
    fake.holds.set()
    ledger.close()
    assert len(fake.kept) == 2


def test_feedback_that_waited_a_day_for_its_card_is_dropped_and_counted(
    ledger: Ledger, fake: FakeStore, monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[Any]]
) -> None:
    monkeypatch.setattr("service.ledger.SWEEP_SECONDS", 0)
    fake.unmatched = 2
    ledger.put(call())
    until(lambda: bool(ledger.counts.seen()))
    fake.unmatched = 0
    ledger.close()
    assert ledger.counts.seen() == {UNMATCHED: 2 * sum(line["event"] == UNMATCHED for line in log_lines())}
    assert set(fake.asked_to_drop) == {NOW - WAITING}
    assert WAITING.total_seconds() == 24 * 3600
