"""The recorded cases of `fhir_fixtures`: read them, and move one to another day.

A case is a folder `<hook>__<what-happens>` with `case.yaml` (title, day, rules that show, what its author
expects in short, settings, status), `request.json` (the hook request as a client posts it) and `expected.json` (the
whole response body). Where the call reads from a FHIR server, `server/` has its answers, one file each.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from cards.detect import DocumentedException
from service import yaml_loaders
from service.errors import InvalidRequest
from service.fhir_access.fetch import FhirCall
from service.fhir_access.recorded import RecordedFhir, read_call

OVERLAY = "overlay"
_FHIR_DAY = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?P<time>T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", flags=re.ASCII
)
_ANY_DAY = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)", flags=re.ASCII)
_JSON_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FHIR_MONTH = re.compile(r"\d{4}-\d\d", flags=re.ASCII)


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded call: on its day `on`, `body` is posted and the response is `expected`.

    `expect` is what the author of the case had in mind, card by card: indicator, summary, deletes, and phrases that the
    detail `says` or `omits`; None where nothing is said of it. `settings` are those that differ from the defaults, as
    text. `server` are the answers of the FHIR server. `exceptions` are those documented for the patient. `new` is a
    case whose answer was not recorded yet.
    """

    name: str
    title: str
    on: date
    rules: tuple[str, ...]
    body: bytes
    expected: Mapping[str, Any]
    expect: tuple[Mapping[str, Any], ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    server: tuple[FhirCall, ...] = ()
    exceptions: tuple[DocumentedException, ...] = ()
    new: bool = False

    @property
    def hook(self) -> str:
        """Name the hook that the case calls, the first part of its folder's name."""
        return self.name.partition("__")[0]

    @property
    def fhir(self) -> RecordedFhir:
        """Return the FHIR server of the case."""
        return RecordedFhir(self.server)

    @property
    def request(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


class CaseError(InvalidRequest):
    """A folder of cases, or one of them, that cannot be read."""


def case_names(folder: Path | None = None) -> tuple[str, ...]:
    """Name every case of a folder, or every packaged case, sorted."""
    place = _cases(folder)
    if not place.is_dir():
        raise CaseError(f"{folder}: there is no such folder. Give a folder of recorded cases.")
    return tuple(sorted(item.name for item in place.iterdir() if "__" in item.name))


def read_case(name: str, folder: Path | None = None, *, new: bool = False) -> Case:
    """Read one case, with `new` also one without an answer.

    Raises CaseError that names the file which is missing or cannot be read.
    """
    place = _cases(folder) / name
    described = _read(place / "case.yaml", _described)
    unanswered = new and not (place / "expected.json").is_file()
    try:
        return Case(
            name=name,
            title=described["title"],
            on=date.fromisoformat(described["on"]),
            rules=tuple(described["rules"]),
            body=_bytes(place / "request.json"),
            expected={} if unanswered else _read(place / "expected.json", json.loads),
            expect=tuple(described["expect"]) if "expect" in described else None,
            settings=_settings(described.get("settings", {}), place),
            status=int(described.get("status", 200)),
            server=tuple(_read(file, _call) for file in _recorded(place / "server")),
            exceptions=read_exceptions(described.get("exceptions", [])),
            new=unanswered,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{name}: case.yaml is not as a case needs it ({error!r}). Mend it.") from error


def read_exceptions(listed: Sequence[Mapping[str, Any]]) -> tuple[DocumentedException, ...]:
    """Read documented exceptions as a case has them: `rule`, `ingredients`, `reason`, and the days `on` and `until`.

    Raises KeyError, TypeError or ValueError for anything else.
    """
    return tuple(
        DocumentedException(
            item["rule"],
            frozenset(item["ingredients"]),
            item["reason"],
            date.fromisoformat(item["on"]),
            date.fromisoformat(item["until"]),
        )
        for item in listed
    )


def exceptions_of_file(file: Path) -> tuple[DocumentedException, ...]:
    """Read a YAML list of documented exceptions; raises CaseError."""
    try:
        return read_exceptions(_described(file.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise CaseError(
            f"{file}: is no list of exceptions ({type(error).__name__}). Give rule, ingredients, reason, on and until "
            "of each."
        ) from error


def shift(case: Case, to: date) -> Case:
    """Move the day of a case to `to`, and every date of its request and of its FHIR server by as many days.

    A string is a date if it is wholly a FHIR date, dateTime or instant (FHIR R4, Datatypes). Times of day and
    zones stay; a year and month moves to the month its middle falls into; a year alone stays.
    """
    days = to - case.on
    server = tuple(replace(call, body=shifted(call.body, days)) for call in case.server)
    exceptions = tuple(replace(item, on=item.on + days, until=item.until + days) for item in case.exceptions)
    return replace(case, on=to, body=shifted(case.body, days), server=server, exceptions=exceptions)


def shifted(body: bytes, days: timedelta) -> bytes:
    """Move every date of a request, see `shift`."""
    # In the text as it was written, so that what a parser would lose (a key sent twice) stays in the request.
    text = body.decode("utf-8")
    return _JSON_TEXT.sub(lambda match: f'"{_shifted_text(match[1], days)}"', text).encode("utf-8")


def _shifted_text(text: str, days: timedelta) -> str:
    try:
        if match := _FHIR_DAY.fullmatch(text):
            return f"{date.fromisoformat(match['day']) + days}{match['time'] or ''}"
        if _FHIR_MONTH.fullmatch(text):
            return f"{date.fromisoformat(text + '-15') + days}"[:7]
    except (ValueError, OverflowError):
        pass  # no day of the calendar, so no date: it stays as the client wrote it
    return text


def shift_text(text: str, days: timedelta) -> str:
    """Move every ISO day that stands anywhere in a text, say in the detail of a card."""
    return _ANY_DAY.sub(lambda match: _shifted_text(match[0], days), text)


def _described(text: bytes) -> Any:
    return yaml.load(text, Loader=yaml_loaders.TEXT)  # noqa: S506 - all text


def _settings(described: Mapping[str, Any], place: Traversable) -> Mapping[str, Any]:
    """Return the settings of a case; its overlay is a file named from the folder of the case."""
    return {**described, OVERLAY: str(place / described[OVERLAY])} if OVERLAY in described else described


def _cases(folder: Path | None) -> Traversable:
    return folder or files("fhir_fixtures") / "cases"


def _recorded(folder: Traversable) -> list[Traversable]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((file for file in found if file.name.endswith(".json")), key=lambda file: file.name)


def _call(text: bytes) -> FhirCall:
    return read_call(json.loads(text))


def _bytes(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        needs = "A case needs case.yaml and request.json; upa-cds replay CASES --update writes expected.json."
        raise CaseError(f"{file}: cannot be read. {needs}") from error


def _read(file: Traversable, parse: Callable[[bytes], Any]) -> Any:
    try:
        return parse(_bytes(file))
    except (ValueError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise CaseError(f"{file}: is not well-formed. Mend the file.") from error
