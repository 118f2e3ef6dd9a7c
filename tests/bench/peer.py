"""HealthChain beside us, by hand: its service needs an environment of its own, since its requirements are not ours."""

import json
import subprocess
from pathlib import Path

from tests.bench import calls
from tests.bench.report import Peer, today
from tests.bench.rounds import Contestant, cost, ratio, take_turns
from tests.bench.servers import service

THEIRS = Path(__file__).with_name("healthchain_service.py")
_PACKAGES = ("healthchain", "fastapi", "uvicorn", "pydantic", "fhir.resources")


def beside_healthchain(python: Path, rounds: int) -> Peer:
    """Let the in-scope call take turns with HealthChain and its conversion of the prefetch."""
    body = calls.in_scope()
    theirs = Contestant("HealthChain", [str(python), "-P", str(THEIRS)], body, 40)
    ours = Contestant("in scope", service(), body, 300)
    turns = take_turns([theirs, ours], rounds)
    under = [item.cpu for item in turns[theirs.name]]
    return Peer(
        on=today(),
        versions=_versions(python),
        cost=cost(theirs.name, turns[theirs.name]),
        ratio=ratio([item.cpu for item in turns[ours.name]], under),
    )


def _versions(python: Path) -> dict[str, str]:
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {_PACKAGES!r}}}))"
    told: dict[str, str] = json.loads(subprocess.run([python, "-c", code], capture_output=True, check=True).stdout)
    return told
