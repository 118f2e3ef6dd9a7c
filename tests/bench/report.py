"""A run of the benchmark as a record (JSON), as text, and as the tables of the README."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from tests.bench.compared import ServerFinding
from tests.bench.model import Cost, Figure, Spread

RECORD = Path(__file__).with_name("record.json")
_PACKAGES = ("flask", "werkzeug", "granian", "gunicorn", "waitress", "orjson", "msgspec", "pydantic", "fhir.resources")


class Peer(msgspec.Struct, frozen=True):
    """Our cost in scope beside that of another service, measured by hand in an environment of its own."""

    on: str
    versions: dict[str, str]
    cost: Cost
    ratio: Spread


class Record(msgspec.Struct, frozen=True):
    """One run: where, with what, and what came out."""

    on: str
    machine: dict[str, str]
    versions: dict[str, str]
    rounds: int
    costs: list[Cost]
    figures: list[Figure]
    servers: list[ServerFinding] = []
    healthchain: Peer | None = None


def machine() -> dict[str, str]:
    """Say what this machine is."""
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": cpus[0].partition(":")[2].strip() if cpus else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Say the versions of the packages that bear on the numbers."""
    return {name: version(name) for name in packages}


def today() -> str:
    """Return the day of a run."""
    return datetime.now(UTC).date().isoformat()


def read(file: Path = RECORD) -> Record:
    """Read a record that was written."""
    return msgspec.json.decode(file.read_bytes(), type=Record)


def write(record: Record, file: Path) -> None:
    """Write a record, in lines that a reviewer can compare."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


# ---------------------------------------------------------------------------------------------------------- as text


def as_text(record: Record) -> str:
    """Write a run for the terminal."""
    lines = [
        f"{record.on}, {record.rounds} rounds; " + ", ".join(f"{key} {value}" for key, value in record.machine.items()),
        ", ".join(f"{key} {value}" for key, value in record.versions.items()),
    ]
    costs = [*record.costs, *([record.healthchain.cost] if record.healthchain else [])]
    if costs:
        lines += ["", "server CPU in ms per request, answers per second, times in ms; median (min..max)"]
        lines += [_cost_line(item) for item in costs]
    if figures := _all_figures(record):
        lines += ["", *(_figure_line(item) for item in figures)]
    if record.servers:
        lines += ["", *(_server_line(item) for item in record.servers)]
    return "\n".join(lines)


def _cost_line(item: Cost) -> str:
    return (
        f"{item.name:22} CPU {_spread(item.cpu):26} per second {_spread(item.per_second):24} "
        f"p50 {item.p50.median:g} p99 {_spread(item.p99)} client {item.client.median:g}"
    )


def _figure_line(item: Figure) -> str:
    return f"{item.section}  {_verdict(item):8} {item.what:58} {_spread(item.value)} {item.unit}  {_goal(item)}"


def _server_line(item: ServerFinding) -> str:
    return (
        f"{item.cost.name:10} CPU {_spread(item.cost.cpu)} p99 {_spread(item.cost.p99)} p99/p50 at 32 "
        f"{item.tail.median:g} beside stalled {item.stalled.median:g} at SIGTERM {item.finished}/{item.asked}"
    )


# ------------------------------------------------------------------------------------------------------ in the README


def readme(record: Record) -> str:
    """Write the tables of the README."""
    goals = [
        f"| {item.section} | {item.what} | {_goal(item)} | {_spread(item.value)}{_unit(item)} | {_verdict(item)} |"
        for item in _all_figures(record)
    ]
    servers = [
        f"| {item.cost.name} | {_spread(item.cost.cpu)} ms | {_spread(item.cost.p99)} ms | {item.tail.median:g} x "
        f"| {item.stalled.median:g} x | {item.finished} of {item.asked} |"
        for item in record.servers
    ]
    return "\n".join(
        [
            f"{record.on}, {_machine(record)}, {record.rounds} rounds; median (min..max).",
            "",
            *_table("# | What | Goal | Measured | ", goals),
            "",
            *_table(
                "Server | CPU per call | p99, 8 connections | p99 / p50 at 32 | p95 beside stalled calls "
                "| answered at SIGTERM",
                servers,
            ),
        ]
    )


def _table(head: str, rows: Sequence[str]) -> list[str]:
    return [f"| {head} |", "|" + "---|" * (head.count("|") + 1), *rows]


def _machine(record: Record) -> str:
    packages = ", ".join(f"{name} {value}" for name, value in record.versions.items())
    return (
        f"{record.machine['processor']}, {record.machine['cores']} cores, Linux {record.machine['kernel']}, "
        f"Python {record.machine['python']}, {packages}"
    )


def _all_figures(record: Record) -> list[Figure]:
    figures = list(record.figures)
    if record.healthchain:
        what = f"in scope: CPU / HealthChain {record.healthchain.versions['healthchain']}, its prefetch conversion"
        figures.append(Figure(2, what, "x", record.healthchain.ratio, 0.05))
    return sorted(figures, key=lambda item: item.section)


def _goal(item: Figure) -> str:
    if item.limit is None:
        return ""
    sign = "at least" if item.at_least else "at most"
    stretch = f" (stretch {item.stretch:g})" if item.stretch is not None else ""
    return f"{sign} {item.limit:g}{_unit(item)}{stretch}"


def _unit(item: Figure) -> str:
    return f" {item.unit}" if item.unit else ""


def _verdict(item: Figure) -> str:
    if item.passed is None:
        return ""
    return ("STRETCH" if item.stretch is not None and item.meets(item.stretch) else "PASS") if item.passed else "MISS"


def _spread(spread: Spread) -> str:
    if spread.low == spread.high:
        return f"{spread.median:g}"
    return f"{spread.median:g} ({spread.low:g}..{spread.high:g})"
