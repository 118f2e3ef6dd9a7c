"""The guard that a noisy machine cannot move: instructions of the two paths in process, over those of the floor.

`python -m tests.bench.instructions` counts them under valgrind and compares with `instructions.json`, which holds one
ratio for each path, by architecture and Python version. More than 10 % above the record fails: make it cheaper, or say
in the same commit why it costs more, with `--record`. One process imports and warms everything up; every count is a
fork of it, once with N calls and once with 2N, so that what is not the call itself cancels out. Exit code 1: above the
record; 69: no valgrind.
"""

import argparse
import gc
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import calls, floors
from tests.bench.servers import PATH, ROOT

RECORD = Path(__file__).with_name("instructions.json")
FLOOR, OUT, IN = "floor", "out of scope", "in scope"
CALLS, WARMING = 10, 30
MARGIN = 1.10
_SUMMARY = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, compare, and say what to do."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.instructions", description=__doc__.split("\n\n")[0])
    parser.add_argument("--record", action="store_true", help="write the ratios of this machine into the record")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.inside:
        _count_all(given.inside)
        return 0
    if shutil.which("valgrind") is None:
        _say("valgrind is not installed: install the Debian package valgrind.")
        return 69
    ratios = _ratios(_counted())
    known: dict[str, dict[str, float]] = json.loads(RECORD.read_text(encoding="utf-8"))
    if given.record:
        RECORD.write_text(json.dumps(known | {_here(): ratios}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    if _here() not in known:
        _say(f"{RECORD.name} has no ratios for {_here()}: add them with --record. It has {', '.join(known)}.")
        return 1
    above = exceeding(ratios, known[_here()])
    for name in above:
        _say(
            f"{name}: more than 10 % above the record. Make it cheaper, or record the new ratio in the same commit: "
            "python -m tests.bench.instructions --record"
        )
    return 1 if above else 0


def exceeding(ratios: Mapping[str, float], known: Mapping[str, float]) -> list[str]:
    """Name the paths that cost more than the record and its margin allow; one without a record is one of them."""
    return [name for name, value in ratios.items() if value > known.get(name, 0.0) * MARGIN]


def _here() -> str:
    return f"{platform.machine()} python{sys.version_info.major}.{sys.version_info.minor}"


def _ratios(counts: Mapping[str, int]) -> dict[str, float]:
    for name, count in counts.items():
        _say(f"{name:14} {count:12,} instructions a call  {count / counts[FLOOR]:7.3f} x floor")
    return {name: round(counts[name] / counts[FLOOR], 3) for name in (OUT, IN)}


def _counted() -> dict[str, int]:
    """Run the counting process under valgrind; return the instructions of one call by name."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder}/%p.out", sys.executable]
        command += ["-m", "tests.bench.instructions", "--inside", folder]
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(command, cwd=ROOT, env=environ, check=True, stderr=subprocess.DEVNULL)
        found = {file.stem: _total(Path(folder) / f"{file.read_text()}.out") for file in Path(folder).glob("*.pid")}
    return {name: (found[f"{name} 2"] - found[f"{name} 1"]) // CALLS for name in (FLOOR, OUT, IN)}


def _total(file: Path) -> int:
    found = _SUMMARY.search(file.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{file.name}: valgrind has counted nothing.")
    return int(found[1])


def _count_all(folder: Path) -> None:
    """Fork once for each count. The child's process id leads to what valgrind wrote about it."""
    paths = _paths(folder)
    for call in paths.values():
        for _ in range(WARMING):
            call()
    gc.collect()
    # A full collection would fall into one count or another, and cost more than the calls.
    gc.freeze()
    for name, call in paths.items():
        for times in (1, 2):
            child = os.fork()
            if not child:
                for _ in range(CALLS * times):
                    call()
                os._exit(0)
            os.waitpid(child, 0)
            (folder / f"{name} {times}.pid").write_text(str(child), encoding="utf-8")


def _paths(folder: Path) -> Mapping[str, Callable[[], None]]:
    from logging.config import dictConfig

    from service.app import SITE, create_app, warm
    from service.settings import Settings
    from service.telemetry import logging_config

    # Log lines are written as in service, and go nowhere.
    dictConfig(logging_config("info"))
    ours = create_app(Settings(data_dir=folder), ready=True)
    warm(ours)
    # Cards and counts are handed over as in service; their writing would fall into one count or another.
    site = ours.extensions[SITE]
    site.ledger.gathering = site.tallies.every = 24 * 3600.0
    floor = floors.application("floor")
    return {
        FLOOR: _caller(floor, calls.out_of_scope()),
        OUT: _caller(ours, calls.out_of_scope()),
        IN: _caller(ours, calls.in_scope()),
    }


def _caller(app: Any, body: bytes) -> Callable[[], None]:
    def call() -> None:
        said: list[str] = []
        parts = app(_environ(body), lambda status, _headers, _error=None: said.append(status))
        for _ in parts:
            pass
        if close := getattr(parts, "close", None):
            close()
        if said != ["200 OK"]:
            raise SystemExit(f"answered {said}: nothing can be counted.")

    return call


def _environ(body: bytes) -> dict[str, Any]:
    """Make the WSGI environment that granian gives for a call."""
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
