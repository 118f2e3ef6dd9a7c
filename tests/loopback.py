"""The service on loopback, for tests that reach it as others do: over a socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, request

from service.app import SITE, create_app, local_server
from service.settings import Settings
from service.store import Place
from service.store.migrate import upgrade

# The day of most recorded cases.
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def site_on(
    port: int, folder: Path, now: datetime = NOON, seen: list[tuple[str, str]] | None = None, **settings: Any
) -> Iterator[str]:
    """Serve a site whose clock stands at `now`, with its own database in `folder`; gives its address.

    Method and path of each call go into `seen`.
    """
    site = Settings.model_validate({"data_dir": folder, "port": port} | settings)
    upgrade(Place.of(site))
    app = create_app(site, clock=lambda: now)
    if seen is not None:
        app.before_request(lambda: seen.append((request.method, request.path)))
    with served(app, port) as address:
        yield address


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve an application from a thread, on loopback; gives its address."""
    server = local_server(app, port)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, name=f"site-{server.port}", daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
        if SITE in app.extensions:
            app.extensions[SITE].close()
