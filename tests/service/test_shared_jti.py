"""Used tokens in PostgreSQL: one truth for all machines, and never a yes when it cannot tell."""

from collections.abc import Iterator
from threading import Thread

import pytest
from pydantic import SecretStr

from service.clients.auth import build_authenticator
from service.clients.jti import SqliteReplayStore
from service.clients.shared_jti import CLEAR_SECONDS, SharedReplayStore
from service.errors import ReplayStoreUnavailable, SettingsError
from service.settings import Settings, load_settings
from service.store import Place
from service.store.tables import USED
from tests.databases import new_database, run_sql, store_at

NOW = 1_000_000.0
pytestmark = pytest.mark.enable_socket


@pytest.fixture
def shared(postgresql: str) -> Place:
    return new_database(postgresql)


@pytest.fixture
def machines(shared: Place) -> Iterator[tuple[SharedReplayStore, SharedReplayStore]]:
    """Two machines, as far as a database can tell."""
    both = SharedReplayStore(shared), SharedReplayStore(shared)
    yield both
    for one in both:
        one.close()


def first_use(store: SharedReplayStore, jti: str, *, client: str = "ehr", now: float = NOW) -> bool:
    return store.first_use(client, jti, expires=NOW + 300, now=now)


def test_what_one_machine_has_seen_is_refused_by_the_other(
    machines: tuple[SharedReplayStore, SharedReplayStore],
) -> None:
    one, other = machines
    assert (first_use(one, "a"), first_use(other, "a"), first_use(one, "a")) == (True, False, False)
    assert (first_use(other, "a", client="another"), first_use(other, "b")) == (True, True)


def test_of_many_calls_at_once_with_one_token_one_wins(machines: tuple[SharedReplayStore, SharedReplayStore]) -> None:
    won: list[bool] = []
    threads = [Thread(target=lambda at=at: won.append(first_use(machines[at % 2], "a"))) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_token_is_kept_until_it_has_expired_and_cleared_away_some_time_later(
    machines: tuple[SharedReplayStore, SharedReplayStore], shared: Place
) -> None:
    one, other = machines
    assert first_use(one, "a")
    assert not first_use(other, "a", now=NOW + 300)
    assert one.first_use("ehr", "b", expires=NOW + 900, now=NOW + 302 + CLEAR_SECONDS)
    with store_at(shared) as store, store.engine.connect() as connection:
        assert [len(row.token) for row in connection.execute(USED.select())] == [32]


def test_a_check_leaves_nothing_behind(machines: tuple[SharedReplayStore, SharedReplayStore], shared: Place) -> None:
    machines[0].check()
    with store_at(shared) as store, store.engine.connect() as connection:
        assert connection.execute(USED.select()).all() == []


@pytest.mark.parametrize(
    "fault", ["DROP TABLE used_token", "ALTER TABLE used_token ADD CONSTRAINT never CHECK (false) NOT VALID"]
)
def test_a_store_that_cannot_remember_says_so_and_lets_nobody_in(shared: Place, fault: str) -> None:
    assert shared.url is not None
    run_sql(shared.url.get_secret_value(), fault)
    store = SharedReplayStore(shared)
    with pytest.raises(ReplayStoreUnavailable):
        first_use(store, "a")
    with pytest.raises(ReplayStoreUnavailable):
        store.check()
    store.close()


def test_a_server_that_is_not_there_is_unavailable_and_its_password_is_not_told(shared: Place) -> None:
    nobody = Place(shared.file, SecretStr("postgresql://cds:canary@127.0.0.1:1/cds"))
    with pytest.raises(ReplayStoreUnavailable, match="upa-cds db upgrade") as refused:
        SharedReplayStore(nobody).check()
    assert "canary" not in refused.value.message


def test_the_setting_decides_where_tokens_are_remembered(site: Settings, shared: Place) -> None:
    assert isinstance(build_authenticator(site).store, SqliteReplayStore)
    database = site.model_copy(update={"used_tokens": "database", "database_url": shared.url})
    assert isinstance(build_authenticator(database).store, SharedReplayStore)


def test_tokens_cannot_be_shared_without_a_database_that_is() -> None:
    with pytest.raises(SettingsError, match=r"UPA_CDS_USED_TOKENS.*set database_url"):
        load_settings(environ={"UPA_CDS_USED_TOKENS": "database"})
