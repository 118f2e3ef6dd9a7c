"""Is the process alive, and can it answer? Two pages for whoever runs it."""

from typing import Any

import msgspec
from flask import Blueprint, Response

from service import __version__
from service.answer import Engine
from service.settings import Settings
from service.telemetry import Counts


def health_blueprint(settings: Settings, engine: Engine | None, counts: Counts) -> Blueprint:
    """Make /livez (always 200) and /readyz (200 with what is served, or 503 without knowledge)."""
    pages = Blueprint("health", __name__)

    @pages.get("/livez")
    def livez() -> Response:
        return _json({"status": "alive"}, 200)

    @pages.get("/readyz")
    def readyz() -> Response:
        if engine is None:
            return _json({"status": "not ready", "version": __version__, "knowledge": "could not be loaded"}, 503)
        return _json(_served(settings, engine) | {"deviations": counts.seen()}, 200)

    return pages


def _served(settings: Settings, engine: Engine) -> dict[str, Any]:
    return {
        "status": "ready",
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
