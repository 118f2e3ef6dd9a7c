"""The pieces of the guided fuzzer: it finds what fails, says it, and makes it small."""

import json
from typing import Any

import pytest

from service.cases import read_case
from tests.fuzz import guided
from tests.fuzz.smallest import smallest

BODY = read_case("order-sign__upadacitinib-beside-transplant-tacrolimus").body


def test_a_recorded_request_does_not_fail() -> None:
    assert guided.failure(BODY) is None


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000])
def test_what_is_refused_does_not_fail(body: bytes) -> None:
    assert guided.failure(body) is None


def test_what_nobody_foresaw_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("service.answer.evaluate", fail)
    assert (guided.failure(BODY) or "").startswith("KeyError at test_guided.py:")


def test_a_request_is_changed_the_same_way_for_the_same_seed() -> None:
    def as_bytes(data: bytes, longest: int) -> bytes:
        return data[:longest]

    made = {guided.changed(BODY, guided.LONGEST, 3, as_bytes) for _ in range(2)}
    assert len(made) == 1
    assert made != {BODY}
    assert len(guided.changed(BODY, 100, 3, as_bytes)) <= 100


def test_a_failing_request_is_made_as_small_as_it_can_be() -> None:
    def fails(value: Any) -> bool:
        return "tacrolimus" in json.dumps(value)

    small = smallest(json.loads(BODY), fails)
    assert fails(small)
    assert len(json.dumps(small)) < 150
