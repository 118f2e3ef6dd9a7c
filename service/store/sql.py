"""The store on SQLAlchemy: the same statements for SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from os import getpid
from typing import Any, Self

from msgspec.structs import asdict, astuple
from sqlalchemy import Connection, Engine, Row, Select, and_, delete, exists, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from service.errors import StoreUnavailable
from service.store.engine import BUSY_SECONDS, READING, open_engine, state_of
from service.store.model import CallKind, CardOutcome, FeedbackEntry, IssuedCard, Override, State, Taken
from service.store.place import Place
from service.store.tables import CALLS, FEEDBACK, ISSUED

OVERRIDDEN = "overridden"
LOUD = ("warning", "critical")
_ROWS_AT_ONCE = 1000
# Both know ON CONFLICT; SQLAlchemy has it in the dialects only.
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_SAME_CARD = and_(FEEDBACK.c.client == ISSUED.c.client, FEEDBACK.c.card == ISSUED.c.card)


@dataclass(slots=True)
class SqlStore:
    """The store of one process; see FeedbackStore. A database of another revision is neither read nor written."""

    engine: Engine
    _process: int = field(default_factory=getpid)
    _known_usable: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def at(cls, place: Place, busy_seconds: int = BUSY_SECONDS) -> Self:
        """Give the store of a place, which waits so long for its turn and for an answer."""
        return cls(open_engine(place, busy_seconds=busy_seconds))

    def add_cards(self, cards: Sequence[IssuedCard]) -> None:
        """Keep cards. One that comes again for other ingredients is marked: what is told of it is not clear."""
        with self._connected() as connection:
            connection.execute(_kept_once(self.engine.dialect.name), [_issued_row(card) for card in cards])

    def add_feedback(self, client: str, entries: Sequence[FeedbackEntry], received_at: datetime) -> Taken:
        """Keep feedback; what is told of another client's card is not written."""
        told = {(entry.card, entry.digest): entry for entry in entries}
        with self._connected() as connection:
            elsewhere = _cards_elsewhere(connection, client, {entry.card for entry in entries})
            known = _told_before(connection, client, {entry.card for entry in entries})
            new = [entry for key, entry in told.items() if key not in known and entry.card not in elsewhere]
            if new:
                insert = self._insert(FEEDBACK).on_conflict_do_nothing()
                connection.execute(insert, [_feedback_row(client, entry, received_at) for entry in new])
        apart = sum(entry.card in elsewhere for entry in entries)
        return Taken(len(new), len(entries) - len(new) - apart, apart)

    def overrides(self, client: str, patient: str, since: datetime) -> tuple[Override, ...]:
        """Return the overrides of loud cards of one patient, where nothing else was told later."""
        asked = (
            select(ISSUED.c.card, ISSUED.c.rule, ISSUED.c.ingredients, FEEDBACK)
            .join_from(ISSUED, FEEDBACK, _SAME_CARD)
            .where(ISSUED.c.client == client, ISSUED.c.patient_hmac == patient)
            .where(ISSUED.c.shown, ~ISSUED.c.ambiguous, ISSUED.c.indicator.in_(LOUD))
            .order_by(ISSUED.c.card, FEEDBACK.c.outcome_at, FEEDBACK.c.id)
        )
        with self._connected(reads=True) as connection:
            latest = list(_latest(iter(connection.execute(asked)), "card"))
        return tuple(
            Override(row.rule, frozenset(row.ingredients.split()), row.reason_system, row.reason_code, row.outcome_at)
            for row in latest
            if row.outcome == OVERRIDDEN and row.outcome_at >= since
        )

    def outcomes(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[CardOutcome]:
        """Yield cards with their latest outcome, in the order of client and card."""
        asked = (
            select(ISSUED, FEEDBACK.c.outcome, FEEDBACK.c.reason_code)
            .join_from(ISSUED, FEEDBACK, _SAME_CARD, isouter=True)
            .order_by(ISSUED.c.client, ISSUED.c.card, FEEDBACK.c.outcome_at, FEEDBACK.c.id)
        )
        if since is not None:
            asked = asked.where(ISSUED.c.issued_at >= since)
        if until is not None:
            asked = asked.where(ISSUED.c.issued_at < until)
        with self._connected(reads=True) as connection:
            rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(asked)
            for row in _latest(iter(rows), "client", "card"):
                yield CardOutcome(
                    row.rule,
                    row.hook,
                    row.client,
                    row.indicator,
                    row.issued_at,
                    row.shown,
                    row.outcome,
                    row.reason_code,
                )

    def issued(self, since: datetime | None = None) -> Iterator[IssuedCard]:
        """Yield cards as they were kept; one that was issued for two sets of ingredients tells of neither."""
        asked = select(ISSUED).where(~ISSUED.c.ambiguous).order_by(ISSUED.c.issued_at, ISSUED.c.client, ISSUED.c.card)
        if since is not None:
            asked = asked.where(ISSUED.c.issued_at >= since)
        with self._connected(reads=True) as connection:
            for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(asked):
                yield _issued_card(row)

    def add_calls(self, counted: Mapping[CallKind, int]) -> None:
        """Add counts; those of other processes are added to, never overwritten."""
        insert = self._insert(CALLS)
        added = insert.on_conflict_do_update(
            index_elements=list(CALLS.primary_key), set_={"calls": CALLS.c.calls + insert.excluded.calls}
        )
        # In one order for all processes, so that two of them never wait for each other's rows.
        rows = [
            {**asdict(kind), "calls": number}
            for kind, number in sorted(counted.items(), key=lambda item: astuple(item[0]))
        ]
        if rows:
            with self._connected() as connection:
                connection.execute(added, rows)

    def calls(self, since: date, until: date) -> Mapping[CallKind, int]:
        """Read counts."""
        asked = select(CALLS).where(CALLS.c.day >= since, CALLS.c.day <= until)
        with self._connected(reads=True) as connection:
            return {
                CallKind(row.day, row.client, row.hook, row.outcome, row.up_to_ms): row.calls
                for row in connection.execute(asked)
            }

    def drop_unmatched(self, received_before: datetime) -> int:
        """Delete feedback whose card did not come in time."""
        with self._connected() as connection:
            gone = connection.execute(
                delete(FEEDBACK).where(FEEDBACK.c.received_at < received_before, ~exists().where(_SAME_CARD))
            )
            return gone.rowcount

    def prune(self, issued_before: datetime) -> tuple[int, int]:
        """Delete old cards, and their feedback with them."""
        old = ISSUED.c.issued_at < issued_before
        with self._connected() as connection:
            feedback = connection.execute(delete(FEEDBACK).where(exists().where(_SAME_CARD, old)))
            cards = connection.execute(delete(ISSUED).where(old))
            connection.execute(delete(CALLS).where(CALLS.c.day < issued_before.astimezone(UTC).date()))
            return cards.rowcount, feedback.rowcount

    def counts(self) -> Mapping[str, int]:
        """Count what is there."""
        waiting = select(func.count()).select_from(FEEDBACK).where(~exists().where(_SAME_CARD))
        asked = {
            "cards": select(func.count()).select_from(ISSUED),
            "feedback": select(func.count()).select_from(FEEDBACK),
            "waiting": waiting,
        }
        with self._connected(reads=True) as connection:
            return {name: connection.execute(each).scalar_one() for name, each in asked.items()}

    def check(self) -> None:
        """Look at the revision and take the right to write."""
        with self._lock:
            known, self._known_usable = self._known_usable, False
        try:
            with self._connected() as connection:
                _refuse_read_only(connection)
        except StoreUnavailable as error:
            # What a later version added is in nobody's way: who wrote before it goes on until it is replaced.
            if known and error.state == State.NEWER:
                with self._lock:
                    self._known_usable = True
            raise

    def close(self) -> None:
        """Close the connections; those of another process are left to it."""
        self.engine.dispose(close=self._process == getpid())

    def __del__(self) -> None:
        self.close()

    def _insert(self, table: Any) -> Any:
        return _INSERT[self.engine.dialect.name](table)

    @contextmanager
    def _connected(self, *, reads: bool = False) -> Iterator[Connection]:
        """Give a connection in one transaction, on a database of our revision; any failure is StoreUnavailable."""
        try:
            with self.engine.connect().execution_options(**{READING: reads}) as connection, connection.begin():
                self._refuse_drift(connection)
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise StoreUnavailable(State.UNUSABLE) from error

    def _refuse_drift(self, connection: Connection) -> None:
        if self._known_usable:
            return
        state = state_of(connection)
        if state is not State.USABLE:
            raise StoreUnavailable(state)
        with self._lock:
            self._known_usable = True


def _refuse_read_only(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        read_only = connection.execute(text("SHOW transaction_read_only")).scalar_one()
        if read_only == "on":
            raise StoreUnavailable(State.UNUSABLE)


@cache
def _kept_once(dialect: str) -> Any:
    """Make the statement that keeps a card and marks one that is there for other ingredients; once, as it is dear."""
    insert: Any = _INSERT[dialect](ISSUED)
    return insert.on_conflict_do_update(
        index_elements=[ISSUED.c.client, ISSUED.c.card],
        set_={"ambiguous": True},
        where=ISSUED.c.ingredients != insert.excluded.ingredients,
    )


def _latest(rows: Iterator[Row[Any]], *names: str) -> Iterator[Any]:
    """Yield the last row of each group; rows come sorted by group and then by time."""
    for _, same in groupby(rows, key=lambda row: tuple(getattr(row, name) for name in names)):
        *_, last = same
        yield last


def _cards_elsewhere(connection: Connection, client: str, cards: set[str]) -> set[str]:
    """Return the cards that were issued to other clients and not to this one."""
    found = connection.execute(select(ISSUED.c.client, ISSUED.c.card).where(ISSUED.c.card.in_(cards))).all()
    own = {row.card for row in found if row.client == client}
    return {row.card for row in found} - own


def _told_before(connection: Connection, client: str, cards: set[str]) -> set[tuple[str, str]]:
    asked: Select[Any] = select(FEEDBACK.c.card, FEEDBACK.c.digest).where(
        FEEDBACK.c.client == client, FEEDBACK.c.card.in_(cards)
    )
    return {(row.card, row.digest) for row in connection.execute(asked)}


def _issued_row(card: IssuedCard) -> dict[str, Any]:
    return {
        "client": card.client,
        "card": card.card,
        "rule": card.rule,
        "indicator": card.indicator,
        "hook": card.hook,
        "service": card.service,
        "shown": card.shown,
        "ingredients": " ".join(sorted(card.ingredients)),
        "ambiguous": False,
        "suggestions": dict(card.suggestions),
        "knowledge_version": card.knowledge_version,
        "knowledge_sha256": card.knowledge_sha256,
        "patient_hmac": card.patient,
        "user_hmac": card.user,
        "issued_at": card.issued_at,
    }


def _issued_card(row: Row[Any]) -> IssuedCard:
    return IssuedCard(
        client=row.client,
        card=row.card,
        rule=row.rule,
        indicator=row.indicator,
        hook=row.hook,
        service=row.service,
        shown=row.shown,
        ingredients=tuple(row.ingredients.split()),
        suggestions=row.suggestions,
        knowledge_version=row.knowledge_version,
        knowledge_sha256=row.knowledge_sha256,
        patient=row.patient_hmac,
        user=row.user_hmac,
        issued_at=row.issued_at,
    )


def _feedback_row(client: str, entry: FeedbackEntry, received_at: datetime) -> dict[str, Any]:
    return {
        "client": client,
        "card": entry.card,
        "outcome": entry.outcome,
        # A clock that is ahead must not outdo everything that is told later.
        "outcome_at": min(entry.outcome_at, received_at),
        "received_at": received_at,
        "accepted": list(entry.accepted),
        "reason_system": entry.reason_system,
        "reason_code": entry.reason_code,
        "commented": entry.commented,
        "comment": entry.comment,
        "digest": entry.digest,
    }
