"""The store, on SQLite and on PostgreSQL alike."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import text

from service.errors import StoreUnavailable
from service.store import CardOutcome, FeedbackEntry, IssuedCard, Override, Place, State, Taken
from service.store.migrate import upgrade
from service.store.sql import SqlStore
from service.store.tables import METADATA, REVISIONS
from tests.databases import new_database, run_sql, store_at

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CARD = IssuedCard(
    client="ehr",
    card="00000000-0000-4000-8000-000000000001",
    rule="upadacitinib-biologic",
    indicator="warning",
    hook="order-sign",
    service="upadacitinib-combination-sign",
    shown=True,
    knowledge_version="1.0.0",
    knowledge_sha256="ab" * 32,
    patient="p" * 64,
    user="u" * 64,
    issued_at=NOW,
    ingredients=("upadacitinib", "infliximab"),
    suggestions={"00000000-0000-4000-8000-0000000000a1": "delete"},
)
OVERRIDDEN = FeedbackEntry(CARD.card, "overridden", NOW + HOUR, "d1", reason_code="clinical-trial")
ACCEPTED = FeedbackEntry(CARD.card, "accepted", NOW + 2 * HOUR, "d2", accepted=tuple(CARD.suggestions))
SINCE = NOW - timedelta(days=30)


def other(number: int, **changed: object) -> IssuedCard:
    return replace(CARD, card=f"00000000-0000-4000-8000-{number:012d}", **changed)  # type: ignore[arg-type]


def latest(store: SqlStore) -> list[tuple[str | None, str | None]]:
    return [(item.outcome, item.reason) for item in store.outcomes()]


def test_a_card_comes_back_with_its_outcome(store: SqlStore) -> None:
    store.add_cards([CARD])
    assert store.add_feedback("ehr", [OVERRIDDEN], NOW + HOUR) == Taken(1, 0, 0)
    assert list(store.outcomes()) == [
        CardOutcome(
            CARD.rule, "order-sign", "ehr", "warning", NOW, shown=True, outcome="overridden", reason="clinical-trial"
        )
    ]
    assert store.counts() == {"cards": 1, "feedback": 1, "waiting": 0}


def test_a_card_nobody_spoke_of_has_no_outcome(store: SqlStore) -> None:
    store.add_cards([CARD])
    assert latest(store) == [(None, None)]


def test_the_same_card_and_the_same_feedback_are_kept_once(store: SqlStore) -> None:
    for _ in range(2):
        store.add_cards([CARD, CARD])
        store.add_feedback("ehr", [OVERRIDDEN, OVERRIDDEN], NOW + HOUR)
    assert store.counts() == {"cards": 1, "feedback": 1, "waiting": 0}
    assert store.add_feedback("ehr", [OVERRIDDEN], NOW + HOUR) == Taken(0, 1, 0)


def test_a_later_outcome_is_kept_beside_the_first_and_wins(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_feedback("ehr", [OVERRIDDEN, ACCEPTED], NOW + 3 * HOUR)
    assert latest(store) == [("accepted", None)]
    assert store.counts()["feedback"] == 2


def test_the_time_of_the_outcome_decides_and_not_the_arrival(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_feedback("ehr", [ACCEPTED], NOW + 3 * HOUR)
    store.add_feedback("ehr", [OVERRIDDEN], NOW + 4 * HOUR)
    assert latest(store) == [("accepted", None)]


def test_of_two_outcomes_at_the_same_time_the_one_that_came_later_wins(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_feedback("ehr", [ACCEPTED], NOW + 3 * HOUR)
    store.add_feedback("ehr", [replace(OVERRIDDEN, outcome_at=ACCEPTED.outcome_at)], NOW + 4 * HOUR)
    assert latest(store) == [("overridden", "clinical-trial")]


def test_a_clock_that_is_ahead_does_not_outdo_what_is_told_later(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_feedback("ehr", [replace(OVERRIDDEN, outcome_at=NOW + timedelta(days=3650))], NOW + HOUR)
    store.add_feedback("ehr", [ACCEPTED], NOW + 3 * HOUR)
    assert latest(store) == [("accepted", None)]


def test_feedback_that_comes_before_its_card_waits_for_it(store: SqlStore) -> None:
    assert store.add_feedback("ehr", [OVERRIDDEN], NOW) == Taken(1, 0, 0)
    assert store.counts()["waiting"] == 1
    assert latest(store) == []
    store.add_cards([CARD])
    assert store.counts()["waiting"] == 0
    assert latest(store) == [("overridden", "clinical-trial")]


def test_feedback_whose_card_never_came_is_dropped_and_counted_and_the_rest_stays(store: SqlStore) -> None:
    store.add_cards([CARD])
    strange = replace(OVERRIDDEN, card=other(2).card)
    store.add_feedback("ehr", [OVERRIDDEN, strange, replace(strange, digest="d3")], NOW)
    store.add_feedback("ehr", [replace(strange, digest="d4")], NOW + HOUR)
    assert store.drop_unmatched(NOW) == 0
    assert store.drop_unmatched(NOW + HOUR) == 2
    assert store.counts() == {"cards": 1, "feedback": 2, "waiting": 1}


def test_feedback_on_the_card_of_another_client_is_never_written(store: SqlStore) -> None:
    store.add_cards([CARD])
    assert store.add_feedback("stranger", [OVERRIDDEN, replace(ACCEPTED, card=other(2).card)], NOW) == Taken(1, 0, 1)
    assert latest(store) == [(None, None)]
    assert store.counts()["feedback"] == 1


def test_two_clients_may_have_a_card_of_the_same_uuid(store: SqlStore) -> None:
    store.add_cards([CARD, replace(CARD, client="other")])
    assert store.add_feedback("other", [ACCEPTED], NOW) == Taken(1, 0, 0)
    assert {(item.client, item.outcome) for item in store.outcomes()} == {("ehr", None), ("other", "accepted")}


def test_feedback_before_the_card_of_another_client_does_not_become_its(store: SqlStore) -> None:
    store.add_feedback("stranger", [OVERRIDDEN], NOW)
    store.add_cards([CARD])
    assert latest(store) == [(None, None)]


def test_cards_are_counted_from_a_day_on(store: SqlStore) -> None:
    store.add_cards([CARD, other(2, issued_at=NOW + HOUR)])
    assert [item.issued_at for item in store.outcomes(NOW + HOUR)] == [NOW + HOUR]


def test_an_override_is_found_for_its_patient(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_feedback("ehr", [OVERRIDDEN], NOW + HOUR)
    (found,) = store.overrides("ehr", CARD.patient, SINCE)
    assert found == Override(CARD.rule, frozenset({"upadacitinib", "infliximab"}), None, "clinical-trial", NOW + HOUR)


@pytest.mark.parametrize(
    ("card", "client", "patient", "since"),
    [
        (CARD, "other", CARD.patient, SINCE),
        (CARD, "ehr", "q" * 64, SINCE),
        (CARD, "ehr", CARD.patient, NOW + 2 * HOUR),
        (replace(CARD, shown=False), "ehr", CARD.patient, SINCE),
        (replace(CARD, indicator="info"), "ehr", CARD.patient, SINCE),
    ],
    ids=["another client", "another patient", "told before", "a card that was not shown", "a card that was not loud"],
)
def test_an_override_is_not_found(
    store: SqlStore, card: IssuedCard, client: str, patient: str, since: datetime
) -> None:
    store.add_cards([card])
    store.add_feedback("ehr", [OVERRIDDEN], NOW + HOUR)
    assert store.overrides(client, patient, since) == ()


def test_an_override_that_was_followed_by_an_acceptance_is_none(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_feedback("ehr", [OVERRIDDEN, ACCEPTED], NOW + 3 * HOUR)
    assert store.overrides("ehr", CARD.patient, SINCE) == ()


def test_an_override_of_a_uuid_that_stood_for_two_pairs_is_none(store: SqlStore) -> None:
    store.add_cards([CARD])
    store.add_cards([replace(CARD, ingredients=("upadacitinib", "vedolizumab"))])
    store.add_feedback("ehr", [OVERRIDDEN], NOW + HOUR)
    assert store.overrides("ehr", CARD.patient, SINCE) == ()


def test_old_cards_are_deleted_with_their_feedback(store: SqlStore) -> None:
    store.add_cards([CARD, other(2, issued_at=NOW + HOUR)])
    store.add_feedback("ehr", [OVERRIDDEN, ACCEPTED, replace(ACCEPTED, card=other(2).card)], NOW + 3 * HOUR)
    assert store.prune(NOW + HOUR) == (1, 2)
    assert store.counts() == {"cards": 1, "feedback": 1, "waiting": 0}


def test_a_long_batch_is_kept_whole(store: SqlStore) -> None:
    cards = [other(number) for number in range(1000)]
    store.add_cards(cards)
    entries = [replace(OVERRIDDEN, card=card.card) for card in cards]
    assert store.add_feedback("ehr", entries, NOW) == Taken(1000, 0, 0)
    assert sum(item.outcome == "overridden" for item in store.outcomes()) == 1000


def test_two_processes_that_are_told_the_same_keep_it_once(place: Place) -> None:
    start = Barrier(2)

    def tell() -> None:
        with store_at(place) as own:
            start.wait()
            own.add_cards([CARD])
            own.add_feedback("ehr", [OVERRIDDEN], NOW)

    both = [Thread(target=tell) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    with store_at(place) as store:
        assert store.counts() == {"cards": 1, "feedback": 1, "waiting": 0}


def test_the_migrations_make_the_tables_that_the_program_uses(store: SqlStore) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_program_knows_every_revision_in_its_order() -> None:
    scripts = ScriptDirectory("service/store/migrations")
    assert tuple(reversed([item.revision for item in scripts.walk_revisions()])) == REVISIONS


def test_a_usable_database_passes_and_is_upgraded_to_itself(place: Place, store: SqlStore) -> None:
    store.check()
    assert upgrade(place) is State.USABLE


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("DELETE FROM alembic_version", State.NOT_SET_UP),
        ("DROP TABLE alembic_version", State.NOT_SET_UP),
        ("UPDATE alembic_version SET version_num = '9999'", State.NEWER),
    ],
    ids=["no revision", "no table of revisions", "of a later program"],
)
def test_a_database_of_another_revision_is_neither_read_nor_written(
    place: Place, store: SqlStore, statement: str, state: State
) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(statement))
    for act in (lambda: store.add_cards([CARD]), store.check, store.counts):
        with pytest.raises(StoreUnavailable) as caught:
            act()
        assert caught.value.state == state


@pytest.mark.fault(22)
def test_a_database_of_an_earlier_program_is_older(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.engine.REVISIONS", (*REVISIONS, "9998"))
    with pytest.raises(StoreUnavailable) as caught:
        store.check()
    assert caught.value.state == State.OLDER


def test_a_database_that_is_upgraded_while_the_service_runs_is_used_at_once(place: Place, store: SqlStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable):
        store.add_cards([CARD])
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'"))
    store.add_cards([CARD])


def test_a_database_of_a_later_program_is_not_migrated(place: Place, store: SqlStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable) as caught:
        upgrade(place)
    assert caught.value.state == State.NEWER


def test_an_empty_postgresql_is_not_set_up_until_it_is_upgraded(postgresql: str) -> None:
    empty = new_database(postgresql, template=None)
    with store_at(empty) as store:
        with pytest.raises(StoreUnavailable) as caught:
            store.check()
        assert caught.value.state == State.NOT_SET_UP
        assert upgrade(empty) is State.NOT_SET_UP
        store.check()


def test_a_postgresql_that_takes_no_writing_cannot_be_used(postgresql: str) -> None:
    place = new_database(postgresql)
    assert place.url is not None
    name = place.url.get_secret_value().rpartition("/")[2]
    run_sql(f"{postgresql}/postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with store_at(place) as store, pytest.raises(StoreUnavailable) as caught:
        store.check()
    assert caught.value.state == State.UNUSABLE


def test_a_postgresql_that_is_not_there_cannot_be_used() -> None:
    pytest.importorskip("psycopg")
    nowhere = Place(Path(os.devnull), SecretStr("postgresql://user:hunter2@127.0.0.1:1/cds"))
    with store_at(nowhere) as store, pytest.raises(StoreUnavailable) as caught:
        store.check()
    assert caught.value.state == State.UNUSABLE
    assert "hunter2" not in f"{caught.value} {nowhere} {nowhere!r} {caught.value.__cause__}"


def test_a_database_that_a_later_version_migrated_is_said_to_be_newer_and_still_written(store: SqlStore) -> None:
    store.check()
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable) as said:
        store.check()
    assert said.value.state == State.NEWER
    store.add_cards([CARD])
    assert store.counts()["cards"] == 1
