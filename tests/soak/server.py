"""The service under a soak: a process of its own with its workers, its log in a file, and what they take of memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.loopback import free_port
from tests.service.test_serve import ROOT, all_workers, answers, wait_until, worker_pids

PAGE = os.sysconf("SC_PAGE_SIZE")


class Server:
    """`upa-cds serve` on a free port; `log` is the file of its log lines."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: Path, workers: int) -> None:
        self.process, self.port, self.folder = process, port, folder
        self.log, self.data = folder / "log", folder / "data"
        self.workers = all_workers(process, workers)

    def memory(self) -> int:
        """Give the resident memory of the largest worker in bytes."""
        return max(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in self.workers)

    def replaced(self) -> bool:
        """Say whether a worker ended and another one took its place."""
        return worker_pids(self.process) != self.workers

    def lines(self) -> Iterator[dict[str, object]]:
        """Give the lines of the log."""
        with self.log.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if line.startswith("{"))


@contextmanager
def serving(folder: Path, bases: Mapping[str, str], workers: int) -> Iterator[Server]:
    """Run the service with these FHIR servers until the end of the block; it is ended by its handle."""
    port, config = free_port(), folder / "upa-cds.toml"
    listed = ", ".join(f'{{ base = "{base}", private = true }}' for base in bases.values())
    config.write_text(f"fhir_servers = [{listed}]\nfhir_seconds = 1.2\n", encoding="utf-8")
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", str(workers)]
    command += ["--data-dir", str(folder / "data"), "--config", str(config)]
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log, text=True)
        try:
            wait_until(lambda: answers(port), seconds=60)
            yield Server(process, port, folder, workers)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=20)
