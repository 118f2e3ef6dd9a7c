"""One query to its last page: what is delivered, what is wrong with it, and where it ends."""

import json
from typing import Any

import msgspec
import pytest

from service.fhir import Delivery, open_value
from service.fhir_access.fetch import FhirAccess, FhirCall
from service.fhir_access.pages import MOST_PAGES, MOST_RESOURCES, Answered, Query, read_pages
from service.fhir_server import FhirServer
from service.wire import FhirOffer
from tests import builders as make
from tests.fakes import FakeFhir

BASE = make.SERVER
URL = "MedicationRequest?patient=patient-1"
SEARCH = Query("medicationRequests", "MedicationRequest", URL)
READ = Query("patient", "Patient", "Patient/patient-1")
ORDER = make.medication_request("o1", "adalimumab")
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
HINT = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}


def read(answers: Any, query: Query = SEARCH) -> Answered:
    server = FakeFhir(answers)
    session = server.open(FhirAccess(FhirOffer(BASE, "t"), "patient-1", (FhirServer(base=BASE),), 1.0))
    answered = read_pages(session, query, BASE)
    assert [call.url for call in answered.calls] == server.asked
    return answered


def page(*resources: Any, next_url: object = None) -> dict[str, Any]:
    link = [] if next_url is None else [{"relation": "self", "url": "x"}, {"relation": "next", "url": next_url}]
    return make.bundle(*resources) | {"link": link}


def states(delivery: Delivery) -> tuple[bool, bool, bool]:
    return delivery.is_bundle, delivery.failed, delivery.paged


def test_a_search_without_matches_is_an_answer() -> None:
    answered = read({URL: make.bundle()})
    assert (states(answered.delivery), answered.problem) == ((True, False, False), None)


def test_a_resource_read_by_its_id_is_delivered() -> None:
    answered = read({READ.url: make.patient()}, READ)
    assert [item.kind for item in answered.delivery.resources] == ["Patient"]
    assert (states(answered.delivery), answered.problem) == ((False, False, False), None)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (403, "status"),
        ("timeout", "timeout"),
        (b"<html>", "unreadable"),
        (b'{"resourceType": "Bundle", "entry": [{', "unreadable"),
        (b'{"resourceType": "Bundle", "total": 0, "total": 1}', "unreadable"),
        (b'{"resourceType": "Bundle", "total": NaN}', "unreadable"),
        (b"\xef\xbb\xbf{}", "unreadable"),
        (b'{"resourceType":"Bundle","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "unreadable"),
        (b"null", "unreadable"),
        (b"{}", "unreadable"),
        (b'"Bundle"', "unreadable"),
        (ERROR, "operation-outcome"),
        (HINT, "operation-outcome"),
        (ORDER, "unexpected-resource"),
    ],
)
def test_a_search_that_is_not_answered_with_a_bundle_has_failed(answer: Any, word: str) -> None:
    answered = read({URL: answer})
    assert (states(answered.delivery), answered.problem) == ((False, True, False), word)
    assert answered.delivery.resources == []


@pytest.mark.parametrize("answer", [make.bundle(make.patient()), make.bundle(), ORDER])
def test_a_read_that_is_answered_with_anything_else_has_failed(answer: Any) -> None:
    answered = read({READ.url: answer}, READ)
    assert (states(answered.delivery), answered.problem) == ((False, True, False), "unexpected-resource")


@pytest.mark.fault(7)
@pytest.mark.parametrize(("extra", "word"), [(ERROR, "error-among-matches"), ({"foo": 1}, "unreadable")])
def test_what_is_wrong_among_the_matches_is_a_failure_and_the_matches_are_kept(extra: Any, word: str) -> None:
    found = make.bundle(ORDER)
    found["entry"].append({"resource": extra})
    answered = read({URL: found})
    assert [item.id for item in answered.delivery.resources] == ["o1"]
    assert (states(answered.delivery), answered.problem) == ((True, True, False), word)


def test_a_hint_among_the_matches_is_no_failure() -> None:
    found = make.bundle(ORDER)
    found["entry"].append({"search": {"mode": "outcome"}, "resource": HINT})
    assert read({URL: found}).problem is None


def test_every_page_is_read() -> None:
    more = make.medication_request("o2", "infliximab")
    answered = read({URL: page(ORDER, next_url=f"{BASE}?page=2"), "?page=2": page(more)})
    assert [item.id for item in answered.delivery.resources] == ["o1", "o2"]
    assert (states(answered.delivery), answered.problem) == ((True, False, False), None)


@pytest.mark.fault(9, 10)
@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ({URL: page(ORDER, next_url="?page=2"), "MedicationRequest?page=2": "timeout"}, "timeout"),
        ({URL: page(ORDER, next_url="?page=2"), "MedicationRequest?page=2": 500}, "status"),
        ({URL: page(ORDER, next_url="?page=2"), "MedicationRequest?page=2": ERROR}, "operation-outcome"),
        ({URL: page(ORDER, next_url=URL)}, "pages-in-a-circle"),
        ({URL: page(ORDER, next_url="A?"), "A": page(next_url="B"), "B": page(next_url="A")}, "pages-in-a-circle"),
        ({URL: page(ORDER, next_url="//evil.example.org/x")}, "link-refused"),
        ({URL: page(ORDER, next_url="https://evil.example.org/fhir/x")}, "link-refused"),
        ({URL: page(ORDER, next_url="http://169.254.169.254/fhir/x")}, "link-refused"),
        ({URL: page(ORDER, next_url=["x"])}, "link-unreadable"),
        ({URL: make.bundle(ORDER) | {"link": [{"relation": "next"}]}}, "link-unreadable"),
    ],
)
def test_a_page_that_cannot_be_read_leaves_the_rest_missing_and_the_first_pages_in_use(answers: Any, word: str) -> None:
    answered = read(answers)
    assert [item.id for item in answered.delivery.resources] == ["o1"]
    assert (states(answered.delivery), answered.problem) == ((True, False, True), word)


@pytest.mark.fault(9)
def test_pages_without_an_end_are_left() -> None:
    endless = {f"P?n={n}": page(make.medication_request(f"o{n}", "x"), next_url=f"P?n={n + 1}") for n in range(100)}
    answered = read({URL: page(next_url="P?n=0")} | endless)
    assert (len(answered.calls), answered.problem) == (MOST_PAGES, "too-many-pages")
    assert answered.delivery.paged


@pytest.mark.fault(9)
def test_resources_without_an_end_are_left() -> None:
    many = page(*(make.medication_request(f"o{n}", "x") for n in range(MOST_RESOURCES)), next_url="P?n=1")
    answered = read({URL: many, "P?n=1": page()})
    assert (len(answered.calls), answered.problem) == (1, "too-many-resources")
    assert answered.delivery.paged


def begun(next_url: str) -> Query:
    delivered = open_value(msgspec.Raw(json.dumps(page(ORDER, next_url=next_url)).encode()))
    return Query("medicationRequests", "MedicationRequest", None, delivered)


def test_what_the_client_began_is_read_to_the_end() -> None:
    answered = read({"?page=2": page(make.medication_request("o2", "x"))}, begun(f"{BASE}?page=2"))
    assert [item.id for item in answered.delivery.resources] == ["o1", "o2"]
    assert (states(answered.delivery), answered.problem) == ((True, False, False), None)


@pytest.mark.parametrize(("link", "word"), [("https://evil.example.org/x", "link-refused"), ("?page=2", "status")])
def test_what_the_client_began_stays_begun_where_it_cannot_be_read_on(link: str, word: str) -> None:
    answered = read({}, begun(link))
    assert [item.id for item in answered.delivery.resources] == ["o1"]
    assert (states(answered.delivery), answered.problem) == ((True, False, True), word)


def test_a_call_shows_no_body() -> None:
    assert "canary" not in repr(FhirCall("GET", URL, 200, b"canary"))
