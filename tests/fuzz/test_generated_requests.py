"""Requests made by chance: whatever comes, the answer keeps the contract, in time, and no text of it is markup."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.discovery import SERVICES
from tests import builders as make
from tests.fuzz import generated, oracle
from tests.markup import PAYLOADS

DICE = st.randoms(use_true_random=False)
PROFILES = st.sampled_from(oracle.PROFILES)
CHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
FEW = settings(max_examples=40, suppress_health_check=CHECKED)
MANY = settings(max_examples=2500, suppress_health_check=CHECKED, database=None, derandomize=True)
BIOLOGIC = "UPADACITINIBBIOLOGIC"


@pytest.fixture(scope="module", autouse=True)
def models_are_loaded() -> None:
    """Load the models of every version, so that the first request that needs them is not the slow one."""
    for seed in range(12):
        request = generated.request(Random(seed))
        oracle.answered(json.dumps(request).encode(), oracle.SERVICE[request["hook"]], oracle.PROFILES[seed % 3])


def checked(dice: Random, profile: oracle.Profile) -> None:
    request = generated.request(dice)
    body = json.dumps(generated.broken(dice, request)).encode()
    service = oracle.SERVICE[request["hook"]]
    with oracle.watchdog():
        oracle.answered(body, service, profile)
    assert oracle.faults(body, service, profile) == []


def hidden(dice: Random) -> None:
    """Put broken resources beside a pair in force: whatever is said beside it, the pair is named."""
    draft, order = make.draft("d", "upadacitinib"), make.medication_request("m", "infliximab", authoredOn="2026-02-01")
    request = make.order_sign([draft], [order])
    entries = request["prefetch"]["medicationRequests"]["entry"]
    for item in generated.neighbours(dice):
        entries.insert(dice.randint(0, len(entries)), {"resource": item})
    status, body = oracle.answered(json.dumps(request).encode(), oracle.SERVICE["order-sign"])
    # What nobody may read (a number without an end, a hundred levels) is refused, and never silence.
    if status == 400:
        return
    assert status == 200
    assert BIOLOGIC in {card["source"]["topic"]["code"] for card in json.loads(body)["cards"]}


def _compute_for_ever() -> None:
    with oracle.watchdog(0.05):
        while True:
            pass


@FEW
@given(DICE, PROFILES)
def test_whatever_is_sent_gets_an_answer_that_keeps_the_contract(dice: Random, profile: oracle.Profile) -> None:
    checked(dice, profile)


@FEW
@given(DICE)
def test_no_broken_resource_hides_the_pair_beside_it(dice: Random) -> None:
    hidden(dice)


@pytest.mark.deep
@MANY
@given(DICE, PROFILES)
def test_thousands_of_requests_get_answers_that_keep_the_contract(dice: Random, profile: oracle.Profile) -> None:
    checked(dice, profile)


@pytest.mark.deep
@MANY
@given(DICE)
def test_none_of_thousands_of_broken_resources_hides_the_pair_beside_it(dice: Random) -> None:
    hidden(dice)


class TestTheOracle:
    """What the requests above are held against can tell right from wrong."""

    @pytest.mark.parametrize("name", ["link", "image", "script", "image tag", "bare address", "heading", "code span"])
    def test_text_that_was_not_escaped_is_noticed(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        modules = ("history_text", "table", "build")
        for module in modules:
            monkeypatch.setattr(f"cards.{module}.escape", lambda text, longest=60: text, raising=False)
        concept = make.concept(f"infliximab\n\n{PAYLOADS[name]}")
        order = make.medication_request("m", "x", medicationCodeableConcept=concept)
        body = json.dumps(make.order_sign([make.draft("d", "upadacitinib")], [order])).encode()
        assert any("makes" in fault for fault in oracle.faults(body, oracle.SERVICE["order-sign"]))

    @pytest.mark.parametrize(
        "change",
        [
            lambda told: told["cards"][0].update(summary="x" * 140),
            lambda told: told["cards"][0].update(links=[]),
            lambda told: told["cards"][0].update(detail=None),
            lambda told: told["cards"][0]["suggestions"][0].update(actions=[]),
            lambda told: told["cards"][0]["suggestions"][0]["actions"][0].update(resourceId="MedicationRequest/other"),
        ],
    )
    def test_an_answer_that_departs_from_the_contract_is_noticed(
        self, change: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = make.medication_request("m", "infliximab")
        body = json.dumps(make.order_sign([make.draft("d", "upadacitinib")], [order])).encode()
        status, given_ = oracle.answered(body, oracle.SERVICE["order-sign"])
        told = json.loads(given_)
        change(told)
        monkeypatch.setattr(oracle, "answered", lambda *_: (status, json.dumps(told).encode()))
        assert oracle.faults(body, oracle.SERVICE["order-sign"])

    def test_a_loop_without_an_end_is_noticed(self) -> None:
        with pytest.raises(oracle.Hang):
            _compute_for_ever()

    def test_a_request_is_the_same_for_the_same_chance(self) -> None:
        made = [json.dumps(generated.broken(Random(7), generated.request(Random(7)))) for _ in range(2)]
        assert made[0] == made[1]

    def test_requests_are_made_of_every_hook_and_get_every_kind_of_answer(self) -> None:
        seen: set[tuple[str, int, bool]] = set()
        for seed in range(150):
            request = generated.request(Random(seed))
            body = json.dumps(generated.broken(Random(seed), request)).encode()
            status, given_ = oracle.answered(body, oracle.SERVICE[request["hook"]])
            seen.add((request["hook"], status, b'"uuid"' in given_))
        assert {hook for hook, status, cards in seen if status == 200 and cards} == {it.hook for it in SERVICES}
        assert {status for _, status, _ in seen} == {200, 400, 412}
