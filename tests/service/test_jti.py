"""The store of used tokens: one truth for all workers, bounded, and never a yes when it cannot tell."""

import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from service.clients.jti import SqliteReplayStore
from service.errors import ReplayStoreUnavailable

ROOT = Path(__file__).parents[2]
NOW = 1_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> SqliteReplayStore:
    return SqliteReplayStore(tmp_path / "data" / "used.sqlite3")


def first_use(store: SqliteReplayStore, jti: str, *, client: str = "ehr", now: float = NOW) -> bool:
    return store.first_use(client, jti, expires=NOW + 300, now=now)


def test_a_token_is_new_once_for_each_client(store: SqliteReplayStore) -> None:
    assert [first_use(store, "a"), first_use(store, "a"), first_use(store, "b")] == [True, False, True]
    assert [first_use(store, "a", client="other"), first_use(store, "a", client="other")] == [True, False]


def test_client_and_token_id_are_not_run_together(store: SqliteReplayStore) -> None:
    assert first_use(store, "bc", client="a")
    assert first_use(store, "c", client="ab")


def test_another_process_sees_what_was_used(store: SqliteReplayStore) -> None:
    assert first_use(store, "a")
    script = (
        "import sys; from pathlib import Path; from service.clients.jti import SqliteReplayStore\n"
        "store = SqliteReplayStore(Path(sys.argv[1]))\n"
        f"print(*[store.first_use('ehr', jti, expires={NOW + 300}, now={NOW}) for jti in 'ab'])"
    )
    command = [sys.executable, "-c", script, str(store.path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    assert told.stdout.split() == ["False", "True"]
    assert not first_use(store, "b")


def test_of_many_at_once_one_wins(store: SqliteReplayStore) -> None:
    others = SqliteReplayStore(store.path)
    won: list[bool] = []
    threads = [
        Thread(target=lambda place=place: won.append(first_use((store, others)[place % 2], "a"))) for place in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 15 + [True]


def test_a_token_is_kept_until_it_has_expired_and_no_longer(store: SqliteReplayStore) -> None:
    assert first_use(store, "a")
    assert not first_use(store, "a", now=NOW + 300)
    first_use(store, "b", now=NOW + 302)
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT count(*) FROM used").fetchone() == (1,)


def test_nothing_of_a_token_can_be_read_in_the_file(store: SqliteReplayStore) -> None:
    first_use(store, "canary-jti", client="canary-client")
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"canary" not in store.path.read_bytes()
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_a_full_store_refuses_and_forgets_nothing(tmp_path: Path) -> None:
    store = SqliteReplayStore(tmp_path / "used.sqlite3", most_pages=8)
    taken = 0
    with suppress(ReplayStoreUnavailable):
        while taken < 10_000 and first_use(store, f"t{taken}"):
            taken += 1
    assert 0 < taken < 10_000
    with pytest.raises(ReplayStoreUnavailable):
        first_use(store, "one more")
    assert not first_use(store, "t0")
    # What has expired makes room.
    assert first_use(store, "new", now=NOW + 400)


def test_a_store_that_another_holds_is_unavailable(store: SqliteReplayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.clients.jti.BUSY_SECONDS", 0.01)
    store.check()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ReplayStoreUnavailable):
            first_use(store, "a")
        with pytest.raises(ReplayStoreUnavailable):
            store.check()
    store.check()
    assert first_use(store, "a")


@pytest.mark.parametrize("content", [b"no database" * 1000, b"\0" * 8192])
def test_a_broken_file_is_unavailable(store: SqliteReplayStore, content: bytes) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    with pytest.raises(ReplayStoreUnavailable):
        store.check()
    with pytest.raises(ReplayStoreUnavailable):
        first_use(store, "a")


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReplayStoreUnavailable):
        SqliteReplayStore(tmp_path / "file" / "used.sqlite3").check()


def test_a_connection_does_not_cross_a_fork(store: SqliteReplayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert first_use(store, "a")
    with closing(store._opened()) as of_parent:
        monkeypatch.setattr("service.clients.jti.getpid", lambda: -1)
        assert store._opened() is not of_parent
        assert not first_use(store, "a")


@pytest.mark.fault(23)
def test_a_file_that_was_removed_or_replaced_is_unavailable_until_the_next_start(store: SqliteReplayStore) -> None:
    store.check()
    assert first_use(store, "a")
    store.path.unlink()
    for round_ in range(2):
        with pytest.raises(ReplayStoreUnavailable):
            first_use(store, "a")
        with pytest.raises(ReplayStoreUnavailable):
            store.check()
        # A new file knows nothing of the tokens that are still good.
        assert first_use(SqliteReplayStore(store.path), f"b{round_}")
