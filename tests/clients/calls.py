"""Calls to the service as clients make them: a recorded call with one thing changed, in process and over HTTP."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from service.answer import Engine, answer, build_engine
from service.app import create_app
from service.cases import Case, read_case
from service.discovery import SERVICES
from service.settings import Settings
from service.trust import Profile

Json = dict[str, Any]
Change = Callable[[Json], object]

ON = date(2026, 3, 16)
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One documented deviation of a client: what it does, and the change that takes it out of a recorded call."""

    does: str
    plainly: Change

    def __str__(self) -> str:
        return self.does


def recorded(name: str) -> Json:
    """Give the request of a recorded case, to be changed."""
    return copy.deepcopy(read_case(name).request)


def changed(call: Json, change: Change) -> Json:
    """Return a copy of a call with a change."""
    made = copy.deepcopy(call)
    change(made)
    return made


def cards(call: Json, profile: Profile = "spec") -> list[Json]:
    """Answer a call in process and return its cards."""
    service = next(item for item in SERVICES if item.hook == call["hook"])
    body = json.dumps(call).encode()
    engine = _engine(json.dumps({"profile": profile}))
    found: list[Json] = json.loads(answer(body, service, engine=engine, on=ON).body)["cards"]
    return found


def said(found: list[Json]) -> list[tuple[str, str, str]]:
    """Return what a clinician reads of cards: indicator, summary and detail."""
    return [(card["indicator"], card["summary"], card["detail"]) for card in found]


def drafts(call: Json) -> list[Json]:
    """Return the resources of the draft orders."""
    return [entry["resource"] for entry in call["context"]["draftOrders"]["entry"]]


def answered(case: Case, profile: Profile) -> Json:
    """Answer a recorded case as a client of another profile would get it; its other settings stay."""
    own = {key: value for key, value in case.settings.items() if key != "clients"}
    engine = _engine(json.dumps(own | {"profile": profile}, sort_keys=True))
    service = next(item for item in SERVICES if item.hook == case.hook)
    body: Json = json.loads(answer(case.body, service, engine=engine, on=case.on, fhir=case.fhir).body)
    return body


@cache
def _engine(settings: str) -> Engine:
    return build_engine(Settings.model_validate(json.loads(settings)))


def served(folder: Path, **settings: Any) -> FlaskClient:
    """Give a client of the real service of a site, on the day of the recorded cases."""
    made = Settings.model_validate({"data_dir": folder / "data"} | settings)
    return create_app(made, clock=lambda: NOW).test_client()
