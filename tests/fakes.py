"""Readable fakes of what the service stands on: an engine, an answer, a clock, a FHIR server."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from time import monotonic, sleep
from typing import Any

from flask.testing import FlaskClient

from cards import Recogniser, load_catalogue
from service.answer import Answer, Trace
from service.app import create_app
from service.discovery import Service
from service.fhir import Drafts
from service.fhir_access.fetch import FhirAccess, FhirCall, FhirSession, granted
from service.settings import ANYONE, Client, Settings
from service.wire import HookRequest

SELECT = "/cds-services/upadacitinib-combination-select"
SIGN = "/cds-services/upadacitinib-combination-sign"
_NO_CALL = HookRequest(hook="", hook_instance="", patient="")
NO_TRACE = Trace(_NO_CALL, service="", look=lambda: Drafts((), "", Recogniser(load_catalogue())))


def until(happens: Callable[[], bool]) -> None:
    """Wait for what another thread does; that it never does is a failure, and how long it takes is not the matter."""
    ends = monotonic() + 60
    while not happens():
        assert monotonic() < ends, "it did not happen"
        sleep(0.002)


@dataclass(frozen=True)
class FakeOptions:
    def ingredients(self) -> tuple[str, ...]:
        return ("risankizumab", "infliximab")


@dataclass(frozen=True)
class FakeCatalogue:
    version: str = "1.0.0"
    sha256: str = "ab" * 32
    rules: dict[str, object] = field(default_factory=lambda: {"upadacitinib-biologic": 1, "upadacitinib-jak": 2})
    options: FakeOptions = FakeOptions()


@dataclass(frozen=True)
class FakeEngine:
    catalogue: FakeCatalogue = FakeCatalogue()
    overlaid: None = None


@dataclass
class Shell:
    """The service with a fake engine; `asked` remembers what the engine was asked, `fails` makes it raise."""

    settings: Settings
    now: datetime = datetime(2026, 3, 16, 12, tzinfo=UTC)
    asked: list[tuple[bytes, Service, date]] = field(default_factory=list)
    clock_calls: int = 0
    callers: list[Client] = field(default_factory=list)
    fails: Exception | None = None
    gives: Answer = field(default_factory=lambda: Answer(body=b'{"cards":[]}', outcome="complete", trace=NO_TRACE))

    def clock(self) -> datetime:
        self.clock_calls += 1
        return self.now

    def answer(
        self,
        body: bytes,
        service: Service,
        *,
        engine: Any,
        on: date,
        client: Client = ANYONE,
        fhir: Any = None,
        documented: Any = None,
    ) -> Answer:
        self.callers.append(client)
        self.asked.append((body, service, on))
        if self.fails:
            raise self.fails
        return self.gives

    def client(self, **changed: Any) -> FlaskClient:
        settings = Settings.model_validate(self.settings.model_dump() | changed)
        return create_app(settings, clock=self.clock).test_client()


@dataclass
class FakeFhir:
    """A FHIR server by heart: for an address relative to its base a resource, a status, or the word of a problem.

    What it was not told is a 404. `asked` are the addresses in the order in which they came.
    """

    answers: Mapping[str, Mapping[str, Any] | bytes | int | str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    opened: list[FhirAccess] = field(default_factory=list)
    closed: int = 0

    def open(self, access: FhirAccess) -> FhirSession:
        granted(access)
        self.opened.append(access)
        return self

    def get(self, url: str) -> FhirCall:
        self.asked.append(url)
        match self.answers.get(url, 404):
            case int(status):
                return FhirCall("GET", url, status, b"", "status")
            case str(problem):
                return FhirCall("GET", url, None, b"", problem)
            case bytes(body):
                return FhirCall("GET", url, 200, body)
            case resource:
                return FhirCall("GET", url, 200, json.dumps(resource).encode())

    def close(self) -> None:
        self.closed += 1
