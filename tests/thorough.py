"""How much a run tries: enough for whoever changes something, or, with TEST_THOROUGH set, all that `.ci/run` tries."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

THOROUGH = bool(os.environ.get("TEST_THOROUGH"))


def examples(count: int) -> int:
    """Return how many examples hypothesis draws: all of them in a thorough run, else a quarter."""
    return count if THOROUGH else max(25, count // 4)


def one_in(every: int, values: Sequence[str]) -> list[Any]:
    """Return parameters of a test: one in so many is tried in each run, the others are deep."""
    return [_param(value, value, deep=number % every > 0) for number, value in enumerate(values)]


def shares(count: int) -> list[Any]:
    """Return slices of a corpus as parameters of a test: the first is tried in each run, the others are deep."""
    return [_param(slice(number, None, count), f"{number + 1} of {count}", deep=number > 0) for number in range(count)]


def of_signals(first: int, *others: int) -> list[Any]:
    """Return the signals that end a server as parameters of a test: all but the first are deep."""
    return [_param(first, str(first), deep=False), *(_param(number, str(number), deep=True) for number in others)]


def _param(value: Any, name: str, *, deep: bool) -> Any:
    return pytest.param(value, id=name, marks=[pytest.mark.deep] if deep else [])
