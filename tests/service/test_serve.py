"""The real server in processes of its own, on loopback."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.cases import read_case
from service.commands.demo import CASE
from service.commands.serve import prepare_data_dir, refuse_taken_port
from service.errors import SettingsError
from service.recording.format import read_recording, recording_files
from service.settings import Settings
from tests.fakes import SELECT
from tests.loopback import free_port
from tests.thorough import of_signals

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.enable_socket
Server = tuple[subprocess.Popen[str], int]


@contextmanager
def running(tmp_path: Path, *arguments: str, **environ: str) -> Iterator[Server]:
    """Run `upa-cds serve`; ends it by its handle."""
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(
        [*command, *arguments], cwd=ROOT, env=os.environ | environ, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, port
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run one server for the tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("shared")) as (_, port):
        yield port


@pytest.fixture
def port(shared: int) -> int:
    wait_until(lambda: answers(shared))
    return shared


def call(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def wait_until(happens: Callable[[], bool], seconds: float = 20) -> float:
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def answers(port: int, path: str = "/readyz") -> bool:
    try:
        return call(port, "GET", path)[0] == 200
    except OSError:
        return False


def recorded_request() -> bytes:
    return json.dumps(read_case(CASE).request).encode()


def worker_pids(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def all_workers(process: subprocess.Popen[str], count: int = 2) -> list[int]:
    """Wait for every worker of a server: the first one answers before the others are there."""
    wait_until(lambda: len(worker_pids(process)) == count)
    return worker_pids(process)


def test_the_first_order_after_the_start_is_answered_with_its_card(tmp_path: Path) -> None:
    with running(tmp_path) as (_, port):
        wait_until(lambda: answers(port))
        status, answer = call(port, "POST", SELECT, recorded_request())
        assert status == 200
        assert answer["cards"]


def test_flags_environment_and_file_reach_the_workers(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[[clients]]\nid = 'ehr'\norigins = ['https://ehr.example.org']", encoding="utf-8")
    environ = {"UPA_CDS_MAX_BODY_BYTES": "10", "UPA_CDS_JURISDICTION": "eu"}
    with running(tmp_path, "--order-helper", "--workers", "1", "--config", str(file), **environ) as (_, port):
        wait_until(lambda: answers(port))
        assert call(port, "GET", "/readyz")[1]["jurisdiction"] == "eu"
        assert call(port, "GET", "/cds-services")[1]["services"][-1]["id"] == "order-helper"
        assert call(port, "POST", SELECT, b"{}         ")[0] == 413


def test_a_second_server_on_the_same_port_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1") as (_, port):
        wait_until(lambda: answers(port))
        second = subprocess.run(
            [sys.executable, "-m", "service", "serve", "--port", str(port), "--data-dir", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert second.returncode == 2
        assert second.stderr == (
            f"upa-cds: port {port} on 127.0.0.1: another program uses it. "
            "Stop that program, or choose another --port.\n"
        )


@pytest.mark.fault(27)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to wait for")
@pytest.mark.parametrize("number", of_signals(signal.SIGTERM, signal.SIGINT))
def test_a_call_under_way_is_finished_before_the_server_stops(tmp_path: Path, number: signal.Signals) -> None:
    body = recorded_request()
    with running(tmp_path, "--workers", "1") as (process, port):
        wait_until(lambda: answers(port))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = f"POST {SELECT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:100])
            time.sleep(0.3)
            process.send_signal(number)
            time.sleep(0.3)
            connection.sendall(body[100:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert process.wait(timeout=20) == 0


@pytest.mark.fault(26)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the list of processes from /proc")
def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1") as (process, port):
        wait_until(lambda: answers(port))
        (before,) = worker_pids(process)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: worker_pids(process) not in ([], [before]) and answers(port), seconds=5)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the list of processes from /proc")
def test_no_worker_outlives_the_server(tmp_path: Path) -> None:
    with running(tmp_path) as (process, port):
        wait_until(lambda: answers(port))
        workers = all_workers(process)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.mark.fault(28)
def test_callers_that_stall_do_not_hold_up_the_others(port: int) -> None:
    head = f"POST {SELECT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
    stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    for number, connection in enumerate(stalled):
        connection.sendall(head.encode() if number % 2 else head[:20].encode())
    began = time.monotonic()
    assert all(call(port, "POST", SELECT, recorded_request())[0] == 200 for _ in range(5))
    assert time.monotonic() - began < 2
    for connection in stalled:
        connection.close()


def test_a_connection_survives_a_refusal(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/cds-services/other", b"x" * 500_000, {"Content-Type": "text/plain"})
    refused = connection.getresponse()
    assert (refused.status, bool(refused.read())) == (404, True)
    used = connection.sock
    connection.request("POST", SELECT, recorded_request(), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    assert connection.sock is used
    connection.close()


def test_a_body_in_chunks_is_read(port: int) -> None:
    body = recorded_request()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    parts = iter([body[:1000], body[1000:]])
    connection.request("POST", SELECT, parts, {"Content-Type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_the_log_is_json_lines_without_anything_of_the_patient(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1") as (process, port):
        wait_until(lambda: answers(port))
        call(port, "POST", SELECT, recorded_request())
        process.terminate()
        _, written = process.communicate(timeout=20)
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["call"]
    assert recorded_patient() not in written


@pytest.mark.parametrize("number", of_signals(signal.SIGTERM, signal.SIGINT))
def test_what_was_answered_before_the_server_stops_is_in_its_recordings(tmp_path: Path, number: signal.Signals) -> None:
    folder, body = tmp_path / "recordings", recorded_request()
    with running(tmp_path, "--workers", "2", UPA_CDS_RECORD_DIR=str(folder)) as (process, port):
        wait_until(lambda: answers(port))
        answered = [call(port, "POST", SELECT, body) for _ in range(30)]
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    exchanges = [read_recording(file) for file in recording_files(folder)]
    recorded = [exchange for file in exchanges for exchange in file]
    assert [status for status, _ in answered] == [200] * 30
    assert len(recorded) == 30
    assert not any(file.truncated for file in exchanges)
    assert all(recorded_patient().encode() not in exchange.request for exchange in recorded)


def recorded_patient() -> str:
    return str(read_case(CASE).request["context"]["patientId"])


@pytest.mark.fault(30)
def test_bad_knowledge_stops_the_start_with_one_line_per_problem(tmp_path: Path) -> None:
    with running(tmp_path, UPA_CDS_KNOWLEDGE=str(tmp_path)) as (process, _):
        assert process.wait(timeout=20) == 1
        assert process.stderr is not None
        assert process.stderr.read().startswith("upa-cds: ")


def test_a_port_that_only_listens_is_taken_too() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SettingsError, match="another program uses it"):
            refuse_taken_port(Settings(port=other.getsockname()[1]))


def test_an_address_of_another_machine_cannot_be_used() -> None:
    with pytest.raises(SettingsError, match="Choose another --host or --port"):
        refuse_taken_port(Settings(host="192.0.2.1", port=free_port()))


def test_a_free_port_is_not_refused() -> None:
    refuse_taken_port(Settings(port=free_port()))


def test_the_data_folder_is_made_for_its_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    prepare_data_dir(folder)
    prepare_data_dir(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="Give another folder with --data-dir"):
        prepare_data_dir(tmp_path / "file" / "data")


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert Settings(host="::1").address == "http://[::1]:8000"
