"""Deliberately broken services: for each check a fault that it has to find, and what else the fault upsets."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.conformance.reference_service import ALLOW, ANSWER, SIGN, Json, as_json, problem

LEFT_OUT = object()


@dataclass(frozen=True)
class Broken:
    """A fault: how the reference service is changed, and the other checks that cannot but find it too."""

    change: Mapping[str, Any] = field(default_factory=dict)
    also: frozenset[str] = frozenset()
    over: str = "https"
    slow: float = 0.0


def _set(value: Json, fields: Mapping[str, Any]) -> None:
    for name, given in fields.items():
        if given is LEFT_OUT:
            value.pop(name, None)
        else:
            value[name] = given


def service(*also: str, **fields: Any) -> Broken:
    """Change the first service of discovery."""
    return Broken({"discovery": lambda document: _set(document["services"][0], fields)}, frozenset(also))


def template(query: str, *also: str) -> Broken:
    """Add a prefetch template."""

    def change(document: Json) -> None:
        document["services"][0]["prefetch"]["more"] = query

    return Broken({"discovery": change}, frozenset(also))


def card(*also: str, **fields: Any) -> Broken:
    """Change the card."""
    return Broken({"answer": lambda body: _set(body["cards"][0], fields)}, frozenset(also))


def source(*also: str, **fields: Any) -> Broken:
    """Change the source of the card."""
    return Broken({"answer": lambda body: _set(body["cards"][0]["source"], fields)}, frozenset(also))


def suggestion(*also: str, at: int = 0, **fields: Any) -> Broken:
    """Change a suggestion of the card."""
    return Broken({"answer": lambda body: _set(body["cards"][0]["suggestions"][at], fields)}, frozenset(also))


def action(kind: str, *also: str, **fields: Any) -> Broken:
    """Change the action of a type."""

    def change(body: Json) -> None:
        for item in body["cards"][0]["suggestions"]:
            for found in item["actions"]:
                if found["type"] == kind:
                    _set(found, fields)
                    return

    return Broken({"answer": change}, frozenset(also))


def link(at: int, *also: str, **fields: Any) -> Broken:
    """Change a link of the card."""
    return Broken({"answer": lambda body: _set(body["cards"][0]["links"][at], fields)}, frozenset(also))


def instead(response: Callable[[], Response], when: Callable[[Request], bool], *also: str) -> Broken:
    """Answer with something else where a request is of a kind."""
    return Broken({"before": lambda request: response() if when(request) else None}, frozenset(also))


def header(name: str, value: str | None, when: Callable[[Request, Response], bool], *also: str) -> Broken:
    """Change a header of some answers."""

    def change(request: Request, response: Response) -> None:
        if when(request, response):
            response.headers.pop(name, None)
            if value is not None:
                response.headers[name] = value

    return Broken({"after": change}, frozenset(also))


def lax(what: str, *also: str) -> Broken:
    """Ask for tokens, but be careless about one thing."""
    return Broken({"asks": True, "lax": frozenset({what})}, frozenset(also))


def _body(request: Request) -> Any:
    try:
        return json.loads(request.get_data())
    except ValueError:
        return None


def is_discovery(request: Request) -> bool:
    return request.method == "GET"


def is_call(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith(SIGN)


def is_valid_call(request: Request) -> bool:
    body = _body(request)
    return is_call(request) and isinstance(body, dict) and {"hook", "hookInstance", "context", "prefetch"} <= set(body)


def is_feedback(request: Request) -> bool:
    return request.path.endswith(f"{SIGN}/feedback")


def is_preflight(request: Request) -> bool:
    return request.method == "OPTIONS"


def lacks(name: str) -> Callable[[Request], bool]:
    return lambda request: is_call(request) and isinstance(_body(request), dict) and name not in _body(request)


def lacks_in_context(name: str) -> Callable[[Request], bool]:
    def when(request: Request) -> bool:
        body = _body(request)
        return is_call(request) and isinstance(body, dict) and name not in body.get("context", {name: 1})

    return when


def is_malformed_call(request: Request) -> bool:
    return is_call(request) and not isinstance(_body(request), dict)


def has_prefetch(holds: Callable[[Any], bool]) -> Callable[[Request], bool]:
    def when(request: Request) -> bool:
        body = _body(request)
        prefetch = body.get("prefetch") if isinstance(body, dict) else None
        return is_call(request) and isinstance(prefetch, dict) and holds(prefetch.get("medications"))

    return when


IS_NULL = has_prefetch(lambda value: value is None)
IS_OUTCOME = has_prefetch(lambda value: isinstance(value, dict) and value["resourceType"] == "OperationOutcome")


def _is_empty_state(request: Request) -> bool:
    body = _body(request)
    return has_prefetch(lambda value: isinstance(value, dict))(request) and body["prefetch"].get("patient") is None


def is_feedback_where(holds: Callable[[Any], bool]) -> Callable[[Request], bool]:
    """Say whether this is feedback whose array satisfies a condition."""

    def when(request: Request) -> bool:
        body = _body(request)
        entries = body.get("feedback") if isinstance(body, dict) else None
        return is_feedback(request) and isinstance(entries, list) and holds(entries)

    return when


def _twice() -> Callable[[Request], Response | None]:
    """Refuse feedback that came before."""
    seen: set[bytes] = set()

    def before(request: Request) -> Response | None:
        data = request.get_data()
        if is_feedback(request) and data in seen:
            return problem(409)
        seen.add(data)
        return None

    return before


def _no_context_wanted(request: Request) -> Response | None:
    return as_json({"cards": []}) if lacks_in_context("patientId")(request) else None


def _counting() -> Callable[[Json], None]:
    calls = iter(range(10_000))

    def change(body: Json) -> None:
        body["cards"][0]["detail"] = f"Call {next(calls)}."

    return change


def _several_recommended(body: Json) -> None:
    for item in body["cards"][0]["suggestions"]:
        item["isRecommended"] = True


def _add_service(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["services"].append({**document["services"][0], **fields})


def _html() -> Response:
    return Response("<p>sorry</p>", mimetype="text/html")


def _redirect() -> Response:
    return Response(status=302, headers={"Location": "https://elsewhere.example.org"})


def _cards() -> Response:
    return as_json({"cards": []})


def _taken() -> Response:
    return Response(status=200)


def _error() -> Response:
    return problem(500)


# Without discovery nobody knows what to call, and nothing else can be found wrong.
BROKEN: Mapping[str, Broken] = {
    "discovery.status": instead(_redirect, is_discovery),
    "discovery.json": instead(lambda: Response('{"services": []}', mimetype="text/html"), is_discovery),
    "discovery.services": instead(lambda: as_json({"services": {}}), is_discovery),
    "discovery.hook": service(hook=LEFT_OUT),
    "discovery.title": service(title=LEFT_OUT),
    "discovery.description": service(description=LEFT_OUT),
    "discovery.id": Broken(
        {"discovery": _add_service(id="a b", hook="org.example.other")}, frozenset({"calls.every-service"})
    ),
    "discovery.unique": Broken({"discovery": _add_service()}),
    "discovery.usage": service(usageRequirements=["none"]),
    "discovery.version": service(version="two"),
    "discovery.hook-version": service(hookVersion=1.0),
    "discovery.prefetch": service(prefetch=[["medications", "MedicationRequest"]]),
    "discovery.queries": template("https://fhir.example.org/Patient/{{context.patientId}}"),
    "discovery.tokens": template("Patient/{{Patient.id}}", "discovery.root-tokens"),
    "discovery.root-tokens": template("Medication?_id={{context.draftOrders.MedicationRequest.id}}"),
    "discovery.subset": template(
        "MedicationRequest?patient={{context.patientId}}&_include=MedicationRequest:medication"
    ),
    "discovery.no-empty-values": service(note=""),
    "discovery.extensions": service(extension=[{"url": "https://example.org", "valueBoolean": True}]),
    "discovery.https": Broken(over="http"),
    "calls.every-service": Broken({"discovery": _add_service(id="other", hook="org.example.other")}),
    "calls.valid": instead(lambda: problem(400), is_valid_call),
    "calls.no-5xx": instead(_error, lacks_in_context("draftOrders"), "calls.missing-context-field"),
    "calls.json": Broken(
        {
            "after": lambda request, response: (
                is_call(request) and response.headers.set("Content-Type", "text/plain")
                if response.status_code == 200
                else None
            )
        }
    ),
    "calls.cards": Broken({"answer": lambda body: body.update(card=body.pop("cards"))}),
    "calls.unknown-fields": instead(
        lambda: problem(400), lambda request: is_call(request) and b"conformanceUnknown" in request.get_data()
    ),
    "calls.missing-field": instead(_cards, lacks("hookInstance")),
    "calls.missing-context-field": Broken({"before": _no_context_wanted}),
    "calls.wrong-hook": instead(
        _cards, lambda request: b"conformance-unknown" in request.get_data() and is_call(request)
    ),
    "calls.malformed": instead(_cards, is_malformed_call, "calls.malformed-400"),
    "calls.malformed-400": instead(lambda: problem(422), is_malformed_call),
    "calls.unknown-service": instead(
        _cards, lambda request: request.path.endswith("no-such-service") and request.method == "POST"
    ),
    "calls.error-outcome": instead(lambda: Response("Bad Request", status=400), is_malformed_call),
    "calls.prefetch-absent": instead(_error, lacks("prefetch"), "calls.no-5xx"),
    "calls.prefetch-null": instead(lambda: problem(400), IS_NULL),
    "calls.prefetch-empty": instead(lambda: problem(400), _is_empty_state),
    "calls.prefetch-outcome": instead(_error, IS_OUTCOME, "calls.no-5xx"),
    "calls.empty-is-data": instead(lambda: problem(412), IS_NULL),
    "calls.deterministic": Broken({"answer": _counting()}),
    "calls.quick": Broken(slow=0.6),
    "cards.object": Broken({"answer": lambda body: body["cards"].append("a card")}),
    "cards.summary": card(summary="x" * 140),
    "cards.detail": card(detail={"text": "It was drafted."}),
    "cards.indicator": card(indicator="hard-stop"),
    "cards.source": source(label=LEFT_OUT),
    "cards.source-url": source(url="/about"),
    "cards.source-icon": source(icon="icon.png"),
    "cards.topic": source(topic={"code": "orders"}),
    "cards.uuid": card(uuid="urn:uuid:" + ANSWER["cards"][0]["uuid"]),
    "cards.uuid-unique": suggestion(uuid=ANSWER["cards"][0]["uuid"]),
    "cards.uuid-present": card(uuid=LEFT_OUT),
    "cards.suggestions": card(suggestions="Remove it"),
    "cards.selection-behavior": card(selectionBehavior=LEFT_OUT),
    "cards.selection-value": card(selectionBehavior="exactly-one"),
    "cards.suggestion-label": suggestion(label=LEFT_OUT),
    "cards.suggestion-uuid": suggestion(uuid="remove"),
    "cards.recommended": Broken({"answer": _several_recommended}),
    "cards.action-selection": suggestion(actionSelectionBehavior="any"),
    "cards.override-reasons": card(overrideReasons=[{"code": "other", "system": "https://reference.example.org"}]),
    "cards.links": link(0, type=LEFT_OUT),
    "cards.app-context": link(0, appContext="opaque"),
    "cards.autolaunchable": link(1, autolaunchable="yes"),
    "cards.no-empty-values": card(note=None),
    "cards.extensions": card(extension=[{"url": "https://example.org"}]),
    "actions.array": suggestion(at=2, actions={"type": "create"}),
    "actions.type": action("create", type="CREATE"),
    "actions.description": action("delete", description=LEFT_OUT),
    "actions.create": action("create", resource='{"resourceType": "ServiceRequest"}'),
    "actions.update": action("update", resource={"status": "draft"}),
    "actions.delete": action("delete", resource={"resourceType": "MedicationRequest"}),
    "actions.drafts": action("delete", resourceId="MedicationRequest/an-active-one"),
    "actions.system": Broken({"answer": lambda body: body.update(systemActions={"type": "create"})}),
    "feedback.accepted": instead(
        lambda: problem(400), is_feedback_where(lambda given: given[0].get("outcome") == "accepted")
    ),
    "feedback.overridden": instead(
        lambda: problem(400),
        is_feedback_where(lambda given: len(given) == 1 and given[0].get("outcome") == "overridden"),
        "feedback.repeated",
    ),
    "feedback.batch": instead(lambda: problem(400), is_feedback_where(lambda given: len(given) > 1)),
    "feedback.repeated": Broken({"before": _twice()}),
    "feedback.malformed": instead(_taken, is_feedback),
    "feedback.unknown-service": instead(_taken, lambda request: request.path.endswith("no-such-service/feedback")),
    "cors.preflight": instead(lambda: Response(status=401), is_preflight),
    "cors.allowed": header(ALLOW + "Headers", "Content-Type", lambda request, _: is_preflight(request)),
    "cors.answers": header(
        ALLOW + "Origin", None, lambda request, response: response.status_code == 200 and not is_preflight(request)
    ),
    "cors.errors": header(ALLOW + "Origin", None, lambda _, response: response.status_code >= 400),
    "cors.credentials": Broken(
        {"after": lambda _, response: response.headers.update({ALLOW + "Origin": "*", ALLOW + "Credentials": "true"})}
    ),
    "trust.good-token": Broken(
        {"asks": True, "before": lambda request: Response(status=401) if is_call(request) else None},
        frozenset({"calls.valid"}),
    ),
    "trust.no-token": lax("no-token", "trust.feedback"),
    "trust.none": lax("none"),
    "trust.symmetric": lax("symmetric"),
    "trust.other-key": lax("other-key"),
    "trust.wrong-audience": lax("aud"),
    "trust.expired": lax("exp"),
    "trust.no-expiry": lax("no-expiry"),
    "trust.other-issuer": lax("iss"),
    "trust.replay": lax("jti"),
    "trust.feedback": Broken(
        {
            "asks": True,
            "before": lambda request: (
                _taken() if is_feedback(request) and "Authorization" not in request.headers else None
            ),
        }
    ),
    "trust.same-refusal": lax("same-refusal"),
}
