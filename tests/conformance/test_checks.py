"""Single checks against single answers: each aspect that one fault per check does not reach."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from service.conformance import CHECKS, Result, Verdict
from service.conformance.client import Exchange
from service.conformance.model import judge
from service.conformance.samples import valid_request
from service.conformance.visit import Call, Crossed, Offered, Posted, Trust, Visit, offered
from tests.conformance.reference_service import ANSWER, CODING, DOCUMENT, Json

URL = "https://reference.example.org"


def exchange(status: int | None = 200, body: Any = None, **headers: str) -> Exchange:
    given = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return Exchange("POST", URL, status, given, json.dumps(body).encode(), json=body)


def judged(visit: Visit) -> Mapping[str, Result]:
    return {result.check.name: result for result in judge(CHECKS, visit)}


def of_discovery(document: Any) -> Mapping[str, Result]:
    given = exchange(200, document)
    return judged(Visit(URL, URL, given, offered(given)))


def of_templates(**templates: Any) -> Mapping[str, Result]:
    return of_discovery({"services": [{"id": "a", "hook": "order-sign", "description": "A", "prefetch": templates}]})


def of_answer(change: Callable[[Json], object], hook: str = "order-sign", status: int = 200) -> Mapping[str, Result]:
    body = json.loads(json.dumps(ANSWER))
    for suggestion in body["cards"][0]["suggestions"]:
        suggestion["actions"] = [item for item in suggestion["actions"] if item["type"] == "create"]
    change(body)
    service = Offered("a", hook, {})
    call = Call(service, "generic request", "valid", valid_request(hook, {}), exchange(status, body))
    return judged(Visit(URL, URL, exchange(200, {"services": []}), (service,), (call,)))


def card(**fields: Any) -> Callable[[Json], object]:
    return lambda body: body["cards"][0].update(fields)


def only_action(**action: Any) -> Callable[[Json], object]:
    suggestion = {"label": "Do it", "actions": [{"description": "Do it", **action}]}
    return card(suggestions=[suggestion])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cards.summary", card(summary=None)),
        ("cards.summary", card(summary=" ")),
        ("cards.summary", card(summary=["An order was drafted."])),
        ("cards.indicator", card(indicator="Warning")),
        ("cards.indicator", card(indicator=["info"])),
        ("cards.source", card(source="Reference")),
        ("cards.source", card(source={"label": 1})),
        ("cards.source-url", card(source={"label": "Reference", "url": "www.example.org"})),
        ("cards.topic", card(source={"label": "Reference", "topic": "orders"})),
        ("cards.uuid", card(uuid="1")),
        ("cards.uuid", card(uuid=1)),
        ("cards.suggestions", card(suggestions=[])),
        ("cards.suggestions", card(suggestions=["Remove it"])),
        ("cards.recommended", card(suggestions=[{"label": "Remove it", "isRecommended": "yes"}])),
        ("cards.override-reasons", card(overrideReasons=CODING)),
        ("cards.override-reasons", card(overrideReasons=["Other"])),
        ("cards.override-reasons", card(overrideReasons=[{"display": "Other"}])),
        ("cards.links", card(links=[{"label": "Page", "url": "/page", "type": "absolute"}])),
        ("cards.links", card(links=[{"label": "Page", "url": "https://[", "type": "absolute"}])),
        ("cards.links", card(links=[{"label": "Page", "url": "https://example.org/", "type": "relative"}])),
        ("cards.links", card(links=[{"url": "https://example.org/", "type": "absolute"}])),
        ("cards.links", card(links="https://example.org/")),
        ("cards.no-empty-values", card(links=[])),
        ("cards.no-empty-values", card(detail="")),
        ("cards.no-empty-values", card(extension={})),
        ("actions.array", card(suggestions=[{"label": "Do it", "actions": []}])),
        ("actions.type", only_action(type="replace")),
        ("actions.type", only_action()),
        ("actions.create", only_action(type="create")),
        ("actions.create", only_action(type="create", resource={"id": "1"})),
        ("actions.update", only_action(type="update", resource={"resourceType": "MedicationRequest"})),
        ("actions.delete", only_action(type="delete")),
        ("actions.delete", only_action(type="delete", resourceId="1")),
        ("actions.delete", only_action(type="delete", resource="MedicationRequest/1")),
        ("actions.delete", only_action(type="delete", resourceId=f"{URL}/MedicationRequest/1")),
        ("actions.drafts", only_action(type="update", resource={"resourceType": "MedicationRequest", "id": "1"})),
        ("actions.system", lambda body: body.update(systemActions=[])),
        ("actions.system", lambda body: body.update(systemActions=[{"type": "remove"}])),
    ],
)
def test_a_faulty_card_fails(name: str, change: Callable[[Json], object]) -> None:
    result = of_answer(change)[name]
    assert result.verdict is Verdict.FAILED
    assert all(item.where and item.expected and item.came for item in result.departures)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cards.summary", card(summary="x" * 139)),
        ("cards.indicator", card(indicator="critical")),
        ("cards.selection-behavior", card(suggestions=[{"label": "Do it"}], selectionBehavior="any")),
        ("cards.recommended", card(suggestions=[{"label": "a", "isRecommended": True}] * 2, selectionBehavior="any")),
        ("actions.create", only_action(type="create", resource={"resourceType": "Task"})),
        ("cards.no-empty-values", only_action(type="create", resource={"resourceType": "Patient", "x": [None, "y"]})),
        (
            "cards.extensions",
            only_action(type="create", resource={"resourceType": "Task", "extension": [{"url": "x"}]}),
        ),
    ],
)
def test_a_card_at_the_limit_of_what_is_allowed_passes(name: str, change: Callable[[Json], object]) -> None:
    assert of_answer(change)[name].verdict is Verdict.PASSED


def test_a_null_inside_an_embedded_resource_is_found_where_fhir_forbids_it_too() -> None:
    found = of_answer(only_action(type="create", resource={"resourceType": "Task", "status": None}))
    assert found["cards.no-empty-values"].verdict is Verdict.FAILED


def test_a_target_outside_the_drafts_is_judged_for_order_hooks_only() -> None:
    change = only_action(type="delete", resourceId="Condition/1")
    assert of_answer(change, "order-select")["actions.drafts"].verdict is Verdict.FAILED
    assert of_answer(change, "patient-view")["actions.drafts"].verdict is Verdict.NOT_EXERCISED


def test_cards_beside_an_error_status_are_no_cards() -> None:
    results = of_answer(card(summary=""), status=500)
    assert results["cards.summary"].verdict is Verdict.NOT_EXERCISED
    assert results["calls.valid"].verdict is Verdict.FAILED


def test_without_a_card_no_card_check_passes() -> None:
    results = of_answer(lambda body: body.update(cards=[], systemActions=[{"type": "create"}]))
    passed = {
        name for name, result in results.items() if result.verdict is Verdict.PASSED and name.startswith("cards.")
    }
    assert passed == {"cards.no-empty-values"}


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("discovery.queries", "/Patient/{{context.patientId}}"),
        ("discovery.queries", "patient?_id={{context.patientId}}"),
        ("discovery.queries", "Patient/{{context.patientId}} "),
        ("discovery.tokens", "Patient/{{context.patientId}"),
        ("discovery.tokens", "Patient/{context.patientId}"),
        ("discovery.tokens", "Patient/{{patientId}}"),
        ("discovery.root-tokens", "Observation?subject={{context.patientId}}&date=gt{{today() - 90 days}}"),
        ("discovery.root-tokens", "Practitioner/{{%patient.generalPractitioner.resolve().id}}"),
        ("discovery.subset", "Observation?subject.name=x"),
        ("discovery.subset", "Observation?code:not=x"),
        ("discovery.subset", "Observation?date=sa2026-01-01"),
        ("discovery.subset", "Patient?_has:Observation:patient:code=1234-5"),
    ],
)
def test_a_faulty_template_is_found(name: str, query: str) -> None:
    result = of_templates(key=query)[name]
    assert result.departures
    assert result.departures[0].where == "$.services[0].prefetch.key"


@pytest.mark.parametrize(
    "query",
    [
        "Patient/{{context.patientId}}",
        "{{context.userId}}",
        "Practitioner/{{userPractitionerId}}",
        "MedicationRequest?patient={{context.patientId}}&status=active&_count=50&_sort=-date",
        "Observation?code:in=http://example.org/vs&date=ge2026-01-01",
    ],
)
def test_a_plain_template_passes(query: str) -> None:
    results = of_templates(key=query)
    names = ("discovery.prefetch", "discovery.queries", "discovery.tokens", "discovery.subset")
    assert {results[name].verdict for name in names} == {Verdict.PASSED}


def test_a_template_that_is_no_text_fails() -> None:
    assert of_templates(key={"query": "Patient"})["discovery.prefetch"].verdict is Verdict.FAILED


@pytest.mark.parametrize("document", [None, [], {}, {"services": None}, {"services": ["a"]}, "services", 1])
def test_a_document_that_is_none_fails_and_breaks_nothing(document: Any) -> None:
    assert of_discovery(document)["discovery.services"].verdict is Verdict.FAILED


def test_no_services_at_all_are_a_valid_answer() -> None:
    results = of_discovery({"services": []})
    assert {result.verdict for result in results.values()} <= {Verdict.PASSED, Verdict.NOT_EXERCISED}
    assert results["discovery.services"].verdict is Verdict.PASSED
    assert results["calls.valid"].verdict is Verdict.NOT_EXERCISED


def test_one_id_may_serve_two_hooks() -> None:
    one = DOCUMENT["services"][0]
    document = {"services": [one, {**one, "hook": "order-select"}]}
    assert of_discovery(document)["discovery.unique"].verdict is Verdict.PASSED


def called(variant: str, status: int | None, *, valid: int = 200) -> Mapping[str, Result]:
    service = Offered("a", "order-sign", {"patient": "Patient/{{context.patientId}}"})
    request = valid_request(service.hook, service.templates)
    calls = (
        Call(service, "generic request", "valid", request, exchange(valid, {"cards": []})),
        Call(service, "generic request", variant, request, exchange(status, {"cards": []})),
    )
    return judged(Visit(URL, URL, exchange(200, {"services": []}), (service,), calls))


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500, 503, None])
def test_a_body_that_is_no_json_is_not_refused_by_a_status_that_means_something_else(status: int | None) -> None:
    assert called("malformed: cut short", status)["calls.malformed"].verdict is Verdict.FAILED


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_body_that_is_no_json_is_refused_with_a_4xx(status: int) -> None:
    assert called("malformed: cut short", status)["calls.malformed"].verdict is Verdict.PASSED


@pytest.mark.parametrize("valid", [401, 404, 500])
def test_a_service_that_refuses_everything_is_not_praised_for_refusing(valid: int) -> None:
    assert called("malformed: cut short", 400, valid=valid)["calls.malformed"].verdict is Verdict.NOT_EXERCISED


@pytest.mark.parametrize("state", ["absent", "null", "empty", "outcome"])
@pytest.mark.parametrize("status", [400, 401, 500, 503, None])
def test_a_prefetch_state_is_answered_with_200_or_412_only(state: str, status: int | None) -> None:
    name = f"calls.prefetch-{state}"
    assert called(f"prefetch {state}", status)[name].verdict is Verdict.FAILED
    assert {called(f"prefetch {state}", fine)[name].verdict for fine in (200, 412)} == {Verdict.PASSED}


def test_an_asking_service_tells_how_to_give_a_token() -> None:
    (departure,) = called("malformed: cut short", 401, valid=401)["calls.valid"].departures
    assert departure.came == "HTTP 401; give --jwt or --key"


def test_without_a_feedback_page_nothing_is_said_about_feedback() -> None:
    posts = tuple(
        Posted("a", kind, exchange(404)) for kind in ("overridden", "malformed: cut short", "unknown service")
    )
    results = judged(Visit(URL, URL, exchange(200, {"services": []}), feedback=posts))
    found = {result.verdict for name, result in results.items() if name.startswith("feedback.")}
    assert found == {Verdict.NOT_EXERCISED}


def test_feedback_that_breaks_the_service_fails() -> None:
    posts = (Posted("a", "overridden", exchange(500)), Posted("a", "malformed: cut short", exchange(500)))
    results = judged(Visit(URL, URL, exchange(200, {"services": []}), feedback=posts))
    assert results["feedback.overridden"].verdict is Verdict.FAILED
    assert results["feedback.malformed"].verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("name", "status", "headers"),
    [
        ("cors.preflight", 204, {}),
        ("cors.preflight", 308, {"access_control_allow_origin": URL}),
        ("cors.preflight", 204, {"access_control_allow_origin": "https://other.example.org"}),
        ("cors.allowed", 204, {"access_control_allow_headers": "authorization"}),
        ("cors.allowed", 204, {"access_control_allow_headers": "*", "access_control_allow_origin": URL}),
        (
            "cors.allowed",
            204,
            {"access_control_allow_headers": "authorization, content-type", "access_control_allow_methods": "GET"},
        ),
    ],
)
def test_a_preflight_that_a_browser_would_not_accept_fails(name: str, status: int, headers: dict[str, str]) -> None:
    crossed = (Crossed("preflight", "a", exchange(status, **headers)),)
    assert judged(Visit(URL, URL, exchange(200, {"services": []}), crossed=crossed))[name].verdict is Verdict.FAILED


def test_trust_is_judged_only_where_the_good_token_is_taken() -> None:
    refused = exchange(401)
    trust = Trust("a", refused, refused, {"none": refused}, (refused, refused), refused)
    results = judged(Visit(URL, URL, exchange(200, {"services": []}), trust=trust))
    found = {name: result.verdict for name, result in results.items() if name.startswith("trust.")}
    assert found.pop("trust.good-token") is Verdict.FAILED
    assert set(found.values()) == {Verdict.NOT_EXERCISED}


@pytest.mark.parametrize("status", [200, 403, 500, None])
def test_a_forged_token_is_refused_with_401_and_nothing_else(status: int | None) -> None:
    trust = Trust("a", exchange(200), exchange(401), {"none": exchange(status)})
    results = judged(Visit(URL, URL, exchange(200, {"services": []}), trust=trust))
    assert results["trust.none"].verdict is Verdict.FAILED
    assert results["trust.no-token"].verdict is Verdict.PASSED
    assert results["trust.expired"].verdict is Verdict.NOT_EXERCISED
