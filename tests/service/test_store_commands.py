"""The commands about what is kept: `upa-cds db upgrade|status|prune` and `upa-cds rates`."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from service.store import FILE, FeedbackEntry, Place
from tests.databases import new_database, own_database, store_at
from tests.service.test_store import CARD

NOW = datetime.now(UTC)
OTHER = "00000000-0000-4000-8000-000000000002"
Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def upa_cds(monkeypatch: pytest.MonkeyPatch, upa_cds: Run, data: Path) -> Run:
    """Run `upa-cds` on a data folder."""
    monkeypatch.setenv("UPA_CDS_DATA_DIR", str(data))
    return upa_cds


@pytest.fixture
def filled(data: Path) -> Place:
    """A database with an old card, a new one, each overridden, and feedback whose card never came."""
    place = own_database(data)
    with store_at(place) as store:
        store.add_cards([replace(CARD, issued_at=NOW - timedelta(days=401)), replace(CARD, card=OTHER, issued_at=NOW)])
        told = FeedbackEntry(CARD.card, "overridden", NOW, "d1", reason_code="clinical-trial")
        stray = replace(told, card="00000000-0000-4000-8000-000000000003")
        store.add_feedback("ehr", [told, replace(told, card=OTHER), stray], NOW - timedelta(hours=25))
    return place


def test_a_database_is_made_upgraded_and_looked_at(upa_cds: Run, data: Path) -> None:
    where = f"SQLite {data / FILE}"
    assert upa_cds("db", "status") == (1, "", f'upa-cds: {where}: not set up. Run "upa-cds db upgrade".\n')
    assert upa_cds("db", "upgrade") == (0, f"{where}: upgraded, it was not set up\n", "")
    assert upa_cds("db", "upgrade") == (0, f"{where}: nothing to do\n", "")
    assert (data / FILE).stat().st_mode & 0o777 == 0o600
    code, out, _ = upa_cds("db", "status")
    assert (code, out) == (0, f"{where}: usable\n0 cards, 0 entries of feedback, 0 of them without card\n")


def test_a_database_of_a_later_program_is_left_alone(upa_cds: Run, filled: Place) -> None:
    with store_at(filled) as store, store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for arguments in (("db", "upgrade"), ("db", "status"), ("db", "prune"), ("rates",)):
        code, out, err = upa_cds(*arguments)
        assert (code, out) == (1, "")
        assert "newer than this program. A later version of upa-cds upgraded it" in err


@pytest.mark.parametrize("arguments", [("db", "upgrade"), ("db", "status"), ("db", "prune"), ("rates",)], ids=" ".join)
def test_what_is_no_database_is_one_line_and_exit_code_1(upa_cds: Run, data: Path, arguments: tuple[str, ...]) -> None:
    data.mkdir()
    (data / FILE).write_bytes(b"x" * 4096)
    code, out, err = upa_cds(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"upa-cds: SQLite {data / FILE}: cannot be used. Look at the file")
    assert err.count("\n") == 1


def test_old_cards_and_stray_feedback_are_deleted(upa_cds: Run, filled: Place) -> None:
    code, out, _ = upa_cds("db", "prune")
    assert (code, out) == (0, "Deleted 1 cards, 1 entries of their feedback, 1 entries without card.\n")
    with store_at(filled) as store:
        assert store.counts() == {"cards": 1, "feedback": 1, "waiting": 0}


def test_a_site_chooses_how_long_cards_are_kept(upa_cds: Run, filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPA_CDS_FEEDBACK_RETENTION_DAYS", "402")
    assert upa_cds("db", "prune")[1].startswith("Deleted 0 cards, 0 entries of their feedback")


def test_rates_are_counted_from_a_day_on(upa_cds: Run, filled: Place) -> None:
    code, out, err = upa_cds("rates", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["total"]["overridden"] == {"events": 2, "of": 2, "low": 0.3424, "high": 1.0}
    code, out, _ = upa_cds("rates", "--json", "--since", (NOW - timedelta(days=2)).strftime("%Y-%m-%d"))
    assert json.loads(out)["total"]["shown"] == 1
    code, out, _ = upa_cds("rates")
    assert code == 0
    assert "2/2 (34-100%)" in out


def test_a_day_that_is_none_is_exit_code_2(upa_cds: Run, filled: Place) -> None:
    code, out, err = upa_cds("rates", "--since", "yesterday")
    assert (code, out) == (2, "")
    assert "Write it as YYYY-MM-DD" in err


def test_the_commands_work_on_postgresql_and_never_show_its_url(
    upa_cds: Run, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database(postgresql, template=None).url
    assert url is not None
    monkeypatch.setenv("UPA_CDS_DATABASE_URL", url.get_secret_value())
    shown = "PostgreSQL (database_url)"
    assert upa_cds("db", "status")[2] == f'upa-cds: {shown}: not set up. Run "upa-cds db upgrade".\n'
    assert upa_cds("db", "upgrade") == (0, f"{shown}: upgraded, it was not set up\n", "")
    assert upa_cds("db", "status")[1].startswith(f"{shown}: usable\n0 cards")
    assert upa_cds("rates")[0] == 0


def test_without_the_driver_of_postgresql_every_command_says_how_to_install_it(
    upa_cds: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.place.find_spec", lambda _: None)
    monkeypatch.setenv("UPA_CDS_DATABASE_URL", "postgresql://cds:hunter2@db.example.org/cds")
    for arguments in (("db", "status"), ("db", "upgrade"), ("db", "prune"), ("rates",)):
        code, out, err = upa_cds(*arguments)
        assert (code, out) == (2, "")
        assert err == (
            "upa-cds: database_url: PostgreSQL needs psycopg, which is not installed. "
            "Install it with pip install 'upadacitinib-cds[postgresql]'.\n"
        )
