"""The metrics of the real server, of its workers together, also when one of them is killed."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes import SELECT
from tests.loopback import free_port
from tests.service.test_serve import (
    ROOT,
    all_workers,
    answers,
    call,
    recorded_request,
    running,
    wait_until,
    worker_pids,
)

pytestmark = pytest.mark.enable_socket
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        families = text_string_to_metric_families(page.read().decode())
        return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def reachable(port: int) -> bool:
    try:
        return bool(scraped(port))
    except (urllib.error.URLError, OSError):
        return False


def total(port: int, name: str, **labels: str) -> float:
    return sum(value for (found, has), value in scraped(port).items() if found == name and has >= set(labels.items()))


def ask(port: int, times: int) -> None:
    for _ in range(times):
        body = json.loads(recorded_request()) | {"hookInstance": str(uuid4())}
        assert call(port, "POST", SELECT, json.dumps(body).encode())[0] == 200


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the list of processes from /proc")
def test_workers_are_added_up_and_a_killed_one_still_counts_and_hands_over_the_port(tmp_path: Path) -> None:
    port_of_metrics = free_port()
    with running(tmp_path, UPA_CDS_METRICS_PORT=str(port_of_metrics)) as (process, port):
        wait_until(lambda: answers(port) and reachable(port_of_metrics))
        ask(port, 20)
        asked = {"service": "upadacitinib-combination-select", "status": "200", "outcome": "complete"}
        assert total(port_of_metrics, "upa_cds_requests_total", **asked) == 20
        assert total(port_of_metrics, "upa_cds_request_duration_seconds_count", hook="order-select") == 20
        assert total(port_of_metrics, "upa_cds_cards_total", rule="upadacitinib-biologic", shown="yes") == 20
        wait_until(lambda: total(port_of_metrics, "upa_cds_database_usable") == 1)
        first, second = all_workers(process)
        for pid in (first, second):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not {first, second} & set(worker_pids(process)) and answers(port))
        wait_until(lambda: reachable(port_of_metrics))
        ask(port, 5)
        assert total(port_of_metrics, "upa_cds_requests_total", **asked) == 25
        wait_until(lambda: total(port_of_metrics, "upa_cds_database_usable") == 1)


def test_a_port_of_metrics_that_is_taken_is_refused(tmp_path: Path) -> None:
    port = str(free_port())
    command = [sys.executable, "-m", "service", "serve", "--port", port, "--data-dir", str(tmp_path)]
    environ = os.environ | {"UPA_CDS_METRICS_PORT": port}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr == f"upa-cds: metrics_port {port}: this is the port of the service. Choose another.\n"
