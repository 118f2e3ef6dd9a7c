"""Every recorded case, answered again as a client of each profile gets it, keeps the response contract."""

import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest

from service.answer import build_engine
from service.cases import Case, case_names, read_case
from service.errors import ServiceError
from service.settings import Settings
from service.trust import Profile
from tests.clients import calls, contract
from tests.thorough import one_in

PROFILES: tuple[Profile, ...] = ("spec", "epic", "sandbox")
WITH_CARDS = tuple(name for name in case_names() if read_case(name).expected.get("cards"))
BESIDE = ("UPADACITINIBOPTIONS", "UPADACITINIBMONITORING")


def _drafts(name: str) -> list[dict[str, Any]]:
    context = read_case(name).request.get("context")
    orders = context.get("draftOrders") if isinstance(context, dict) else None
    entries = orders.get("entry", []) if isinstance(orders, dict) else []
    return [entry.get("resource", {}) for entry in entries]


# In the shape of R5, which the sandbox writes for no server; and in DSTU2, whose orders Epic has no action for.
R5_DRAFTS = frozenset(name for name in WITH_CARDS if any("medication" in draft for draft in _drafts(name)))
DSTU2_DRAFTS = frozenset(
    name for name in WITH_CARDS if any(draft.get("resourceType") == "MedicationOrder" for draft in _drafts(name))
)


@cache
def answers(name: str) -> dict[str, Any]:
    case = read_case(name)
    return {profile: calls.answered(case, profile) for profile in PROFILES}


def profile_of(case: Case) -> str:
    """Name the profile that a recorded case is called with: that of its first client, else that of the site."""
    clients = case.settings.get("clients", [])
    own = clients[0].get("profile", "spec") if clients and "issuers" in clients[0] else None
    return str(own or case.settings.get("profile", "spec"))


@pytest.mark.parametrize("name", case_names())
def test_a_recorded_response_keeps_the_contract_of_the_profile_it_was_recorded_with(name: str) -> None:
    case = read_case(name)
    if case.status == 200:
        assert contract.faults(dict(case.expected), profile_of(case)) == []


@pytest.mark.parametrize("name", one_in(3, WITH_CARDS))
def test_answered_again_for_each_profile_a_case_keeps_its_contract(name: str) -> None:
    called = [profile for profile in PROFILES if profile != "sandbox" or name not in R5_DRAFTS]
    assert [(profile, contract.faults(answers(name)[profile], profile)) for profile in called] == [
        (profile, []) for profile in called
    ]


@pytest.mark.parametrize("name", one_in(3, WITH_CARDS))
def test_the_decision_is_the_same_for_every_profile(name: str) -> None:
    """The same cards in the same order, with the same ids, words of warning and override reasons."""

    def decided(body: Any) -> list[Any]:
        kept = ("uuid", "summary", "indicator", "source", "overrideReasons", "links")
        return [{key: card.get(key) for key in kept} for card in body["cards"]]

    spec, *others = (decided(body) for body in answers(name).values())
    assert all(other == spec for other in others)


@pytest.mark.parametrize("name", sorted(DSTU2_DRAFTS))
def test_a_draft_that_epic_has_no_action_for_is_removed_by_hand_there(name: str) -> None:
    assert not [item for item in contract.actions(answers(name)["epic"]) if "MedicationOrder" in item["resourceId"]]


@pytest.mark.parametrize("name", one_in(3, [name for name in WITH_CARDS if name not in DSTU2_DRAFTS]))
def test_no_profile_takes_a_removal_from_a_warning_or_adds_one(name: str) -> None:
    def removals(body: Any) -> list[str]:
        warned = [card for card in body["cards"] if card["source"]["topic"]["code"] not in BESIDE]
        return [item["resourceId"] for item in contract.actions({"cards": warned})]

    spec, *others = (removals(body) for body in answers(name).values())
    assert all(other == spec for other in others)


@pytest.mark.parametrize("name", one_in(3, WITH_CARDS))
def test_what_epic_does_not_show_as_a_suggestion_stands_in_the_detail(name: str) -> None:
    spec, epic = answers(name)["spec"], answers(name)["epic"]
    for before, after in zip(spec["cards"], epic["cards"], strict=True):
        kept = {item["uuid"] for item in after.get("suggestions", [])}
        for item in before.get("suggestions", []):
            assert item["uuid"] in kept or stands(item["label"], after["detail"]), item["label"]


def stands(label: str, detail: str) -> bool:
    """Say whether a detail says what a label says: whole, or its drug and its order in an item of a list."""
    drug = re.sub(r"^(Order: |Consider |Monotherapy with |Keep )", "", label)
    name = re.split(r" instead of| as the single|: discontinue", drug)[0].casefold()
    starts = (f"- {name}: ", f"- **{name}** ", f"- {label.casefold()}")
    return any(line.casefold().startswith(starts) for line in detail.splitlines())


def test_the_cases_exercise_what_a_profile_changes() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for name in WITH_CARDS[::3]:
        for profile, body in answers(name).items():
            seen.update((profile, action["type"]) for action in contract.actions(body))
    assert seen["epic", "delete"] > 50
    assert seen["sandbox", "update"] > 5
    assert seen["spec", "create"] > 5
    assert seen["spec", "update"] > 1


@pytest.mark.parametrize(
    ("profile", "change", "fault"),
    [
        ("spec", {"indicator": "hard-stop"}, "indicator"),
        ("spec", {"summary": "x" * 140}, "summary"),
        ("spec", {"links": []}, "links"),
        ("spec", {"selectionBehavior": "at-most-one"}, "dependency"),
        ("epic", {"suggestions": [{"label": "Two", "uuid": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}]}, "0 actions"),
        ("sandbox", {"suggestions": []}, "suggestions"),
    ],
)
def test_the_contract_can_be_broken(profile: Profile, change: Any, fault: str) -> None:
    (card, *_) = read_case("order-select__fedratinib-beside-current-upadacitinib").expected["cards"]
    broken = {key: value for key, value in card.items() if key not in {"suggestions", "selectionBehavior"}} | change
    if "suggestions" in change:
        broken["selectionBehavior"] = "any"
    assert any(fault in item for item in contract.faults({"cards": [broken]}, profile))


def test_a_failure_is_the_same_for_every_profile() -> None:
    case = read_case("order-select__in-scope-without-prefetch")
    for profile in PROFILES:
        with pytest.raises(ServiceError, match="prefetch holds no medication list"):
            calls.answered(case, profile)


def test_the_profile_is_not_a_matter_of_the_knowledge_nor_of_readiness() -> None:
    engine = build_engine(Settings(profile="epic"))
    assert engine.catalogue.sha256 == build_engine(Settings()).catalogue.sha256
    assert json.dumps(engine.options.profile) == '"epic"'
