"""What can only be measured inside a process: the decision alone, and a catalogue of ten times the size."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from unittest import mock

from cards import Catalogue, Recogniser, evaluate
from cards.schema.part import CodeLists
from service.answer import Engine, answer, build_engine
from service.discovery import SERVICES
from service.settings import Settings

_SELECT = next(service for service in SERVICES if service.hook == "order-select")
_SECONDS = 0.2


def evaluate_times(body: bytes, rounds: int) -> list[float]:
    """Return the CPU of `cards.evaluate` on the record of a call in ms, one per round."""
    engine, on = build_engine(Settings()), _today()
    with mock.patch("service.answer.evaluate", wraps=evaluate) as seen:
        answer(body, _SELECT, engine=engine, on=on)
    arguments: tuple[Any, ...] = seen.call_args.args
    return [_cpu(lambda: evaluate(*arguments)) for _ in range(rounds)]


def catalogue_times(body: bytes, rounds: int) -> tuple[list[float], list[float]]:
    """Return the CPU of an answer in ms with ten times the ingredients and codes, and with those there are."""
    engine, on = build_engine(Settings()), _today()
    larger = ten_times_engine(engine)
    pairs = [(_answered(body, larger, on), _answered(body, engine, on)) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def ten_times_engine(engine: Engine) -> Engine:
    """Make an engine with the larger catalogue."""
    catalogue = ten_times(engine.catalogue)
    return replace(engine, catalogue=catalogue, recogniser=Recogniser(catalogue, catalogue.subject))


def ten_times(catalogue: Catalogue) -> Catalogue:
    """Add nine of each ingredient, under names and codes that nothing else has."""
    more = {
        f"{key}-{n}": item.model_copy(
            update={
                "names": tuple(f"{name} {n}x" for name in item.names),
                "brands": tuple(f"{name} {n}x" for name in item.brands),
                "codes": _numbered(item.codes, n),
            }
        )
        for n in range(1, 10)
        for key, item in catalogue.ingredients.items()
    }
    return replace(catalogue, ingredients={**catalogue.ingredients, **more})


def _numbered(lists: CodeLists, n: int) -> CodeLists:
    return {system: tuple(f"{value}-{n}" for value in values) for system, values in lists.items()}


def _answered(body: bytes, engine: Engine, on: date) -> float:
    return _cpu(lambda: answer(body, _SELECT, engine=engine, on=on))


def _cpu(work: Callable[[], object]) -> float:
    """Return the CPU of some work in ms: as often as fits into a moment, after one time that warms up."""
    work()
    count, began = 0, time.process_time()
    while (used := time.process_time() - began) < _SECONDS:
        work()
        count += 1
    return used / count * 1000


def _today() -> date:
    return datetime.now(UTC).date()
