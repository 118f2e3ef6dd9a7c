"""The benchmark measures what it says. Nothing is timed here."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from service.answer import answer, build_engine
from service.discovery import SERVICES
from service.settings import Settings
from tests.bench import calls, floors, inside, instructions
from tests.bench.model import Figure, Spread

ON = date(2026, 3, 16)


def _resources(body: bytes) -> list[dict[str, Any]]:
    prefetch = json.loads(body)["prefetch"].values()
    return [entry["resource"] for value in prefetch for entry in value.get("entry", ())]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(part)


@pytest.mark.parametrize("body", [calls.out_of_scope(), calls.in_scope()], ids=["out of scope", "in scope"])
def test_the_reference_call_is_as_large_as_it_is_said_to_be(body: bytes) -> None:
    resources = _resources(body)
    orders = [item for item in resources if item["resourceType"] == "MedicationRequest"]
    assert (len(orders), len(resources) - len(orders)) == (30, 20)
    assert 90_000 < len(body) < 97_000
    order = orders[-1]
    assert 1_900 < len(json.dumps(order, separators=(",", ":"))) < 2_300
    assert len(list(_objects(order))) - 1 == 28
    assert len(json.loads(body)["context"]["draftOrders"]["entry"]) == 2


def test_the_long_record_has_five_thousand_medications_of_which_ten_resources_are_ours() -> None:
    body = calls.many_medications()
    assert sum(item["resourceType"] == "MedicationRequest" for item in _resources(body)) == 4_999
    assert 5_500_000 < len(body) < 6_600_000


def test_both_paths_take_the_way_that_is_measured() -> None:
    engine, select = build_engine(Settings()), SERVICES[0]
    assert answer(calls.out_of_scope(), select, engine=engine, on=ON).outcome == "out-of-scope"
    given = answer(calls.in_scope(), select, engine=engine, on=ON)
    assert given.rules == ("upadacitinib-biologic",)
    assert given.deviations == ()


def test_a_floor_parses_the_body_and_answers_with_its_card() -> None:
    for name in ("read-only", "split", "everything"):
        client = floors.application(name).test_client()
        assert client.post("/cds-services/any", data=calls.in_scope()).data == floors.CARD
    for name in ("split", "everything"):
        app = floors.application(name)
        app.testing = True
        with pytest.raises(msgspec.DecodeError):
            app.test_client().post("/cds-services/any", data=b"{")


def test_the_larger_catalogue_has_ten_times_the_ingredients_and_gives_the_same_answer() -> None:
    engine = build_engine(Settings())
    assert len(inside.ten_times(engine.catalogue).ingredients) == 10 * len(engine.catalogue.ingredients)
    larger = inside.ten_times_engine(engine)
    given = [answer(calls.in_scope(), SERVICES[0], engine=one, on=ON).body for one in (engine, larger)]
    assert given[0] == given[1]


def test_a_path_above_its_record_and_the_margin_is_named() -> None:
    known = {"out of scope": 0.5, "in scope": 2.0}
    assert instructions.exceeding({"out of scope": 0.55, "in scope": 2.0}, known) == []
    assert instructions.exceeding({"out of scope": 0.56, "in scope": 1.0}, known) == ["out of scope"]
    assert instructions.exceeding({"new": 0.1}, known) == ["new"]


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"), [(0.4, False, "PASS"), (0.7, False, "MISS"), (0.7, True, "PASS")]
)
def test_a_goal_is_passed_at_its_limit_or_beyond(value: float, at_least: bool, verdict: str) -> None:
    figure = Figure(1, "a cost", "x", Spread.of([value]), 0.6, at_least=at_least)
    assert figure.passed is (verdict == "PASS")


def test_the_spread_of_rounds_is_their_median_and_their_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.00004]) == Spread(2.0, 1.0, 3.0)
