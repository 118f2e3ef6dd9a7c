"""The recorded cases of `fhir_fixtures`: read them, and move one to another day.

A case is a folder `<hook>__<what-happens>` with `case.yaml` (title, day, rules that show, settings, status),
`request.json` (the hook request as a client posts it) and `expected.json` (the whole response body).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

_FHIR_DAY = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", flags=re.ASCII
)
_FHIR_MONTH = re.compile(r"\d{4}-\d\d", flags=re.ASCII)


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded call. `on` is its day; `settings` are those that differ from the defaults, as text."""

    name: str
    title: str
    on: date
    rules: tuple[str, ...]
    request: Mapping[str, Any]
    expected: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200

    @property
    def hook(self) -> str:
        """Name the hook that the case calls, the first part of its folder's name."""
        return self.name.partition("__")[0]


def case_names() -> tuple[str, ...]:
    """Name every packaged case, sorted."""
    return tuple(sorted(folder.name for folder in _cases().iterdir() if "__" in folder.name))


def read_case(name: str) -> Case:
    """Read one packaged case; an unknown name raises FileNotFoundError."""
    folder = _cases() / name
    # Text only: YAML 1.1 reads the key `on` as true.
    described = yaml.load(_text(folder / "case.yaml"), yaml.BaseLoader)  # noqa: S506 - makes nothing but text
    return Case(
        name=name,
        title=described["title"],
        on=date.fromisoformat(described["on"]),
        rules=tuple(described["rules"]),
        request=json.loads(_text(folder / "request.json")),
        expected=json.loads(_text(folder / "expected.json")),
        settings=described.get("settings", {}),
        status=int(described.get("status", 200)),
    )


def shift(case: Case, to: date) -> Case:
    """Move the day of a case to `to`, and every date of its request by as many days.

    A string is a date if it is wholly a FHIR date, dateTime or instant (FHIR R4, Datatypes). Times of day and
    zones stay; a year and month moves to the month its middle falls into; a year alone stays.
    """
    days = to - case.on
    return replace(case, on=to, request=_shifted(case.request, days))


def _shifted(value: Any, days: timedelta) -> Any:
    if isinstance(value, str):
        return _shifted_text(value, days)
    if isinstance(value, Mapping):
        return {key: _shifted(item, days) for key, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, days) for item in value]
    return value


def _shifted_text(text: str, days: timedelta) -> str:
    try:
        if match := _FHIR_DAY.fullmatch(text):
            return f"{date.fromisoformat(match['day']) + days}{match['time'] or ''}"
        if _FHIR_MONTH.fullmatch(text):
            return f"{date.fromisoformat(text + '-15') + days}"[:7]
    except (ValueError, OverflowError):
        pass  # no day of the calendar, so no date: it stays as the client wrote it
    return text


def _cases() -> Traversable:
    return files("fhir_fixtures") / "cases"


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")
