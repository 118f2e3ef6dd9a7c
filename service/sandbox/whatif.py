"""What the same call would get under another jurisdiction, in the shape of another profile, on another day."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, cast, get_args

import msgspec

from service.answer import Engine, answer
from service.discovery import Service
from service.errors import InvalidRequest
from service.explain import NO_FHIR, as_text, explanation
from service.trust import Profile

ASKED = frozenset({"jurisdiction", "profile", "on"})


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Under which conditions to answer: the engine of a jurisdiction and a profile, and a day."""

    engine: Engine
    on: date


def what_if(asked: Mapping[str, str], engine: Engine, today: date) -> WhatIf:
    """Read the conditions; those that are not given are the site's own. Raises InvalidRequest."""
    if unknown := sorted(asked.keys() - ASKED):
        raise InvalidRequest(f"{', '.join(unknown)}: no such condition. Give {', '.join(sorted(ASKED))}.")
    options = engine.options
    jurisdiction, profile = asked.get("jurisdiction", options.jurisdiction), asked.get("profile", options.profile)
    if jurisdiction not in engine.catalogue.jurisdictions:
        raise InvalidRequest(f"jurisdiction: give one of {', '.join(engine.catalogue.jurisdictions)}.")
    if profile not in get_args(Profile):
        raise InvalidRequest(f"profile: give one of {', '.join(get_args(Profile))}.")
    changed = replace(options, jurisdiction=jurisdiction, profile=cast(Profile, profile))
    return WhatIf(replace(engine, options=changed), _day(asked.get("on"), today))


def _day(text: str | None, today: date) -> date:
    if text is None:
        return today
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise InvalidRequest("on: give a day as YYYY-MM-DD.") from None


def explained(body: bytes, service: Service, asked: WhatIf) -> dict[str, Any]:
    """Answer a hook request under these conditions and explain the answer; no FHIR server is asked.

    Raises InvalidRequest and DataUnavailable as the service would.
    """
    given = answer(body, service, engine=asked.engine, on=asked.on, fhir=NO_FHIR)
    said = explanation(given, asked.engine, asked.on)
    return {"response": msgspec.Raw(given.body), "explanation": said, "text": as_text(said)}
