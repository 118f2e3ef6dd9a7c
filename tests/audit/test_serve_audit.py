"""The trail of the real server: its workers, its end, and a worker that is killed."""

import json
import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from service.audit.export import exported
from service.audit.trail import audit_key
from service.audit.verify import Verified, verified
from service.settings import Settings
from tests.fakes import SELECT
from tests.service.test_serve import all_workers, answers, call, recorded_request, running, wait_until, worker_pids

pytestmark = pytest.mark.enable_socket


def asked(port: int, times: int) -> list[str]:
    cards = []
    for _ in range(times):
        body = json.loads(recorded_request()) | {"hookInstance": str(uuid4())}
        status, answer = call(port, "POST", SELECT, json.dumps(body).encode())
        assert status == 200
        cards += [card["uuid"] for card in answer["cards"]]
    return cards


def found_in(folder: Path) -> Verified:
    return verified(folder / "audit", audit_key(folder / "data"))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the list of processes from /proc")
def test_every_card_is_in_the_trail_after_sigterm_and_a_killed_worker_is_a_note(tmp_path: Path) -> None:
    with running(tmp_path, UPA_CDS_AUDIT_DIR=str(tmp_path / "audit")) as (process, port):
        wait_until(lambda: answers(port))
        issued = asked(port, 12)
        # Written behind the answers: a killed worker takes along what it had not written.
        wait_until(lambda: len(exported(tmp_path / "audit", Settings().zone)) == 12)
        killed, _ = all_workers(process)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len({*worker_pids(process)} - {killed}) == 2 and answers(port))
        issued += asked(port, 12)
        process.terminate()
        assert process.wait(timeout=20) == 0
    said = exported(tmp_path / "audit", Settings().zone)
    assert sorted(card["uuid"] for line in said for card in line["cards"]) == sorted(issued)
    found = found_in(tmp_path)
    assert found.intact
    assert all("process was killed" in remark.what for remark in found.remarks)
