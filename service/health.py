"""Is the process alive, and can it answer? Two pages for whoever runs it."""

from typing import Any

import msgspec
from flask import Blueprint, Response

from service import __version__
from service.answer import Engine
from service.auth import Authenticator
from service.errors import ReplayStoreUnavailable
from service.recording.recorder import Recorder
from service.settings import Settings
from service.telemetry import Counts

NOT_READY = "not ready"


def health_blueprint(
    settings: Settings, engine: Engine | None, trust: Authenticator, counts: Counts, recorder: Recorder | None = None
) -> Blueprint:
    """Make /livez (always 200) and /readyz (200 with what is served, or 503 without what it needs)."""
    pages = Blueprint("health", __name__)

    @pages.get("/livez")
    def livez() -> Response:
        return _json({"status": "alive"}, 200)

    @pages.get("/readyz")
    def readyz() -> Response:
        if engine is None:
            return _json({"status": NOT_READY, "version": __version__, "knowledge": "could not be loaded"}, 503)
        trusted = _trusted(trust)
        recording = {} if recorder is None else {"recording": recorder.counts.seen()}
        served = _served(settings, engine) | trusted | {"deviations": counts.seen()} | recording
        return _json(served, 503 if trusted["status"] == NOT_READY else 200)

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


def _served(settings: Settings, engine: Engine) -> dict[str, Any]:
    return {
        "version": __version__,
        "knowledge": {"version": engine.catalogue.version, "sha256": engine.catalogue.sha256},
        "jurisdiction": settings.jurisdiction,
        "disabledRules": list(settings.disabled_rules),
        "loweredIndicators": dict(settings.indicator_ceiling),
        **({} if settings.options is None else {"options": list(settings.options)}),
        "silentRules": list(settings.silent_rules),
        "silentClients": [client.id for client in settings.clients if client.silent],
    }


def _json(content: dict[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(content), status=status, mimetype="application/json")
