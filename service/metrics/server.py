"""The page for Prometheus, on a port of its own, of all workers together.

Workers share a folder in which each has its numbers in files; those of a worker that died still count. One worker
holds the port and adds them up when it is asked; when it ends, the next one that tries gets the port.
"""

import errno
import logging
import os
import threading
from pathlib import Path
from time import monotonic

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service import telemetry
from service.metrics.metrics import Metrics
from service.own_thread import OwnThread

TAKE_OVER_SECONDS, REFRESH_SECONDS = 1.0, 5.0


class MetricsServer:
    """Keeps the numbers of this worker fresh, and serves those of all where no other worker does."""

    def __init__(self, metrics: Metrics, folder: Path, host: str, port: int) -> None:
        self._metrics, self._folder, self._host, self._port = metrics, folder, host, port
        self._serving = self._failed = False

    def start(self) -> None:
        """Begin, in a thread of this process. At its end the last counts are carried over."""
        # Ends after the queues were flushed, so that what they lost is counted.
        OwnThread("metrics", self._run, self._refresh, priority=5).begin()

    def _run(self) -> None:
        refreshed: float | None = None
        while True:
            if refreshed is None or monotonic() - refreshed >= REFRESH_SECONDS:
                self._refresh()
                refreshed = monotonic()
            if self._serving:
                self._forget_the_dead()
            else:
                self._serve()
            threading.Event().wait(TAKE_OVER_SECONDS)

    def _refresh(self) -> None:
        try:
            self._metrics.refresh()
        except Exception as error:
            self._tell(error)

    def _serve(self) -> None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
        try:
            start_http_server(self._port, addr=self._host, registry=registry)
        except OSError as error:
            # As a rule another worker has it.
            if error.errno != errno.EADDRINUSE:
                self._tell(error)
            return
        self._serving = True

    def _forget_the_dead(self) -> None:
        """Take away what only the living can say, such as how much waits; what the dead counted stays."""
        for pid in {int(file.stem.rpartition("_")[2]) for file in self._folder.glob("gauge_live*_*.db")}:
            if not _alive(pid):
                mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]

    def _tell(self, error: Exception) -> None:
        if not self._failed:
            telemetry.write("metrics-failed", level=logging.WARNING, **telemetry.failure(error))
        self._failed = True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
