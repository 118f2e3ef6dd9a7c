"""The demonstration as a newcomer runs it: in a process of its own, over a real socket."""

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import requests

from service.commands.demo import demonstration
from tests.fakes import until

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "service", "demo"]


def demo(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_once_shows_the_card_of_today_as_a_clinician_reads_it_and_exits_0() -> None:
    done = demo("--once")
    assert (done.returncode, done.stderr) == (0, "")
    today = datetime.now().astimezone().date()
    for part in (
        f"order-select on {today}",
        "WARNING",
        "Upadacitinib + infliximab",
        "Buttons",
        "Override reasons",
        "Source:",
    ):
        assert part in done.stdout


def test_json_prints_the_response_body_and_nothing_else() -> None:
    done = demo("--once", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["cards"][0]["indicator"] == "warning"


@pytest.mark.enable_socket
def test_nothing_is_left_behind() -> None:
    threads = set(threading.enumerate())
    with demonstration(datetime.now(UTC).date()) as shown:
        folder = Path(shown.curl.partition("@")[2].partition('"')[0]).parent
        assert folder.exists()
    assert not folder.exists()
    until(lambda: set(threading.enumerate()) <= threads)


@pytest.mark.enable_socket
def test_with_the_order_helper_the_public_sandbox_finds_it_at_the_discovery_address() -> None:
    with demonstration(datetime.now(UTC).date(), order_helper=True) as shown, requests.Session() as session:
        session.trust_env = False
        found = session.get(shown.discovery, timeout=20).json()
        assert [service["id"] for service in found["services"]][-1] == "order-helper"


@pytest.mark.enable_socket
def test_the_curl_line_asks_the_same_and_gets_the_same() -> None:
    with demonstration(datetime.now(UTC).date()) as shown:
        again = subprocess.run(shown.curl, shell=True, capture_output=True, text=True, timeout=20, check=False)
        assert again.stdout == shown.answer


@pytest.mark.enable_socket
def test_the_page_that_is_named_is_there_and_its_day_is_today() -> None:
    with demonstration(datetime.now(UTC).date()) as shown:
        assert requests.get(shown.sandbox, timeout=20).status_code == 200
        data = requests.get(f"{shown.sandbox}/data", timeout=20).json()
        assert data["today"] == shown.case.on.isoformat()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a child")
def test_without_once_it_serves_until_ctrl_c() -> None:
    # A shell that runs its children in the background lets them ignore SIGINT; here it means Ctrl-C again.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(DEMO, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        assert process.stdout is not None
        read = []
        for line in process.stdout:
            read.append(line)
            if "Serving until Ctrl-C" in line:
                break
        process.send_signal(signal.SIGINT)
        assert "Stopped." in process.stdout.read()
        assert process.wait(timeout=20) == 0
    assert any(line.startswith("curl ") for line in read)
