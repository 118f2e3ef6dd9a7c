"""Make a request that fails as small as it can be while it still fails in the same way."""

import copy
from collections.abc import Callable, Iterator
from typing import Any


def smallest(value: Any, fails: Callable[[Any], bool]) -> Any:
    """Take away members and items, and put simpler values in their places, as long as `fails` holds."""
    while True:
        found = next((smaller for smaller in _smaller(value) if fails(smaller)), None)
        if found is None:
            return value
        value = found


def _smaller(value: Any) -> Iterator[Any]:
    """Give the next simpler forms of a value, those that take away the most first."""
    for path in sorted(paths(value), key=len):
        yield _without(value, path)
        part = _at(value, path)
        if isinstance(part, (dict, list)) and part:
            yield replaced(value, path, type(part)())
        if isinstance(part, list) and len(part) == 1:
            yield replaced(value, path, part[0])
        if isinstance(part, str) and len(part) > 1:
            yield replaced(value, path, part[: len(part) // 2])
            yield replaced(value, path, part[len(part) // 2 :])


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Give the way to every part of a value, keys and indexes."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (key,)
        yield from ((key, *rest) for rest in paths(part))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    made = copy.deepcopy(value)
    del _at(made, path[:-1])[path[-1]]
    return made


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Copy a value with another part at the path."""
    made = copy.deepcopy(value)
    _at(made, path[:-1])[path[-1]] = new
    return made
