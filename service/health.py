"""Is the process alive, and can it answer? Two pages for whoever runs it."""

from typing import Any

import msgspec
from flask import Blueprint, Response

from service import __version__, telemetry
from service.answer import Engine
from service.bounded import Bounded
from service.clients.auth import Authenticator
from service.documented import Memory
from service.errors import ReplayStoreUnavailable, StoreUnavailable
from service.in_force import Reload, last_reload
from service.overlay import summarised
from service.settings import Settings
from service.site import Site
from service.store import State

NOT_READY = "not ready"
CHECK_SECONDS = 1.0
MOST_PROBLEMS = 20


def health_blueprint(site: Site) -> Blueprint:
    """Make /livez (always 200) and /readyz (200 with what is served, or 503 without what it needs)."""
    pages = Blueprint("health", __name__)
    bounded = Bounded(slots=2, seconds=CHECK_SECONDS)
    reload = last_reload(site.settings)

    @pages.get("/livez")
    def livez() -> Response:
        return _json({"status": "alive"}, 200)

    @pages.get("/readyz")
    def readyz() -> Response:
        if site.engine is None:
            return _json({"status": NOT_READY, "version": __version__, "knowledge": "could not be loaded"}, 503)
        trusted = _trusted(site.trust)
        kept = {"feedback": _kept(bounded, site), "exceptions": _remembered(site.memory)}
        served = _served(site.settings, site.engine) | _reloaded(reload()) | trusted | kept
        served |= {"calls": site.in_flight.seen(), "fhirServersPaused": site.fhir.paused}
        served |= {"deviations": site.counts.seen()} | _written(site)
        if site.stopping:
            # What is under way, and what still comes, is answered; the next call belongs elsewhere.
            served |= {"status": NOT_READY, "stopping": True}
        # Who looks at it looks for this first.
        return _json({"status": served["status"], **served}, 503 if served["status"] == NOT_READY else 200)

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


def _written(site: Site) -> dict[str, Any]:
    """Count what became of recordings, audit lines, log fields and log lines, where there are any."""
    recording = {} if site.recorder is None else {"recording": site.recorder.counts.seen()}
    audited = {} if site.trail is None else {"audit": site.trail.counts.seen()}
    withheld, dropped = telemetry.WITHHELD.seen(), telemetry.DROPPED.seen()
    kept_out = {"withheldLogFields": withheld} if withheld else {}
    return recording | audited | kept_out | ({"droppedLogLines": sum(dropped.values())} if dropped else {})


def _kept(bounded: Bounded, site: Site) -> dict[str, Any]:
    """Say how the database stands, and what of this process did not get there. Cards go on without it."""
    state: str = State.USABLE
    try:
        bounded(lambda: site.store().check())
    except StoreUnavailable as error:
        state = error.state
    except Exception:
        # Too slow, or a failure that nobody foresaw: neither keeps the service from being ready.
        state = State.UNUSABLE
    if state == State.USABLE and site.ledger.failing:
        state = State.UNUSABLE
    lost = {**site.ledger.counts.seen(), **site.tallies.counts.seen()}
    return {"database": state, "waiting": site.ledger.waiting, **lost}


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
