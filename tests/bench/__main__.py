"""Measure the service beside the floor: `python -m tests.bench [SECTION ...]`.

Without a section everything but `healthchain` is measured, in about six minutes; that one needs the Python of an
environment of its own (`--python`). `--json FILE` writes the record and keeps what it has of sections that were not
run; `python -m tests.generated` then writes the tables of the README of this folder. Servers listen on loopback. Exit
code 1: a goal was missed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.bench import report
from tests.bench.compared import compare_servers
from tests.bench.goals import SECTIONS
from tests.bench.peer import beside_healthchain
from tests.bench.report import Record

SERVERS, HEALTHCHAIN = "servers", "healthchain"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join([*SECTIONS, SERVERS, HEALTHCHAIN]))
    parser.add_argument("--rounds", type=int, default=15, help="alternating rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record; sections that were not run stay")
    parser.add_argument("--python", type=Path, help="interpreter of an environment with healthchain")
    given = parser.parse_args(arguments)
    sections = given.sections or [*SECTIONS, SERVERS]
    if unknown := set(sections) - {*SECTIONS, SERVERS, HEALTHCHAIN}:
        parser.error(f"unknown section {', '.join(sorted(unknown))}")
    if HEALTHCHAIN in sections and given.python is None:
        parser.error("healthchain needs --python, the interpreter of its own environment")
    record = _measured(sections, given.rounds, given.python)
    _say(report.as_text(record))
    if given.json:
        report.write(_merged(record, given.json), given.json)
    return 0 if all(item.passed is not False for item in record.figures) else 1


def _measured(sections: Sequence[str], rounds: int, python: Path | None) -> Record:
    found = []
    for name in SECTIONS:
        if name in sections:
            _say(f"measuring {name} ...")
            found.append(SECTIONS[name](rounds))
    return Record(
        on=report.today(),
        machine=report.machine(),
        versions=report.versions(),
        rounds=rounds,
        costs=[cost for part in found for cost in part.costs],
        figures=[figure for part in found for figure in part.figures],
        servers=compare_servers(max(3, rounds // 3)) if SERVERS in sections else [],
        healthchain=beside_healthchain(python, max(3, rounds // 3)) if python and HEALTHCHAIN in sections else None,
    )


def _merged(new: Record, file: Path) -> Record:
    """Keep of the record before what was not measured this time: the servers and HealthChain only."""
    if not file.exists():
        return new
    old = report.read(file)
    if not new.figures:
        return msgspec.structs.replace(
            old, servers=new.servers or old.servers, healthchain=new.healthchain or old.healthchain
        )
    return msgspec.structs.replace(
        new, servers=new.servers or old.servers, healthchain=new.healthchain or old.healthchain
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
