"""Is the process alive, and can it answer? Two pages for whoever runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Blueprint, Response

from service import __version__, telemetry
from service.answer import Engine
from service.audit.trail import Trail
from service.bounded import Bounded
from service.clients.auth import Authenticator
from service.documented import Memory
from service.errors import ReplayStoreUnavailable, StoreUnavailable
from service.fhir_access.breaker import Breaker
from service.in_flight import InFlight
from service.in_force import Reload, last_reload
from service.ledger import Ledger
from service.overlay import summarised
from service.recording.recorder import Recorder
from service.settings import Settings
from service.stopping import Stopping
from service.store import FeedbackStore, State
from service.tallies import Tallies
from service.telemetry import Counts

NOT_READY = "not ready"
CHECK_SECONDS = 1.0
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker has under way, whom it leaves alone, and whether it is about to stop."""

    in_flight: InFlight
    breaker: Breaker
    stopping: Stopping | None = None

    def seen(self) -> dict[str, Any]:
        """Give the counts for /readyz."""
        return {"calls": self.in_flight.seen(), "fhirServersPaused": self.breaker.paused}


def health_blueprint(
    settings: Settings,
    engine: Engine | None,
    trust: Authenticator,
    counts: Counts,
    store: Callable[[], FeedbackStore],
    ledger: Ledger,
    memory: Memory,
    load: Load,
    recorder: Recorder | None,
    tallies: Tallies,
    trail: Trail | None = None,
) -> Blueprint:
    """Make /livez (always 200) and /readyz (200 with what is served, or 503 without what it needs)."""
    pages = Blueprint("health", __name__)
    bounded = Bounded(slots=2, seconds=CHECK_SECONDS)
    reload = last_reload(settings)

    @pages.get("/livez")
    def livez() -> Response:
        return _json({"status": "alive"}, 200)

    @pages.get("/readyz")
    def readyz() -> Response:
        if engine is None:
            return _json({"status": NOT_READY, "version": __version__, "knowledge": "could not be loaded"}, 503)
        trusted = _trusted(trust)
        recording = {} if recorder is None else {"recording": recorder.counts.seen()}
        recording |= {} if trail is None else {"audit": trail.counts.seen()}
        recording |= {"withheldLogFields": withheld} if (withheld := telemetry.WITHHELD.seen()) else {}
        kept = {"feedback": _kept(bounded, store, ledger, tallies), "exceptions": _remembered(memory)}
        served = _served(settings, engine) | _reloaded(reload()) | trusted | kept
        served |= {**load.seen(), "deviations": counts.seen()} | recording
        if load.stopping:
            # What is under way, and what still comes, is answered; the next call belongs elsewhere.
            served |= {"status": NOT_READY, "stopping": True}
        return _json(served, 503 if served["status"] == NOT_READY else 200)

    return pages


def _trusted(trust: Authenticator) -> dict[str, Any]:
    """Say how many clients have keys, and whether the store that decides on their calls can be used."""
    said = {"clientsWithKeys": len(trust.clients)}
    try:
        if trust.clients:
            trust.store.check()
    except ReplayStoreUnavailable:
        return said | {"status": NOT_READY, "replayStore": "cannot be used"}
    return said | {"status": "ready"}


def _kept(bounded: Bounded, store: Callable[[], FeedbackStore], ledger: Ledger, tallies: Tallies) -> dict[str, Any]:
    """Say how the database stands, and what of this process did not get there. Cards go on without it."""
    state: str = State.USABLE
    try:
        bounded(lambda: store().check())
    except StoreUnavailable as error:
        state = error.state
    except Exception:
        # Too slow, or a failure that nobody foresaw: neither keeps the service from being ready.
        state = State.UNUSABLE
    if state == State.USABLE and ledger.failing:
        state = State.UNUSABLE
    lost = {**ledger.counts.seen(), **tallies.counts.seen()}
    return {"database": state, "waiting": ledger.waiting, **lost}


def _remembered(memory: Memory) -> dict[str, Any]:
    return {"rememberedDays": memory.days, **memory.counts.seen()}


def _served(settings: Settings, engine: Engine) -> dict[str, Any]:
    return {
        "version": __version__,
        "knowledge": {"version": engine.catalogue.version, "sha256": engine.catalogue.sha256},
        **({} if engine.overlaid is None else {"overlay": summarised(engine.overlaid)}),
        "jurisdiction": settings.jurisdiction,
        "disabledRules": list(settings.disabled_rules),
        "loweredIndicators": dict(settings.indicator_ceiling),
        **({} if settings.options is None else {"options": list(settings.options)}),
        "silentRules": list(settings.silent_rules),
        "silentClients": [client.id for client in settings.clients if client.silent],
    }


def _reloaded(last: Reload | None) -> dict[str, Any]:
    """Say what became of the last reload: refused knowledge is not served, and the one before it still is."""
    if last is None:
        return {}
    problems = {"problems": list(last.problems[:MOST_PROBLEMS])} if last.problems else {}
    return {"reload": {"outcome": last.outcome, "since": last.since, **problems}}


def _json(content: dict[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(content), status=status, mimetype="application/json")
