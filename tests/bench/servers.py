"""Servers in processes of their own on loopback, and what they use: CPU time and memory, read from outside."""

import http.client
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = "/cds-services/upadacitinib-combination-select"
_RSS = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)
_LONGEST_START = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `started` is the seconds from its command to its first answer."""

    process: "subprocess.Popen[bytes]"
    port: int
    started: float

    @property
    def workers(self) -> tuple[int, ...]:
        """Return the processes that answer."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return tuple(map(int, children)) or (pid,)

    def cpu(self) -> float:
        """Return the seconds of CPU that all its processes have used."""
        return sum(map(_cpu_of, {self.process.pid, *self.workers}))

    def memory(self) -> float:
        """Return the resident memory of its largest worker, in MB (10^6 bytes)."""
        return max(map(_rss_of, self.workers))


def _cpu_of(pid: int) -> float:
    # The CPU clock of another process has this number on Linux (clock_getcpuclockid); it counts nanoseconds.
    return time.clock_gettime(~pid << 3 | 2)


def _rss_of(pid: int) -> float:
    found = _RSS.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def service(*arguments: str) -> list[str]:
    """Return the command of the service as an operator starts it; the port is added later."""
    return [sys.executable, "-m", "service", "serve", *arguments, "--port"]


def hosted(what: str, server: str = "granian") -> list[str]:
    """Return the command that serves something else, or on another server."""
    return [sys.executable, "-m", "tests.bench.host", "--server", server, what]


@contextmanager
def running(command: Sequence[str], body: bytes) -> Iterator[Server]:
    """Run a server until it has answered `body`, and end it by its handle."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        call = [*command, str(port), "--data-dir", f"{folder}/data"]
        began = time.perf_counter()
        process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_answer(process, port, body, began)
            yield Server(process, port, time.perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_answer(process: "subprocess.Popen[bytes]", port: int, body: bytes, began: float) -> None:
    while time.perf_counter() - began < _LONGEST_START:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode} before it served.")
        try:
            if post(port, body) == 200:
                return
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"{process.args!r} does not answer.")


def post(port: int, body: bytes, timeout: float = 60) -> int:
    """Send one call and return its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
