"""/openapi.json is what the service does: every address, every answer, and what calls may be."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from cards import KnowledgeError
from service.app import create_app
from service.cases import Case, case_names, read_case
from service.discovery import ORDER_HELPER, SERVICES
from service.in_force import Files, InForce, Knowledge, Outcome, Reload
from service.openapi import openapi_document
from service.pages.assets import assets
from service.settings import Settings
from tests.databases import own_database
from tests.described import departures, request_faults, validator
from tests.fakes import SELECT
from tests.trust import BASE, bearer, client, pair, token

FEEDBACK = f"{SELECT}/feedback"
UUID = "3a1c8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01"
TOLD = {"card": UUID, "outcome": "overridden", "outcomeTimestamp": "2026-03-16T12:00:00Z"}
ACCEPTED = {**TOLD, "outcome": "accepted", "acceptedSuggestions": [{"id": UUID}]}
EPIC = "com.epic.cdshooks.feedback.overrideReason.reasonCategory"
RECORDED = read_case("order-select__active-tuberculosis").body
IN_NEED = read_case("order-select__in-scope-without-prefetch").body
PATHS = {service.hook: f"/cds-services/{service.id}" for service in SERVICES}
# What no schema can say: the order of another patient, a key that is sent twice.
BEYOND_A_SCHEMA = {
    "order-select__draft-of-another-patient",
    "order-select__repeated-key-in-a-draft",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("data")
    own_database(folder)
    # The addresses of the sandbox page are its own, and nobody is promised anything of them.
    return create_app(Settings(data_dir=folder, max_body_bytes=200_000, sandbox="off"), ready=True).test_client()


def asked(site: FlaskClient, method: str, path: str, **options: Any) -> tuple[int, list[str]]:
    """Make a call; gives its status, and in what the answer is not as described."""
    answer = site.open(path, method=method, **options)
    return answer.status_code, departures(method, path, answer.status_code, dict(answer.headers), answer.data)


def _rules(site: FlaskClient) -> Iterator[tuple[str, str]]:
    for rule in site.application.url_map.iter_rules():
        # A double slash is taken from clients that were given an address with one at its end.
        path = re.sub("<[^>]+>", "<>", rule.rule.replace("//", "/"))
        yield from ((path, method) for method in rule.methods or ())


def _described(**settings: bool) -> Iterator[tuple[str, str]]:
    for path, item in openapi_document(**settings)["paths"].items():
        plain = re.sub("{[^}]+}", "<>", path)
        for service in SERVICES:
            plain = plain.replace(service.id, "<>")
        yield from ((plain, method.upper()) for method in item)


def test_every_address_of_the_service_is_described_with_its_methods_and_no_other(site: FlaskClient) -> None:
    assert set(_described()) == set(_rules(site))


def test_a_test_tool_that_is_switched_on_is_described_too(tmp_path: Path) -> None:
    site = create_app(Settings(data_dir=tmp_path, order_helper=True, sandbox="off"), ready=True).test_client()
    # Its preflight is that of any service.
    own = {(path, method) for path, method in _described(order_helper=True) if method != "OPTIONS"}
    assert own == {(path, method) for path, method in _rules(site) if method != "OPTIONS"}
    path, feedback = f"/cds-services/{ORDER_HELPER.id}", {"feedback": [TOLD]}
    for method, at, body in (
        ("GET", "/cds-services", None),
        ("POST", path, RECORDED),
        ("POST", f"{path}/feedback", feedback),
    ):
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = site.open(at, method=method, data=sent, content_type="application/json")
        assert answer.status_code == 200
        assert departures(method, at, 200, dict(answer.headers), answer.data, order_helper=True) == []
    assert site.get("/openapi.json").get_json() == json.loads(json.dumps(openapi_document(order_helper=True)))


@pytest.mark.parametrize("order_helper", [False, True])
def test_the_document_is_open_api_3_1(order_helper: bool) -> None:
    validate(openapi_document(order_helper=order_helper))


def test_the_document_is_served_to_anybody_and_describes_itself(site: FlaskClient) -> None:
    answer = site.get("/openapi.json")
    assert answer.get_json() == json.loads(json.dumps(openapi_document()))
    assert asked(site, "GET", "/openapi.json") == (200, [])


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [it["operationId"] for item in openapi_document()["paths"].values() for it in item.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("hook", PATHS)
def test_every_recorded_answer_is_as_described(hook: str) -> None:
    where = ("paths", PATHS[hook], "post", "responses")
    described = openapi_document()["paths"][PATHS[hook]]["post"]["responses"]
    for case in _cases(hook):
        assert str(case.status) in described, case.name
        schema = validator(*where, str(case.status), "content", "application/json", "schema")
        assert [error.json_path for error in schema.iter_errors(case.expected)] == [], case.name


@pytest.mark.parametrize("hook", PATHS)
def test_every_recorded_request_is_as_described_unless_it_was_refused(hook: str) -> None:
    for case in _cases(hook):
        refused = case.status == 400 and case.name not in BEYOND_A_SCHEMA
        assert bool(request_faults(PATHS[hook], case.request)) is refused, case.name


def _cases(hook: str) -> Iterator[Case]:
    return (case for name in case_names() if (case := read_case(name)).hook == hook)


def test_every_member_that_is_described_of_a_card_is_in_a_recorded_answer() -> None:
    seen: set[str] = set()
    for name in case_names():
        for card in read_case(name).expected.get("cards", ()):
            seen |= {f"Card.{member}" for member in card}
            for suggestion in card.get("suggestions", ()):
                seen |= {f"Suggestion.{member}" for member in suggestion}
                seen |= {f"Action.{member}" for action in suggestion.get("actions", ()) for member in action}
            for coding in (card["source"]["topic"], *card.get("overrideReasons", ())):
                seen |= {f"Coding.{member}" for member in coding}
    schemas = openapi_document()["components"]["schemas"]
    described = {
        f"{name}.{member}"
        for name in ("Card", "Suggestion", "Action", "Coding")
        for member in schemas[name]["properties"]
    }
    assert described == seen


@pytest.mark.parametrize(
    ("schema", "change"),
    [
        ("Card", {"detail": None}),
        ("Card", {"links": []}),
        ("Card", {"summary": "x" * 140}),
        ("Card", {"suggestions": [{"label": "x", "uuid": UUID}]}),
        ("Card", {"more": 1}),
        ("Action", {"resource": {"resourceType": "MedicationRequest"}}),
        ("Suggestion", {"actions": []}),
    ],
)
def test_the_schemas_of_answers_are_strict(schema: str, change: Mapping[str, Any]) -> None:
    examples: dict[str, dict[str, Any]] = {
        "Card": {
            "uuid": UUID,
            "summary": "x",
            "detail": "x",
            "indicator": "info",
            "source": {"label": "x", "topic": {"system": "urn:x", "code": "x", "display": "x"}},
        },
        "Action": {"type": "delete", "description": "x", "resourceId": "MedicationRequest/1"},
        "Suggestion": {"label": "x", "uuid": UUID},
    }
    good = examples[schema]
    valid = validator("components", "schemas", schema).is_valid
    assert valid(good)
    assert not valid({**good, **change})


class TestOverHttp:
    """What comes over HTTP, headers and all."""

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/cds-services", 200),
            ("HEAD", "/cds-services", 200),
            ("OPTIONS", "/cds-services", 204),
            ("OPTIONS", SELECT, 204),
            ("OPTIONS", FEEDBACK, 204),
            ("OPTIONS", "/evidence/upadacitinib-jak", 204),
            ("GET", "/evidence", 200),
            ("GET", "/evidence?format=json", 200),
            ("GET", "/evidence?format=pdf", 400),
            ("GET", "/evidence/upadacitinib-biologic?format=json", 200),
            ("GET", "/evidence/upadacitinib-biologic?format=html", 200),
            ("HEAD", "/evidence/upadacitinib-biologic", 200),
            ("GET", "/evidence/no-such-rule", 404),
            ("GET", "/livez", 200),
            ("HEAD", "/livez", 200),
            ("OPTIONS", "/livez", 405),
            ("GET", "/readyz", 200),
            ("GET", f"/{assets().address('pages/evidence.css')}", 200),
            ("HEAD", f"/{assets().address('pages/evidence.css')}", 200),
            ("GET", "/static/0/pages/evidence.css", 404),
            ("GET", "/nowhere", 404),
            ("POST", "/cds-services/other", 404),
            ("GET", SELECT, 405),
            ("DELETE", "/cds-services", 405),
            ("POST", "/openapi.json", 405),
        ],
    )
    @pytest.mark.parametrize("origin", [None, "https://ehr.example.org"])
    def test_a_page_answers_as_described(
        self, site: FlaskClient, method: str, path: str, status: int, origin: str | None
    ) -> None:
        assert asked(site, method, path, headers={"Origin": origin} if origin else {}) == (status, [])

    @pytest.mark.parametrize(
        ("path", "body", "media_type", "status"),
        [
            (SELECT, None, "application/json", 200),
            (SELECT, None, "application/json+fhir", 200),
            (SELECT, None, "text/plain", 415),
            (SELECT, b"{}", "application/json", 400),
            (SELECT, b"[" * 100_000, "application/json", 400),
            (SELECT, b" " * 200_001, "application/json", 413),
            (SELECT, IN_NEED, "application/json", 412),
            (FEEDBACK, {"feedback": [TOLD]}, "application/json", 200),
            (FEEDBACK, {"feedback": [ACCEPTED, TOLD]}, "application/json", 200),
            (FEEDBACK, {"feedback": []}, "application/json", 400),
            (FEEDBACK, {"feedback": [TOLD] * 1001}, "application/json", 413),
            (FEEDBACK, {}, "application/xml", 415),
        ],
    )
    def test_a_call_answers_as_described(
        self, site: FlaskClient, path: str, body: Any, media_type: str, status: int
    ) -> None:
        sent = RECORDED if body is None else body
        data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        assert asked(site, "POST", path, data=data, content_type=media_type) == (status, [])

    def test_a_caller_that_nobody_knows_is_answered_as_described(self, tmp_path: Path) -> None:
        known = Settings(data_dir=tmp_path, public_base_url=BASE, clients=[client(jwks={"keys": [pair().jwk]})])
        site = create_app(known, ready=True).test_client()
        assert asked(site, "POST", SELECT, json={}) == (401, [])
        assert asked(site, "POST", FEEDBACK, json={}, headers=bearer(token(exp=1))) == (401, [])
        assert asked(site, "GET", "/readyz") == (200, [])
        assert asked(site, "GET", "/cds-services") == (200, [])

    def test_a_database_that_cannot_be_used_is_answered_as_described(self, tmp_path: Path) -> None:
        site = create_app(Settings(data_dir=tmp_path), ready=True).test_client()
        assert asked(site, "POST", FEEDBACK, json={"feedback": [TOLD]}) == (503, [])

    def test_a_service_without_knowledge_answers_as_described(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(settings: Any) -> None:
            raise KnowledgeError(("rules.yaml: rules.0.id: missing; give the rule an id",))

        monkeypatch.setattr("service.site.build_engine", refuse)
        site = create_app(Settings(data_dir=tmp_path)).test_client()
        assert asked(site, "POST", SELECT, json={}) == (503, [])
        assert asked(site, "GET", "/readyz") == (503, [])
        assert asked(site, "GET", "/evidence") == (503, [])

    def test_a_failure_that_nobody_foresaw_is_answered_as_described(
        self, site: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("service.hooks.answer", fail)
        assert asked(site, "POST", SELECT, json={}) == (500, [])

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_everything_that_a_site_can_set_keeps_readiness_as_described(
        self, tmp_path: Path, outcome: Outcome
    ) -> None:
        overlay = Path(str(files("fhir_fixtures"))) / "overlays" / "example.yaml"
        settings = Settings(
            data_dir=tmp_path,
            record_dir=tmp_path / "recordings",
            disabled_rules=("upadacitinib-jak",),
            silent_rules=("upadacitinib-biologic",),
            indicator_ceiling={"upadacitinib-immunosuppressant": "info"},
            options=("infliximab",),
            remember_exceptions_days=90,
            announce_version="3.0.0",
            overlay=overlay,
        )
        problems = ("x: y",) if outcome is Outcome.REFUSED else ()
        last = Reload(1, outcome, "2026-03-16T12:00:00+00:00", problems)
        Files.of(settings).write(InForce(os.getppid(), Knowledge("1.0.0", "ab" * 32), last))
        site = create_app(settings, ready=True).test_client()
        assert asked(
            site,
            "POST",
            SELECT,
            data=RECORDED,
            content_type="application/json",
        ) == (200, [])
        assert asked(site, "GET", "/readyz") == (200, [])
        assert site.get("/readyz").get_json().keys() >= {"overlay", "reload", "recording", "options"}
        assert asked(site, "GET", "/cds-services") == (200, [])


class TestRequests:
    """The schema of a request takes what is taken and refuses what is refused."""

    @pytest.mark.parametrize(
        "feedback",
        [
            [TOLD],
            TOLD,
            [ACCEPTED],
            [{**TOLD, "card": UUID.upper()}],
            [{**TOLD, "outcomeTimestamp": "2026-03-16T12:00:60.5+01:00"}],
            [{**TOLD, "overrideReason": {"reason": {"code": "x", "system": "urn:x"}}}],
            [{**TOLD, "overrideReason": {"reason": {"code": "x"}, "userComment": None}}],
            [{**TOLD, "overrideReason": {"userComment": "x"}}],
            [{**TOLD, "overrideReason": {"extension": {EPIC: "x"}}}],
            [{**TOLD, "overrideReason": None, "overrideReasons": [{"userComment": "x"}]}],
            [{**TOLD, "overrideReasons": {"userComment": "x"}}],
            [{**TOLD, "acceptedSuggestions": 1}],
            [],
            None,
            [1],
            [{**TOLD, "card": "x"}],
            [{**TOLD, "outcome": "ignored"}],
            [{**TOLD, "outcomeTimestamp": "2026-03-16T12:00:00"}],
            [{**ACCEPTED, "acceptedSuggestions": []}],
            [{**ACCEPTED, "acceptedSuggestions": [{"id": UUID}] * 101}],
            [{**TOLD, "overrideReason": {}}],
            [{**TOLD, "overrideReason": {"extension": {"other": "x"}}}],
            [{**TOLD, "overrideReason": {"userComment": " "}}],
            [{**TOLD, "overrideReason": {"userComment": "x" * 2001}}],
            [{**TOLD, "overrideReason": {"reason": {"code": " "}, "userComment": "x"}}],
            [{**TOLD, "overrideReason": {"reason": {"code": "x", "system": "a b"}}}],
            [{**TOLD, "overrideReasons": [{"userComment": "x"}, {"userComment": "y"}]}],
        ],
    )
    def test_feedback_is_described_as_it_is_read(self, site: FlaskClient, feedback: Any) -> None:
        status, _ = asked(site, "POST", FEEDBACK, json={"feedback": feedback})
        assert (status == 200) is (request_faults(FEEDBACK, {"feedback": feedback}) == [])

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"hook": "order-sign"},
            {"hook": None},
            {"hookInstance": "not a uuid"},
            {"hookInstance": " "},
            {"hookInstance": 1},
            {"context": []},
            {"context": None},
            {"prefetch": "x"},
            {"prefetch": None},
            {"fhirServer": 1, "fhirAuthorization": [], "extension": ""},
            {"patientId": "Patient/1"},
            {"patientId": "https://ehr.example.org/fhir/Patient/1//"},
            {"patientId": " / "},
            {"patientId": "1/ /"},
            {"patientId": ""},
            {"patientId": 1},
            {"draftOrders": None},
            {"draftOrders": {}},
            {"draftOrders": {"resourceType": 1}},
            {"draftOrders": {"resourceType": "Bundle", "entry": 1}},
            {"draftOrders": {"resourceType": "Patient"}},
            {"draftOrders": [1, [], {}]},
            {"draftOrders": []},
            {"draftOrders": "x"},
            {"selections": 1, "userId": 1, "encounterId": []},
        ],
        ids=json.dumps,
    )
    @pytest.mark.parametrize("listed", [False, True])
    def test_a_call_is_described_as_it_is_read(self, site: FlaskClient, change: dict[str, Any], listed: bool) -> None:
        context: dict[str, Any] = {"patientId": "1", "draftOrders": {"resourceType": "Bundle"}}
        context |= {
            key: value
            for key, value in change.items()
            if key in {"patientId", "draftOrders", "selections", "userId", "encounterId"}
        }
        request: dict[str, Any] = {
            "hook": "order-select",
            "hookInstance": UUID,
            "context": [context] if listed else context,
        }
        request |= {key: value for key, value in change.items() if key not in context}
        status, _ = asked(site, "POST", SELECT, json=request)
        assert (status == 200) is (request_faults(SELECT, request) == [])
