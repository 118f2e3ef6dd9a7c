"""Serve one of the things that are compared: `python -m tests.bench.host WHAT PORT --server SERVER`.

WHAT is `ours`, the service as `upa-cds serve` would run it, or one of the floors. SERVER is granian with the options of
the service, gunicorn or waitress. The service itself on granian is started by its own command.
"""

import argparse
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from service.commands.reloading import application
from service.commands.serve import THREADS, granian_server
from service.settings import Settings
from tests.bench import floors

SERVERS = ("granian", "gunicorn", "waitress")


def _application(what: str, settings: str) -> Any:
    return application(settings) if what == "ours" else floors.application(what)


def on_granian(make: Callable[[], Any], settings: Settings) -> None:
    """Serve with the options of the service."""
    make()
    granian_server(settings).serve(target_loader=make, wrap_loader=False)


def on_gunicorn(make: Callable[[], Any], settings: Settings) -> None:
    """Serve with threads, in as many processes as the service has."""
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            options = {
                "bind": f"127.0.0.1:{settings.port}",
                "workers": settings.workers,
                "worker_class": "gthread",
                "threads": THREADS,
                "preload_app": True,
                "loglevel": "error",
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return make()

    Application().run()


def on_waitress(make: Callable[[], Any], settings: Settings) -> None:
    """Serve with threads, in the one process that waitress has."""
    from waitress import serve

    serve(make(), host="127.0.0.1", port=settings.port, threads=THREADS, connection_limit=1000)


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.host", description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=["ours", *floors.WORK])
    parser.add_argument("port", type=int)
    parser.add_argument("--server", choices=SERVERS, default="granian")
    parser.add_argument("--data-dir", type=Path, required=True)
    given = parser.parse_args()
    settings = Settings(port=given.port, data_dir=given.data_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # Made once, so that forked workers inherit it.
    make = cache(partial(_application, given.what, settings.model_dump_json()))
    {"granian": on_granian, "gunicorn": on_gunicorn, "waitress": on_waitress}[given.server](make, settings)


if __name__ == "__main__":
    main()
