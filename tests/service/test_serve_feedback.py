"""Cards and feedback with the real server: its workers, its database, its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.store import FILE, Place
from tests.databases import new_database, own_database, store_at
from tests.fakes import SELECT, until
from tests.service.test_serve import ROOT, answers, call, recorded_request, running, wait_until, worker_pids
from tests.thorough import of_signals

pytestmark = pytest.mark.enable_socket


def place_of(tmp_path: Path) -> Place:
    return Place(tmp_path / "data" / FILE)


def counts(place: Place) -> dict[str, int]:
    with store_at(place) as store:
        return dict(store.counts())


def feedback(port: int, *cards: str, **more: Any) -> tuple[int, Any]:
    told = {"outcome": "overridden", "outcomeTimestamp": "2026-03-16T12:00:00Z", **more}
    body = json.dumps({"feedback": [{"card": card, **told} for card in cards]}).encode()
    return call(port, "POST", SELECT + "/feedback", body)


def cards_of(port: int, instance: str) -> list[str]:
    body = json.loads(recorded_request()) | {"hookInstance": instance}
    status, answer = call(port, "POST", SELECT, json.dumps(body).encode())
    assert status == 200
    return [card["uuid"] for card in answer["cards"]]


def test_a_new_folder_gets_its_database_and_key_before_the_workers_start(tmp_path: Path) -> None:
    with running(tmp_path) as (_, port):
        wait_until(lambda: answers(port))
        assert call(port, "GET", "/readyz")[1]["feedback"] == {"database": "usable", "waiting": 0}
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "data").iterdir()}
    assert modes.keys() >= {FILE, "pseudonym.key"}
    assert set(modes.values()) == {0o600}


@pytest.mark.fault(27)
@pytest.mark.parametrize("number", of_signals(signal.SIGTERM, signal.SIGINT))
def test_what_is_in_the_queue_is_written_when_the_server_is_told_to_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    place = own_database(tmp_path / "data")
    with running(tmp_path) as (process, port):
        wait_until(lambda: answers(port))
        # While this transaction is open nothing is written, so all cards are in the queues of the workers.
        with store_at(place) as store, store.engine.begin():
            issued = {card for _ in range(20) for card in cards_of(port, str(uuid4()))}
            process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert "cards-not-recorded" not in process.stderr.read()
    assert counts(place)["cards"] == len(issued)


def test_two_workers_and_one_file_keep_every_card_and_its_feedback_once(tmp_path: Path) -> None:
    with running(tmp_path) as (process, port):
        wait_until(lambda: answers(port))
        issued = [card for _ in range(15) for card in cards_of(port, str(uuid4()))]
        for _ in range(2):
            assert feedback(port, *issued) == (200, {})
        for card in issued:
            assert feedback(port, card) == (200, {})
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert counts(place_of(tmp_path)) == {"cards": len(issued), "feedback": len(issued), "waiting": 0}


@pytest.mark.fault(26)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the list of processes from /proc")
def test_a_killed_worker_loses_what_it_had_not_written_and_feedback_is_taken_all_the_same(tmp_path: Path) -> None:
    place = own_database(tmp_path / "data")
    with running(tmp_path, "--workers", "1") as (process, port):
        wait_until(lambda: answers(port))
        (before,) = worker_pids(process)
        with store_at(place) as store, store.engine.begin():
            issued = cards_of(port, str(uuid4()))
            os.kill(before, signal.SIGKILL)
            wait_until(lambda: worker_pids(process) not in ([], [before]) and answers(port))
        assert feedback(port, *issued) == (200, {})
        assert counts(place) == {"cards": 0, "feedback": len(issued), "waiting": len(issued)}


def test_a_folder_that_holds_no_database_stops_nothing_but_the_feedback(tmp_path: Path) -> None:
    place_of(tmp_path).file.mkdir(parents=True)
    with running(tmp_path, "--workers", "1") as (process, port):
        wait_until(lambda: answers(port))
        assert cards_of(port, str(uuid4()))
        assert feedback(port, str(uuid4()))[0] == 503
        process.terminate()
        _, written = process.communicate(timeout=20)
    assert "Cards are served, but not recorded" in written
    assert '"cards-not-recorded"' in written


def test_the_database_of_a_url_is_never_migrated_by_the_server(tmp_path: Path, postgresql: str) -> None:
    empty = new_database(postgresql, template=None)
    assert empty.url is not None
    url = empty.url.get_secret_value()
    with running(tmp_path, "--workers", "1", UPA_CDS_DATABASE_URL=url) as (process, port):
        wait_until(lambda: answers(port))
        assert call(port, "GET", "/readyz")[1]["feedback"]["database"] == "not set up"
        assert feedback(port, str(uuid4()))[0] == 503
        upgraded = subprocess.run(
            [sys.executable, "-m", "service", "db", "upgrade"],
            cwd=ROOT,
            env=os.environ | {"UPA_CDS_DATABASE_URL": url},
            check=False,
            timeout=60,
        )
        assert upgraded.returncode == 0
        (card, *_) = cards_of(port, str(uuid4()))
        assert feedback(port, card) == (200, {})
        until(lambda: counts(empty)["waiting"] == 0)
        process.terminate()
        _, written = process.communicate(timeout=20)
    assert 'PostgreSQL (database_url) is not set up. See "upa-cds db status".' in written
    assert url not in written
    assert not place_of(tmp_path).file.exists()


def test_no_process_that_serves_has_alembic() -> None:
    code = (
        "import sys; from pathlib import Path; from service.commands.serve import prepare_records;"
        "from service.commands.reloading import application;"
        "from service.settings import Settings;"
        "site = Settings(data_dir=Path(sys.argv[1])); prepare_records(site, print);"
        "application(site.model_dump_json());"
        "print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)"
    )
    assert _run(code) == "True False\n"


def test_the_application_alone_loads_no_database_library() -> None:
    assert _run("import sys, service.app; print('sqlalchemy' in sys.modules)") == "False\n"


def _run(code: str) -> str:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-c", code, folder], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        ).stdout
