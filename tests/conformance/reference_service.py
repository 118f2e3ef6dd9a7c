"""A small correct CDS service that knows nothing of upadacitinib, with places at which a test can break it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from werkzeug.test import Client as WsgiClient
from werkzeug.wrappers import Request, Response

Json = dict[str, Any]

BASE = "https://reference.example.org/cds"
ORIGIN = "https://ehr.example.org"
ISSUER = "https://ehr.example.org/fhir"
KID = "key-1"
KEY = ec.generate_private_key(ec.SECP256R1())
SIGN, VIEW = "reference-sign", "reference-view"
ALLOW = "Access-Control-Allow-"


def nothing(*_: Any) -> None:
    """Break nothing."""


@dataclass
class Reference:
    """The service. `discovery` and `answer` edit what it sends, `before` answers instead of it, `after` after it.

    `asks` makes it ask for tokens; it is then careless about the claims and faults named in `lax`.
    """

    discovery: Callable[[Json], object] = nothing
    answer: Callable[[Json], object] = nothing
    before: Callable[[Request], Response | None] = nothing
    after: Callable[[Request, Response], object] = nothing
    asks: bool = False
    lax: frozenset[str] = frozenset()
    seen: set[str] = field(default_factory=set)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        response = self.before(request) or self._respond(request)
        if request.method == "OPTIONS":
            response.headers[ALLOW + "Methods"] = "GET, POST"
            response.headers[ALLOW + "Headers"] = "Authorization, Content-Type"
        response.headers[ALLOW + "Origin"] = ORIGIN
        self.after(request, response)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status=204)
        path = request.path.removeprefix("/cds/cds-services").strip("/").split("/")
        if path == [""]:
            return self._discover()
        if path[0] not in (SIGN, VIEW) or path[1:] not in ([], ["feedback"]):
            return problem(404)
        if self.asks and (refusal := self._refusal(request)):
            return refusal
        return self._feedback(request) if path[1:] else self._call(request, path[0])

    def _discover(self) -> Response:
        document = json.loads(json.dumps(DOCUMENT))
        self.discovery(document)
        return as_json(document)

    def _call(self, request: Request, service: str) -> Response:
        try:
            asked = json.loads(request.get_data())
        except ValueError:
            return problem(400)
        if not isinstance(asked, dict) or not isinstance(asked.get("context"), dict) or not asked.get("hookInstance"):
            return problem(400)
        context = asked["context"]
        if asked.get("hook") != HOOKS[service] or "patientId" not in context:
            return problem(400)
        if service == VIEW:
            return as_json({"cards": []})
        if "draftOrders" not in context:
            return problem(400)
        if "medications" not in asked.get("prefetch", {}):
            return problem(412)
        body = self._answer(context["draftOrders"]["entry"][0]["resource"])
        self.answer(body)
        return as_json(body)

    def _answer(self, draft: Json) -> Json:
        body: Json = json.loads(json.dumps(ANSWER))
        delete, update, _ = (item["actions"][0] for item in body["cards"][0]["suggestions"])
        delete["resourceId"] = f"{draft['resourceType']}/{draft['id']}"
        update["resource"] = {**draft, "note": [{"text": "changed"}]}
        return body

    def _feedback(self, request: Request) -> Response:
        try:
            entries = json.loads(request.get_data())["feedback"]
            assert isinstance(entries, list)
            for entry in entries:
                assert entry["card"]
                assert entry["outcome"] in ("accepted", "overridden")
        except (ValueError, KeyError, AssertionError):
            return problem(400)
        return Response(status=200)

    def _refusal(self, request: Request) -> Response | None:
        try:
            self._check(request.headers.get("Authorization", "").removeprefix("Bearer "), request.base_url)
        except jwt.PyJWTError as error:
            return Response(type(error).__name__ if "same-refusal" in self.lax else "", status=401)
        return None

    def _check(self, token: str, url: str) -> None:
        if not token and "no-token" in self.lax:
            return
        header = jwt.get_unverified_header(token)
        kind = {"none": "none", "HS256": "symmetric"}.get(header["alg"], "other-key")
        claims = jwt.decode(
            token,
            KEY.public_key(),
            algorithms=["ES256"],
            audience=url,
            options={
                "verify_signature": kind not in self.lax,
                "require": ["iat", "iss", "aud", "jti", *(() if "no-expiry" in self.lax else ("exp",))],
                "verify_exp": "exp" not in self.lax,
                "verify_aud": "aud" not in self.lax,
            },
        )
        if claims["iss"] != ISSUER and "iss" not in self.lax:
            raise jwt.InvalidIssuerError
        if claims["jti"] in self.seen and "jti" not in self.lax:
            raise jwt.exceptions.InvalidJTIError
        self.seen.add(claims["jti"])


class InProcess(BaseAdapter):
    """Answers `requests` from a WSGI application, without a socket."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        super().__init__()
        self.client = WsgiClient(application)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        address = urlsplit(str(request.url))
        given = self.client.open(
            path=address.path,
            base_url=f"{address.scheme}://{address.netloc}",
            method=str(request.method),
            headers=dict(request.headers),
            data=body,
        )
        answered = requests.Response()
        answered.status_code = given.status_code
        answered.headers.update(given.headers)
        answered.raw = HTTPResponse(BytesIO(given.get_data()), status=given.status_code, preload_content=False)
        answered.url = str(request.url)
        answered.request = request
        return answered

    def close(self) -> None:
        """Nothing is open."""


def session_of(application: Callable[..., Iterable[bytes]]) -> requests.Session:
    """Make a session that reaches one application and nothing else."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, InProcess(application))
    return session


def as_json(value: Any) -> Response:
    """Make a response of JSON."""
    return Response(json.dumps(value), mimetype="application/json")


def problem(status: int) -> Response:
    """Make an error as the standard wants it."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
    return Response(json.dumps(outcome), status=status, mimetype="application/json")


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{BASE}/{name}"))


HOOKS: Mapping[str, str] = {SIGN: "order-sign", VIEW: "patient-view"}

DOCUMENT: Json = {
    "services": [
        {
            "id": SIGN,
            "hook": "order-sign",
            "title": "Reference",
            "description": "Says one thing about every order.",
            "version": "2.0.1",
            "hookVersion": "1.0",
            "usageRequirements": "None.",
            "prefetch": {
                "patient": "Patient/{{context.patientId}}",
                "medications": "MedicationRequest?patient={{context.patientId}}&status=active",
                "user": "{{context.userId}}",
            },
            "extension": {"org.example.reference": {"kind": "test"}},
        },
        {
            "id": VIEW,
            "hook": "patient-view",
            "title": "Reference view",
            "description": "Says nothing about any chart.",
            "version": "2.0.1",
        },
    ]
}

CODING = {"code": "other", "system": "https://reference.example.org/reasons", "display": "Other"}

ANSWER: Json = {
    "cards": [
        {
            "uuid": _uuid("card"),
            "summary": "An order was drafted.",
            "detail": "It was **drafted**.",
            "indicator": "info",
            "source": {
                "label": "Reference",
                "url": "https://reference.example.org",
                "icon": "https://reference.example.org/icon.png",
                "topic": {"code": "orders", "system": "https://reference.example.org/topics"},
            },
            "suggestions": [
                {
                    "label": "Remove it",
                    "uuid": _uuid("remove"),
                    "isRecommended": True,
                    "actions": [{"type": "delete", "description": "Remove the draft"}],
                },
                {
                    "label": "Change it",
                    "uuid": _uuid("change"),
                    "actions": [{"type": "update", "description": "Change the draft"}],
                },
                {
                    "label": "Add one",
                    "uuid": _uuid("add"),
                    "actions": [
                        {
                            "type": "create",
                            "description": "Add a service request",
                            "resource": {"resourceType": "ServiceRequest", "status": "draft", "intent": "order"},
                        }
                    ],
                },
            ],
            "selectionBehavior": "at-most-one",
            "overrideReasons": [CODING],
            "links": [
                {"label": "Page", "url": "https://reference.example.org/page", "type": "absolute"},
                {
                    "label": "App",
                    "url": "https://reference.example.org/app",
                    "type": "smart",
                    "appContext": "opaque",
                    "autolaunchable": False,
                },
            ],
            "extension": {"org.example.reference": {"kind": "test"}},
        }
    ],
    "systemActions": [{"type": "create", "resource": {"resourceType": "Task", "status": "draft", "intent": "plan"}}],
}
