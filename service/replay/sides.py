"""The two sides of a replay: what was recorded, this build with some knowledge, or a service behind a URL."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Protocol

import msgspec
from pydantic import ValidationError

from cards import KnowledgeError
from service.answer import Engine, answer, build_engine
from service.cases import shift_text, shifted
from service.discovery import service_by_id
from service.errors import ServiceError, UnknownService, operation_outcome
from service.recording.format import RecordingError
from service.replay.calls import Call
from service.replay.fhir_calls import reads_of
from service.replay.posting import Poster, Signing, poster
from service.replay.reading import NO_ANSWER, Names
from service.settings import ANYONE, Client, Settings, check_options, check_rules

# What the middle of an answer's way may fail with and nobody foresaw: told by its kind, as the service would.
UNFORESEEN = 500
READ_FROM_SERVER = "its answer needs the FHIR server of the recording"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a side gave: status 0 where it gave nothing, and then `problem` says why.

    `unidentified` counts medicines that nothing names; None: not known from outside. `ms` is the time that it took.
    `left_out` says that the call cannot be put to this side at all.
    """

    status: int
    body: bytes = b""
    ms: float | None = None
    unidentified: int | None = None
    problem: str | None = None
    left_out: str | None = None


class Side(Protocol):
    """Answers recorded calls."""

    @property
    def again(self) -> bool:
        """Say whether a second answer is made anew."""

    @property
    def exact(self) -> bool:
        """Say whether the same call gets the same bytes, and whether months are not moved on the way."""

    @property
    def names(self) -> Names:
        """Give the names that the cards of this side use."""

    @property
    def knowledge(self) -> str | None:
        """Name the version of the knowledge, where it is known."""

    def answer(self, call: Call) -> Answered:
        """Answer one call as of its own day."""


@dataclass(frozen=True, slots=True)
class SideSpec:
    """Which side: `recorded`, `build` (with the knowledge folder `where`, else that of the site) or `url`.

    `overlay` is the file that a build lays on the knowledge, else that of the site. `signing` is how calls to a URL are
    signed.
    """

    kind: str
    where: str | None = None
    overlay: str | None = None
    signing: Signing | None = None

    @property
    def told(self) -> str:
        """Name the side for a reader."""
        match self.kind:
            case "recorded":
                return "the recorded answers"
            case "url":
                return f"the service at {self.where}"
            case _:
                knowledge = f" with the knowledge in {self.where}" if self.where else ""
                return f"this build{knowledge}{f' with the overlay {self.overlay}' if self.overlay else ''}"

    @property
    def knowledge(self) -> Path | None:
        """Return the folder of knowledge, where one was named."""
        return Path(self.where) if self.kind == "build" and self.where else None


def side_spec(text: str) -> SideSpec:
    """Read what a user wrote: a URL, or a folder of knowledge."""
    return SideSpec("url" if text.startswith(("http://", "https://")) else "build", text)


def open_sides(old: SideSpec, new: SideSpec, site: Settings) -> tuple[Side, Side]:
    """Make both sides ready; raises KnowledgeError or SettingsError with every problem of them."""
    builds: dict[tuple[Path | None, str | None], Build] = {}

    def build(knowledge: Path | None, overlay: str | None = None) -> Build:
        if (knowledge, overlay) not in builds:
            builds[knowledge, overlay] = Build(site, knowledge, Path(overlay) if overlay else None)
        return builds[knowledge, overlay]

    def opened(spec: SideSpec) -> Side:
        if spec.kind == "recorded":
            return Recorded(build(None).names)
        if spec.kind == "url":
            return Remote(poster(str(spec.where), spec.signing), build(None).names)
        return build(spec.knowledge, spec.overlay)

    return opened(old), opened(new)


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answers of the recording."""

    names: Names
    knowledge: str | None = None
    again: bool = False
    exact: bool = True

    def answer(self, call: Call) -> Answered:
        """Return what was recorded."""
        exchange = call.exchange
        left_out = "no answer was recorded" if exchange.status == NO_ANSWER else None
        return Answered(exchange.status, exchange.response, exchange.latency_ms, left_out=left_out)


class Build:
    """The program as it is, in this process: its clock is the day of the recording, its FHIR server the recording."""

    again = True
    exact = True

    def __init__(self, site: Settings, knowledge: Path | None = None, overlay: Path | None = None) -> None:
        """Take the settings of the site; a folder of knowledge and an overlay go before the site's own."""
        named = {"knowledge": knowledge, "overlay": overlay}
        changed = {name: place for name, place in named.items() if place is not None}
        # What the site pins is not what is tried here.
        self._site = site.model_copy(update={**changed, "knowledge_sha256": None}) if changed else site
        self._overlay = overlay
        self._engine = build_engine(self._site)
        check_rules(self._site, self._engine.catalogue.rules)
        check_options(self._site, self._engine.catalogue.options.ingredients())
        self._engines: dict[tuple[str, str] | str, tuple[Engine, Client]] = {}
        self._names = Names(self._engine.catalogue, self._engine.recogniser)

    @property
    def names(self) -> Names:
        """Give the names of the knowledge."""
        return self._names

    @property
    def knowledge(self) -> str:
        """Name the knowledge, with the start of its hash."""
        return f"{self._engine.catalogue.version} ({self._engine.catalogue.sha256[:12]})"

    def answer(self, call: Call) -> Answered:
        """Answer one call; what fails is told by its status, as over HTTP."""
        exchange = call.exchange
        service = service_by_id(exchange.service)
        try:
            engine, client = self._site_of(call)
        except KnowledgeError as error:
            # The knowledge of this side loaded, so it is what the case lays on it.
            return Answered(NO_ANSWER, left_out=f"its overlay does not fit: {error.problems[0]}")
        begun = perf_counter()
        try:
            if service is None:
                raise UnknownService("No CDS service has this id. Take the id from GET /cds-services.")
            given = answer(
                exchange.request,
                service,
                engine=engine,
                on=exchange.on,
                client=client,
                fhir=reads_of(call),
                documented=lambda _: call.exchange.exceptions,
            )
        except ServiceError as error:
            ms = (perf_counter() - begun) * 1000
            return Answered(error.status, msgspec.json.encode(operation_outcome(error)), ms, problem=error.message)
        except Exception as error:
            # Whatever it is, a caller would have got this status.
            return Answered(UNFORESEEN, problem=type(error).__name__)
        ms = (perf_counter() - begun) * 1000
        return Answered(200, given.body, ms, unidentified=given.unidentified)

    def _site_of(self, call: Call) -> tuple[Engine, Client]:
        """Return the site that a call was made to: a recorded case has settings of its own."""
        key = call.settings or (call.exchange.jurisdiction, call.exchange.profile)
        if key not in self._engines:
            self._engines[key] = self._own(call.settings) if call.settings else self._recorded(call)
        return self._engines[key]

    def _own(self, settings: str) -> tuple[Engine, Client]:
        laid = {"overlay": self._overlay} if self._overlay else {}
        chosen = Settings.model_validate(laid | json.loads(settings) | {"knowledge": self._site.knowledge})
        return build_engine(chosen), next(iter(chosen.clients), ANYONE)

    def _recorded(self, call: Call) -> tuple[Engine, Client]:
        jurisdiction = call.exchange.jurisdiction
        try:
            client = Client.model_validate({"id": "replayed", "profile": call.exchange.profile})
        except ValidationError:
            client = None
        if client is None or jurisdiction not in self._engine.catalogue.jurisdictions:
            raise RecordingError(
                f"{call.where}: its profile or jurisdiction is not known here. Replay it with the version that made it."
            )
        options = replace(self._engine.options, jurisdiction=jurisdiction)
        return replace(self._engine, options=options), client


@dataclass(frozen=True)
class Remote:
    """A service behind a URL: the dates of a request move so that its day is today, those of the answer move back."""

    poster: Poster
    names: Names
    today: Callable[[], date] = _today
    knowledge: str | None = None
    again: bool = True
    exact: bool = False

    def answer(self, call: Call) -> Answered:
        """Post one call; raises Unreachable where nobody answers, or does not know the caller."""
        exchange = call.exchange
        if call.settings not in (None, "{}"):
            return Answered(NO_ANSWER, left_out="the case needs settings of its own")
        if call.exchange.exceptions:
            return Answered(NO_ANSWER, left_out="it needs the documented exceptions that were in force")
        if exchange.fhir_calls:
            return Answered(NO_ANSWER, left_out=READ_FROM_SERVER)
        days = self.today() - exchange.on
        begun = perf_counter()
        address = f"{self.poster.base.rstrip('/')}/cds-services/{exchange.service}"
        response = self.poster.post(address, shifted(exchange.request, days))
        ms = (perf_counter() - begun) * 1000
        body = shift_text(response.content.decode("utf-8", "replace"), -days).encode()
        return Answered(response.status_code, body, ms)
