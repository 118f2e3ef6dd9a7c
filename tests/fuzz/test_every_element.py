"""Each element that a recorded request has, with a value of each other kind in its place: answered or refused."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from service.cases import case_names, read_case
from tests.fuzz import oracle
from tests.fuzz.smallest import paths, replaced

VALUES: tuple[Any, ...] = (None, True, 0, 1.5, "", "x", [], ["x"], [[]], [None], {}, {"x": []})
# The same element stands in many cases, and what is read of it depends on what stands beside it.
TIMES = 4


def _element(request: Any, path: tuple[Any, ...]) -> tuple[str, ...]:
    """Name the element at a path: from the resource it is part of, without indexes."""
    names: list[str] = []
    kind, value = "", request
    for key in path:
        if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
            kind, names = value["resourceType"], []
        if isinstance(key, str):
            names.append(key)
        value = value[key]
    return (kind, *names)


def requests() -> Iterator[tuple[str, bytes]]:
    """Give each element with each value in its place, in the cases that have it and say the most."""
    seen: Counter[tuple[str, ...]] = Counter()
    cases = (case for name in case_names() if (case := read_case(name)).status == 200)
    for case in sorted(cases, key=lambda case: len(str(case.expected)), reverse=True):
        request = case.request
        new = {element: path for path in paths(request) if seen[element := _element(request, path)] < TIMES}
        seen.update(new.keys())
        for path in new.values():
            for value in VALUES:
                yield case.hook, json.dumps(replaced(request, path, value)).encode()


@pytest.mark.deep
def test_whatever_stands_in_the_place_of_an_element_is_answered_or_refused() -> None:
    told: Counter[int] = Counter()
    for hook, body in requests():
        with oracle.watchdog():
            status, _ = oracle.answered(body, oracle.SERVICE[hook])
        told[status] += 1
    assert set(told) == {200, 400, 412}
    assert told.total() > 10_000
