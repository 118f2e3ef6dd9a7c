"""Hook calls from other files: a folder of JSON requests, HAR files, recorded cases. Of HTTP only bodies are read."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cards.detect import DocumentedException
from service.cases import CaseError, case_names, read_case
from service.discovery import SERVICES, Service, service_by_id
from service.fhir_access.fetch import FhirCall
from service.recording.lines import Exchange, RecordingError

_NOON = time(12, tzinfo=UTC)


@dataclass(slots=True)
class Source:
    """Calls of a file or folder, one at a time; `skipped` counts what was none, by reason, as it is read.

    `on` is the day of a request that carries none; without it the day on which its file was last changed counts.
    """

    path: Path
    zone: tzinfo
    jurisdiction: str
    profile: str = "spec"
    on: date | None = None
    skipped: Counter[str] = field(default_factory=Counter)

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the calls, with everything in them: they are for de-identification. Raises RecordingError."""
        if not self.path.exists():
            raise RecordingError(f"{self.path}: there is nothing of this name. Give a file or folder.")
        if self.path.is_dir() and any(self.path.glob("*__*/case.yaml")):
            yield from self._cases()
            return
        for file in self._files():
            yield from self._of_file(file)

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        found = sorted(file for file in self.path.rglob("*") if file.suffix.lower() in (".json", ".har"))
        if not found:
            raise RecordingError(f"{self.path}: holds no .json or .har file and no case. Give another folder.")
        return found

    def _cases(self) -> Iterator[Exchange]:
        for name in case_names(self.path):
            try:
                case = read_case(name, self.path)
            except CaseError:
                self.skipped["a case that cannot be read"] += 1
                continue
            service = next((item for item in SERVICES if item.hook == case.hook), None)
            if service is None:
                self.skipped["a hook that no service answers"] += 1
                continue
            yield self._exchange(
                name,
                datetime.combine(case.on, _NOON),
                case.on,
                service,
                case.body,
                case.status,
                json.dumps(case.expected, ensure_ascii=False).encode(),
                jurisdiction=str(case.settings.get("jurisdiction", self.jurisdiction)),
                profile=str(case.settings.get("profile", self.profile)),
                reads=case.server,
                exceptions=case.exceptions,
            )

    def _of_file(self, file: Path) -> Iterator[Exchange]:
        try:
            body = file.read_bytes()
            content = json.loads(body)
        except OSError as error:
            raise RecordingError(f"{file}: cannot be read ({error.strerror}).") from None
        except (ValueError, RecursionError):
            self.skipped["a file that is no JSON"] += 1
            return
        name = str(file.relative_to(self.path)) if self.path.is_dir() else file.name
        entries = content["log"].get("entries") if _is_har(content) else None
        if isinstance(entries, list):
            for number, entry in enumerate(entries):
                yield from self._of_entry(f"{name}#{number}", entry)
            return
        service = _service_of(content)
        if service is None:
            self.skipped["no request of a hook that is served"] += 1
            return
        at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        on = self.on or at.astimezone(self.zone).date()
        yield self._exchange(name, datetime.combine(on, _NOON), on, service, body, 0, b"")

    def _of_entry(self, name: str, entry: Any) -> Iterator[Exchange]:
        asked, answered = _member(entry, "request"), _member(entry, "response")
        service = _called(asked)
        at = _time(entry)
        body = _text(asked.get("postData"), "text")
        if service is None:
            self.skipped["no POST to one of the services"] += 1
        elif not body:
            self.skipped["a call without its body"] += 1
        elif at is None:
            self.skipped["a call without its time"] += 1
        else:
            status, response = _answer(answered)
            on = self.on or at.astimezone(self.zone).date()
            yield self._exchange(name, at, on, service, body, status, response, latency=_milliseconds(entry))

    def _exchange(
        self,
        name: str,
        at: datetime,
        on: date,
        service: Service,
        body: bytes,
        status: int,
        response: bytes,
        *,
        latency: float | None = None,
        jurisdiction: str | None = None,
        profile: str | None = None,
        reads: tuple[FhirCall, ...] = (),
        exceptions: tuple[DocumentedException, ...] = (),
    ) -> Exchange:
        return Exchange(
            id=name,
            at=at,
            on=on,
            service=service.id,
            hook=service.hook,
            request=body,
            fhir_calls=reads,
            status=status,
            response=response,
            latency_ms=latency,
            knowledge_version=None,
            knowledge_sha256=None,
            client=None,
            profile=profile or self.profile,
            jurisdiction=jurisdiction or self.jurisdiction,
            exceptions=exceptions,
        )


def _is_har(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("log"), dict)


def _service_of(content: Any) -> Service | None:
    hook = content.get("hook") if isinstance(content, dict) else None
    return next((service for service in SERVICES if service.hook == hook), None)


def _called(asked: Mapping[str, Any]) -> Service | None:
    """Return the service that a HAR request posts to, by the end of its address."""
    address = asked.get("url")
    if asked.get("method") != "POST" or not isinstance(address, str):
        return None
    try:
        *_, folder, own = urlsplit(address).path.rstrip("/").rsplit("/", 2)
    except ValueError:
        return None
    return service_by_id(own) if folder == "cds-services" or folder == "" else None


def _member(value: Any, name: str) -> Mapping[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}


def _text(holder: Any, name: str) -> bytes:
    """Return a body of a HAR; a browser may have written it in base64 (HAR 1.2, content)."""
    text = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(text, str):
        return b""
    if holder.get("encoding") != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _answer(answered: Mapping[str, Any]) -> tuple[int, bytes]:
    """Return status and body of a HAR response; 0 and nothing where there is no JSON answer on record."""
    status, body = answered.get("status"), _text(answered.get("content"), "text")
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return 0, b""
    return (status, body) if isinstance(status, int) and status > 0 else (0, b"")


def _time(entry: Any) -> datetime | None:
    started = entry.get("startedDateTime") if isinstance(entry, dict) else None
    try:
        at = datetime.fromisoformat(started) if isinstance(started, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _milliseconds(entry: Any) -> float | None:
    took = entry.get("time")
    return round(float(took), 1) if isinstance(took, int | float) and took >= 0 else None
