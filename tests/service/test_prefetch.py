"""Absent, empty, failed and unreadable are four different things."""

import json
from typing import Any

import pytest

from cards.model import Gap
from service.prefetch import Prefetched, collect
from service.wire import Deviation, read_request
from tests import builders as make
from tests.builders import Json


class _Sign:
    id = "sign"
    hook = "order-sign"


def _collected(prefetch: Any) -> Prefetched:
    return collect(read_request(json.dumps(make.order_sign([]) | {"prefetch": prefetch}).encode(), _Sign()))


def _outcome(severity: str) -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}


ORDER = make.medication_request("r1", "adalimumab")
PROBLEM = make.condition("c1", "crohn")
EMPTY = make.bundle()
EPIC_EMPTY = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 0,
    "entry": [{"search": {"mode": "outcome"}, "resource": _outcome("warning")}],
}


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    "prefetch",
    [
        {"medicationRequests": None},
        {"medicationRequests": EMPTY},
        {"medicationStatements": EPIC_EMPTY},
        {"medicationDispenses": make.bundle(ORDER)},
        {"renamed": EMPTY},
        {"renamed": ORDER},
        {"patient": make.bundle(ORDER)},
        {"medicationRequests": {"response": {"status": "200 OK"}, "resource": EMPTY}},
        {"medicationRequests": {"response": {"status": "200 OK"}, "resource": None}},
    ],
)
def test_a_medication_list_is_obtained_also_when_it_is_empty(prefetch: Json) -> None:
    collected = _collected(prefetch)
    assert collected.medications_obtained
    assert collected.gaps == {Gap.CONDITIONS_ABSENT: 1, Gap.ALLERGIES_ABSENT: 1}


@pytest.mark.parametrize(
    "prefetch",
    [
        None,
        {},
        {"patient": make.patient()},
        {"conditions": make.bundle(PROBLEM), "patient": EMPTY},
        {"renamed": None},
        {"renamed": "text"},
        {"renamed": {"resourceType": "Medication", "id": "m"}},
    ],
)
def test_what_nobody_asked_for_is_absent(prefetch: Json | None) -> None:
    collected = _collected(prefetch)
    assert not collected.medications_obtained
    assert collected.gaps[Gap.MEDICATIONS_ABSENT] == 1


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    "value",
    [
        _outcome("error"),
        _outcome("information"),
        {"response": {"status": "404"}},
        {"response": {"status": "500"}, "resource": None},
        {"response": {"status": "200"}, "resource": _outcome("warning")},
        "<html>Service unavailable</html>",
        [ORDER],
        {},
        5,
        {"resource": {"foo": 1}},
    ],
)
def test_a_medication_key_that_failed_is_not_a_missing_one(value: object) -> None:
    collected = _collected({"medicationRequests": value})
    assert not collected.medications_obtained
    assert collected.gaps[Gap.MEDICATIONS_FAILED] == 1
    assert Gap.MEDICATIONS_ABSENT not in collected.gaps
    assert collected.resources == ()


def test_conditions_are_told_apart_in_the_same_way() -> None:
    assert _collected({"conditions": None}).conditions_supplied
    assert Gap.CONDITIONS_FAILED in _collected({"conditions": _outcome("error")}).gaps
    assert Gap.CONDITIONS_ABSENT in _collected({"medicationRequests": None}).gaps
    assert _collected({"renamed": PROBLEM}).conditions_supplied


def test_allergies_are_supplied_when_their_key_was_answered() -> None:
    assert _collected({"allergies": EMPTY}).allergies_supplied
    assert not _collected({"medicationRequests": EMPTY}).allergies_supplied


@pytest.mark.fault(7)
@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_an_error_among_the_matches_is_a_gap_and_the_matches_are_used(severity: str) -> None:
    found = make.bundle(ORDER)
    found["entry"].append({"resource": _outcome(severity)})
    collected = _collected({"renamed": found})
    assert [item.id for item in collected.resources] == ["r1"]
    assert collected.medications_obtained
    assert collected.gaps[Gap.MEDICATIONS_FAILED] == 1


def test_a_hint_among_the_matches_is_no_gap() -> None:
    found = make.bundle(ORDER)
    found["entry"].append({"search": {"mode": "outcome"}, "resource": _outcome("information")})
    assert Gap.MEDICATIONS_FAILED not in _collected({"medicationRequests": found}).gaps


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("key", "found", "gap"),
    [
        ("medicationRequests", EMPTY, Gap.MEDICATIONS_PAGED),
        ("renamed", make.bundle(ORDER), Gap.MEDICATIONS_PAGED),
        ("conditions", EMPTY, Gap.CONDITIONS_PAGED),
        ("renamed", make.bundle(PROBLEM), Gap.CONDITIONS_PAGED),
    ],
)
@pytest.mark.parametrize(
    "link",
    [
        [{"relation": "self", "url": "u"}, {"relation": "next", "url": "u"}],
        {"relation": "next", "url": "u"},
    ],
)
def test_a_bundle_with_more_pages_is_a_gap(key: str, found: Json, gap: Gap, link: object) -> None:
    assert _collected({key: found | {"link": link}}).gaps[gap] == 1


def test_pages_of_other_things_are_no_gap() -> None:
    coverage = {"resourceType": "Bundle", "link": [{"relation": "next", "url": "u"}]}
    assert (
        _collected({"medicationRequests": None, "conditions": None, "allergies": None, "coverage": coverage}).gaps == {}
    )


def test_a_failed_key_beside_a_good_one_is_both() -> None:
    collected = _collected({"medicationRequests": make.bundle(ORDER), "medicationDispenses": _outcome("error")})
    assert collected.medications_obtained
    assert collected.gaps[Gap.MEDICATIONS_FAILED] == 1


def test_garbage_under_an_unknown_key_is_only_counted() -> None:
    collected = _collected({"medicationRequests": None, "conditions": None, "allergies": None, "notes": "free text"})
    assert collected.gaps == {}
    assert collected.deviations == (Deviation.PREFETCH_UNREADABLE,)


@pytest.mark.fault(16)
def test_resources_are_found_in_every_wrapping() -> None:
    wrapped = {"response": {"status": "200 OK"}, "resource": ORDER}
    inner = {"resourceType": "Bundle", "entry": [{"resource": wrapped}, PROBLEM, {"resource": make.bundle(ORDER)}]}
    collected = _collected({"a": wrapped, "b": inner, "c": {"resourceType": "Bundle", "entry": {"resource": ORDER}}})
    assert [item.kind for item in collected.resources] == [
        "MedicationRequest",
        "MedicationRequest",
        "Condition",
        "MedicationRequest",
        "MedicationRequest",
    ]
    assert Deviation.PREFETCH_WRAPPED in collected.deviations


def test_a_wrapper_around_wrappers_ends_somewhere() -> None:
    value: Json = ORDER
    for _ in range(50):
        value = {"resource": value}
    assert _collected({"medicationRequests": value}).gaps[Gap.MEDICATIONS_FAILED] == 1


def test_the_address_of_an_entry_stays_with_its_resource() -> None:
    resource = _collected({"a": make.bundle(ORDER)}).resources[0]
    assert resource.url == f"{make.SERVER}/MedicationRequest/r1"


def test_a_resource_with_a_number_for_an_id_is_kept() -> None:
    collected = _collected({"a": make.bundle(ORDER | {"id": 17})})
    assert [(item.kind, item.id) for item in collected.resources] == [("MedicationRequest", "17")]
