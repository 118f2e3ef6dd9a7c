"""How fast a screening is, and whether its memory grows with the export.

    python -m tests.screen.benchmark [--patients 10000 20000 40000] [--jobs 1]

Each size is a synthetic export of its own, screened by `upa-cds screen` in a process of its own.
"""

import argparse
import tempfile
from pathlib import Path

from tests.measured import measured
from tests.screen.exports import ON, write_export


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description="Measure screenings of synthetic exports.")
    parser.add_argument("--patients", type=int, nargs="+", default=[10_000, 20_000, 40_000])
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    print("patients     lines      MiB   seconds     CPU s  lines per CPU s   peak MiB")  # noqa: T201
    for patients in asked.patients:
        with tempfile.TemporaryDirectory() as folder:
            known = write_export(Path(folder), patients, files=4)
            size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1024**2
            seconds, cpu, memory = measured("screen", folder, "--on", str(ON), "--jobs", str(asked.jobs), "--json")
            rate = known.lines / cpu
            row = f"{patients:>8,} {known.lines:>9,} {size:>8.1f} {seconds:>9.1f} {cpu:>9.1f}"
            print(f"{row} {rate:>16,.0f} {memory:>10.1f}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
