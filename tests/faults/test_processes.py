"""Worker processes that are killed, overloaded or told to stop: the real server, on loopback."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from service.commands.respawning import MOST_DEATHS
from service.store import FILE, Place
from tests import builders as make
from tests.databases import store_at
from tests.fake_fhir import FakeFhirServer, silent
from tests.fakes import SELECT, SIGN, until
from tests.service.test_serve import all_workers, answers, call, recorded_request, running, wait_until, worker_pids

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="finds processes by their sockets in /proc"),
]
FHIR_SECONDS = 4.0
QUERIES = [f"{kind}?patient=patient-1&_count=200" for kind in make._KEYS.values() if kind != "Patient"]


@pytest.fixture(scope="module")
def stuck() -> Iterator[FakeFhirServer]:
    """Run a FHIR server that takes every question and answers none."""
    with FakeFhirServer(dict.fromkeys([*QUERIES, "Patient/patient-1"], silent)) as server:
        yield server


def order(fhir: FakeFhirServer) -> bytes:
    """Write a call whose record has to be read from that server."""
    body = make.order_sign([make.draft("d1", "upadacitinib")])
    del body["prefetch"]
    token = {"access_token": "token", "token_type": "Bearer"}
    return json.dumps(body | {"fhirServer": fhir.base, "fhirAuthorization": token}).encode()


def settings(tmp_path: Path, fhir: FakeFhirServer) -> tuple[str, str]:
    file = tmp_path / "site.toml"
    server = f'{{ base = "{fhir.base}", private = true }}'
    file.write_text(f"fhir_seconds = {FHIR_SECONDS}\nfhir_servers = [{server}]\n", encoding="utf-8")
    return "--config", str(file)


def send(port: int, path: str, body: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def received(connection: socket.socket) -> bytes:
    data = b""
    with closing(connection), suppress(ConnectionError):
        while chunk := connection.recv(65536):
            data += chunk
            if b"\r\n\r\n" in data and data.endswith(b"}"):
                break
    return data


def holder(process: "subprocess.Popen[str]", connection: socket.socket) -> int:
    """Tell which worker has the other end of a connection."""
    # Local and remote address as the worker has them: another connection may have the same port at one end.
    ends = [f":{address[1]:04X}" for address in (connection.getpeername(), connection.getsockname())]
    lines = (line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:])
    (inode,) = (fields[9] for fields in lines if [fields[1][-5:], fields[2][-5:]] == ends)
    for pid in worker_pids(process):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return pid
    raise AssertionError("no worker has it")


@pytest.mark.fault(26)
def test_a_worker_that_is_killed_in_a_call_breaks_that_call_off_whole_and_the_other_answers(
    tmp_path: Path, stuck: FakeFhirServer
) -> None:
    with running(tmp_path, *settings(tmp_path, stuck)) as (process, port):
        until(lambda: answers(port))
        before = len(stuck.seen)
        broken = send(port, SIGN, order(stuck))
        until(lambda: len(stuck.seen) > before)
        all_before = set(all_workers(process))
        with closing(broken):
            os.kill(holder(process, broken), signal.SIGKILL)
            assert received(broken) == b""
        # What waits at the door of the killed worker is closed with it, too.
        until(lambda: answers(port))
        assert call(port, "POST", SELECT, recorded_request())[0] == 200
        until(lambda: len(set(worker_pids(process)) - all_before) == 1 and answers(port))
        assert call(port, "POST", SELECT, recorded_request())[0] == 200


@pytest.mark.fault(29)
def test_beside_as_many_calls_as_are_let_in_the_next_is_told_so_and_health_is_answered(
    tmp_path: Path, stuck: FakeFhirServer
) -> None:
    limits = settings(tmp_path, stuck)
    with running(tmp_path, "--workers", "1", *limits, UPA_CDS_MAX_CALLS_AT_ONCE="1") as (_, port):
        until(lambda: answers(port))
        before = len(stuck.seen)
        waiting = send(port, SIGN, order(stuck))
        until(lambda: len(stuck.seen) > before)
        refused = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with closing(refused):
            refused.request("POST", SELECT, recorded_request(), {"Content-Type": "application/json"})
            response = refused.getresponse()
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert b"OperationOutcome" in response.read()
        assert call(port, "GET", "/livez")[0] == call(port, "GET", "/readyz")[0] == 200
        assert b"not completed" in received(waiting)
        assert call(port, "POST", SELECT, recorded_request())[0] == 200


@pytest.mark.fault(27)
def test_with_time_to_drain_the_service_says_first_that_it_stops_and_answers_on(tmp_path: Path) -> None:
    with running(tmp_path, UPA_CDS_DRAIN_SECONDS="2") as (process, port):
        until(lambda: answers(port))
        process.send_signal(signal.SIGTERM)
        until(lambda: call(port, "GET", "/readyz")[0] == 503)
        status, said = call(port, "GET", "/readyz")
        assert (status, said["status"], said["stopping"]) == (503, "not ready", True)
        assert call(port, "GET", "/livez")[0] == 200
        assert call(port, "POST", SELECT, recorded_request())[0] == 200
        assert process.wait(timeout=30) == 0
        with pytest.raises(ConnectionRefusedError):
            call(port, "GET", "/livez")


@pytest.mark.deep
@pytest.mark.fault(27)
@pytest.mark.parametrize("to_all", [False, True], ids=["the server", "the whole group"])
def test_every_call_that_began_before_the_end_is_answered_whole_and_recorded(tmp_path: Path, to_all: bool) -> None:
    statuses: Counter[object] = Counter()
    bodies: list[int] = []
    ended = threading.Event()

    def keep_asking(port: int) -> None:
        while not ended.is_set():
            try:
                status, body = call(port, "POST", SELECT, recorded_request())
                bodies.append(len(body["cards"]))
                statuses[status] += 1
            except ConnectionError as error:
                # Refused, or closed before anything was answered; half an answer would be a ValueError.
                statuses[type(error).__name__] += 1
                time.sleep(0.01)

    with running(tmp_path) as (process, port):
        until(lambda: answers(port))
        callers = [threading.Thread(target=keep_asking, args=(port,)) for _ in range(8)]
        for caller in callers:
            caller.start()
        until(lambda: statuses[200] >= 100)
        for pid in (*(worker_pids(process) if to_all else ()), process.pid):
            os.kill(pid, signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        ended.set()
        for caller in callers:
            caller.join()
    assert set(statuses) <= {
        200,
        "ConnectionRefusedError",
        "ConnectionResetError",
        "RemoteDisconnected",
        "BrokenPipeError",
    }
    assert statuses["ConnectionRefusedError"] > 0
    with store_at(Place(tmp_path / "data" / FILE)) as store:
        assert store.counts()["cards"] > 0
    assert set(bodies) == {bodies[0]}


@pytest.mark.deep
@pytest.mark.fault(26)
def test_a_killed_worker_is_replaced_in_less_than_two_seconds(tmp_path: Path) -> None:
    taken = []
    with running(tmp_path, "--workers", "1") as (process, port):
        until(lambda: answers(port))
        for _ in range(3):
            (before,) = worker_pids(process)
            os.kill(before, signal.SIGKILL)
            began = time.monotonic()
            wait_until(lambda before=before: worker_pids(process) not in ([], [before]) and answers(port))  # type: ignore[misc]
            assert call(port, "POST", SELECT, recorded_request())[0] == 200
            taken.append(time.monotonic() - began)
    assert min(taken) < 2


@pytest.mark.deep
@pytest.mark.fault(26)
def test_a_worker_that_dies_again_and_again_ends_the_service_in_the_end_and_not_before(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1") as (process, port):
        until(lambda: answers(port))
        for deaths in range(1, MOST_DEATHS + 2):
            (before,) = worker_pids(process)
            os.kill(before, signal.SIGKILL)
            if deaths <= MOST_DEATHS:
                wait_until(lambda before=before: worker_pids(process) not in ([], [before]) and answers(port))  # type: ignore[misc]
        assert process.wait(timeout=30) == 1


@pytest.mark.deep
@pytest.mark.fault(43)
def test_a_log_that_nobody_reads_stops_no_answer_and_says_afterwards_what_is_missing(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1") as (process, port):
        assert process.stderr is not None
        until(lambda: answers(port))
        # Of one connection, so that the lines are in the order of the calls.
        calls = 0
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            while "droppedLogLines" not in call(port, "GET", "/readyz")[1]:
                for _ in range(200):
                    connection.request("GET", "/no-such-page", headers={"X-Request-ID": str(calls)})
                    assert connection.getresponse().read()
                    calls += 1
                assert calls < 20_000
        assert call(port, "POST", SELECT, recorded_request())[0] == 200
        dropped = call(port, "GET", "/readyz")[1]["droppedLogLines"]
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.stderr if line.startswith("{")]
        assert process.wait(timeout=30) == 0
    assert sum(line["entries"] for line in lines if line["event"] == "log-lines-dropped") >= dropped > 0
    numbers = [int(line["request_id"]) for line in lines if line.get("request_id", "").isdigit()]
    assert numbers == sorted(numbers)
    assert len(numbers) + dropped >= calls > len(numbers)


@pytest.mark.deep
@pytest.mark.fault(29)
def test_a_burst_of_ten_times_what_is_let_in_has_no_other_failure_than_503_and_is_over_when_it_is_over(
    tmp_path: Path,
) -> None:
    with running(tmp_path, UPA_CDS_MAX_CALLS_AT_ONCE="4") as (_, port):
        until(lambda: answers(port))
        statuses: Counter[int] = Counter()

        def ask() -> None:
            for _ in range(5):
                statuses[call(port, "POST", SELECT, recorded_request())[0]] += 1

        callers = [threading.Thread(target=ask) for _ in range(80)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert set(statuses) <= {200, 503}
        assert statuses[200] > 0
        assert [call(port, "POST", SELECT, recorded_request())[0] for _ in range(20)] == [200] * 20
        calls = call(port, "GET", "/readyz")[1]["calls"]
        assert calls["underWay"] == 0
