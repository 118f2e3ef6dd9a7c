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
    return [value if number % every == 0 else _deep(value) for number, value in enumerate(values)]


def _deep(value: str) -> Any:
    return pytest.param(value, marks=pytest.mark.deep)
