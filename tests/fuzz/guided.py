"""Fuzz the reading of requests and the decision, guided by coverage: `python -m tests.fuzz.guided [--seconds N]`.

It starts from the recorded requests and changes them as JSON more often than as bytes. What fails is written to the
folder of `--failures`, as it was found and made small. Exit code 0: nothing failed, 1: something did. Needs atheris.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from service.cases import case_names, read_case
from service.discovery import SERVICES
from service.errors import ServiceError
from service.wire import peek_hook
from tests.fuzz import generated, oracle
from tests.fuzz.smallest import smallest

# Code that is watched runs several times slower than it does in service.
SECONDS = 10.0
LONGEST = 200_000
THOROUGH = 8
LONGEST_SHOWN = 4000
FOUND = "found-"


def main() -> int:
    """Fuzz for so many seconds, in a process of its own, which ends with the first failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--within", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.within:
        _fuzz(given.within, given.failures, given.seconds, given.seed)
    with tempfile.TemporaryDirectory(prefix="upa-cds-fuzz-") as folder:
        for name in case_names():
            Path(folder, name).write_bytes(read_case(name).body)
        given.failures.mkdir(exist_ok=True)
        again = [sys.executable, "-m", "tests.fuzz.guided", "--within", folder, "--failures", str(given.failures)]
        ended = subprocess.run([*again, "--seconds", str(given.seconds), "--seed", str(given.seed)], check=False)
    found = sorted(given.failures.glob(f"{FOUND}*"))
    for file in found:
        print(f"{file}: {_made_small(file)}")  # noqa: T201
    if not found:
        given.failures.rmdir()
    return 1 if found or ended.returncode else 0


def failure(body: bytes, *, thorough: bool = True) -> str | None:
    """Say what fails when this body is posted; None for nothing. Not thorough: of most bodies only that it is answered.

    Which bodies are held against the whole contract follows from their bytes, so that what failed once fails again.
    """
    try:
        hook = peek_hook(body)
    except ServiceError:
        hook = None
    service = oracle.SERVICE.get(hook or "", SERVICES[0])
    try:
        with oracle.watchdog(SECONDS):
            if thorough or crc32(body) % THOROUGH == 0:
                return next(iter(oracle.faults(body, service)), None)
            oracle.answered(body, service)
            return None
    except Exception as error:
        return f"{type(error).__name__} at {_where(error)}"


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def changed(data: bytes, longest: int, seed: int, change_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """Change a body: mostly as JSON, a part of another request in it now and then; else any of its bytes."""
    dice = Random(seed)
    if dice.random() < 0.8:
        try:
            value = json.loads(data)
            if dice.random() < 0.3:
                value = _crossed(dice, value)
            made = json.dumps(generated.broken(dice, value)).encode()
        except (ValueError, RecursionError, OverflowError):
            made = b""
        if 0 < len(made) <= longest:
            return made
    return change_bytes(data, longest)


def _crossed(dice: Random, value: Any) -> Any:
    other = generated.request(dice)
    if not isinstance(value, dict):
        return other
    return {**value, **{key: other[key] for key in ("context", "prefetch") if key in other and dice.random() < 0.5}}


def _fuzz(corpus: Path, failures: Path, seconds: int, seed: int) -> None:
    """Run atheris, which ends this process: the modules are loaded once more, watched."""
    # Nothing but this needs it, and it is large.
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    for name in [name for name in sys.modules if name.split(".")[0] in {"cards", "service", "tests"}]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["cards", "service"], enable_loader_override=False):
        from tests.fuzz import guided

    def one(data: bytes) -> None:
        if (said := guided.failure(data, thorough=False)) is not None:
            raise AssertionError(said)

    def mutate(data: bytes, longest: int, its_seed: int) -> bytes:
        return guided.changed(data, longest, its_seed, atheris.Mutate)

    limits = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        "-timeout=120",
        "-rss_limit_mb=4096",
        "-report_slow_units=1000",
    ]
    how = [*limits, f"-seed={seed}", f"-artifact_prefix={failures}/{FOUND}", "-print_final_stats=1", "-verbosity=1"]
    atheris.Setup([sys.argv[0], *how, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def _made_small(file: Path) -> str:
    """Write the smallest request that fails as the found one does beside it; gives what fails."""
    body = file.read_bytes()
    said = failure(body)
    if said is None:
        return "fails in the fuzzer alone"

    def fails(value: Any) -> bool:
        return _kind(failure(json.dumps(value).encode())) == _kind(said)

    try:
        small = smallest(json.loads(body), fails)
    except (ValueError, RecursionError):
        return said
    smaller = file.with_name(f"small-{file.name.removeprefix(FOUND)}.json")
    text = json.dumps(small, indent=2)
    smaller.write_text(f"{text}\n", encoding="utf-8")
    return f"{said}\n{smaller}: {text[:LONGEST_SHOWN]}"


def _kind(said: str | None) -> str:
    """Give what two failures have in common that are the same: their words up to the first value."""
    return (said or "").partition("'")[0].partition("[")[0]


if __name__ == "__main__":
    sys.exit(main())
