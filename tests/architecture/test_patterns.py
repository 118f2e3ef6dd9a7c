"""No pattern of ours needs more than linear time: none repeats a repetition (attack S16)."""

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

import cards
import service

REPEATS = {constants.MAX_REPEAT, constants.MIN_REPEAT}
# They run where they are imported.
LEFT_OUT = ("__main__", ".migrations.env", ".versions.")


def modules() -> Iterator[ModuleType]:
    for package in (cards, service):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in found.name for part in LEFT_OUT):
                yield importlib.import_module(found.name)


def patterns() -> list[re.Pattern[Any]]:
    return [value for module in modules() for value in vars(module).values() if isinstance(value, re.Pattern)]


def repeats_a_repetition(pattern: str | bytes, flags: int = 0) -> bool:
    return _nested(parser.parse(pattern, flags), within=False)


def _nested(tree: Any, *, within: bool) -> bool:
    for what, argument in tree:
        endless = what in REPEATS and argument[1] == constants.MAXREPEAT
        if endless and within:
            return True
        if any(_nested(part, within=within or endless) for part in _parts(argument)):
            return True
    return False


def _parts(argument: Any) -> Iterator[Any]:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for one in argument:
            yield from _parts(one)


@pytest.mark.parametrize("bad", [r"^(\w+\s?)*$", r"(a|b+)+c", r"(?:(?:x*)y?)*"])
def test_a_pattern_that_needs_years_would_be_seen(bad: str) -> None:
    assert repeats_a_repetition(bad)


@pytest.mark.parametrize("good", [r"^\w+$", r"(ab)+", r"[a-z]+\d*", r"(?:\d{1,4}-)+"])
def test_a_plain_pattern_is_let_through(good: str) -> None:
    assert not repeats_a_repetition(good)


def test_no_pattern_repeats_a_repetition() -> None:
    # In a process of its own: every module is imported, and what other tests did to them is not looked at.
    said = subprocess.run(
        [sys.executable, "-m", "tests.architecture.test_patterns"],
        cwd=Path(service.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    number, *found = said.stdout.splitlines()
    assert int(number) > 50
    assert found == []


if __name__ == "__main__":
    every = patterns()
    bad = [each.pattern for each in every if repeats_a_repetition(each.pattern, each.flags)]
    sys.stdout.write("\n".join(map(str, (len(every), *bad))))
