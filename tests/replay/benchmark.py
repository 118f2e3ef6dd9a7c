"""How fast a replay is, and whether its memory grows with the recording.

    python -m tests.replay.benchmark [--calls 10000 100000] [--twice 1]

Each size is a synthetic recording of its own, whose answers `upa-cds replay` compares with this build.
"""

import argparse
import tempfile
from itertools import islice
from pathlib import Path

from tests.measured import measured
from tests.replay.traffic import answered, traffic, write


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description="Measure replays of synthetic recordings.")
    parser.add_argument("--calls", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--twice", default="1", help="share of the calls that are answered twice")
    asked = parser.parse_args()
    print("   calls   seconds     CPU s  calls per CPU s   peak MiB")  # noqa: T201
    for calls in asked.calls:
        with tempfile.TemporaryDirectory() as folder:
            recording = write(Path(folder) / "week.ndjson.gz", answered(islice(traffic(1), calls)))
            seconds, cpu, memory = measured(
                "replay", str(recording), "--twice", asked.twice, "--out", str(Path(folder) / "out")
            )
            row = f"{calls:>8,} {seconds:>9.1f} {cpu:>9.1f} {calls / cpu:>16,.0f} {memory:>10.1f}"
            print(row, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
