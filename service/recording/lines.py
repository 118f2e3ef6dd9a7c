"""The lines of a recording: what one says, and how it is written and read. A body stands in it as the JSON it is."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from cards.detect import DocumentedException
from service.errors import ServiceError
from service.fhir_access.fetch import FhirCall

SCHEMA = 1


class RecordingError(ServiceError):
    """A recording that cannot be read or written; the message names the file and the line."""

    code = "invalid"
    exit_code = 65


@dataclass(frozen=True, slots=True)
class Exchange:
    """One hook call and its answer.

    `at` is the aware time of the call and `on` its day in the site's time zone. `request` and `response` are JSON;
    `status` 0 with an empty response says that no answer is on record. `client` is hashed. `feedback` holds JSON, one
    entry each, in the order of arrival. `exceptions` are those that were documented for the patient, where they lowered
    a warning.
    """

    id: str
    at: datetime
    on: date
    service: str
    hook: str
    request: bytes
    fhir_calls: tuple[FhirCall, ...]
    status: int
    response: bytes
    latency_ms: float | None
    knowledge_version: str | None
    knowledge_sha256: str | None
    client: str | None
    profile: str
    jurisdiction: str
    feedback: tuple[bytes, ...] = ()
    exceptions: tuple[DocumentedException, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says of a file: `policy` names the rules of de-identification, `key_id` the key of ids."""

    schema: int
    made_by: str
    deidentified: bool
    policy: str
    key_id: str | None
    knowledge_version: str | None


class _HeaderLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    recording: str
    schema: int
    made_by: str
    deidentified: bool
    policy: str
    key_id: str | None = None
    knowledge_version: str | None = None


class _CallLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    method: str
    url: str
    status: int | None = None
    body: msgspec.Raw = msgspec.Raw()
    text: str | None = None
    problem: str | None = None


class _KnowledgeLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    version: str | None = None
    sha256: str | None = None


class _ExceptionLine(msgspec.Struct, forbid_unknown_fields=True):
    rule: str
    ingredients: frozenset[str]
    reason: str
    on: date
    until: date


class _ExchangeLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    id: str
    at: datetime
    on: date
    service: str
    hook: str
    request: msgspec.Raw
    status: int
    profile: str
    jurisdiction: str
    response: msgspec.Raw = msgspec.Raw()
    fhir_calls: tuple[_CallLine, ...] = ()
    latency_ms: float | None = None
    knowledge: _KnowledgeLine = msgspec.field(default_factory=_KnowledgeLine)
    client: str | None = None
    feedback: tuple[msgspec.Raw, ...] = ()
    exceptions: tuple[_ExceptionLine, ...] = ()


_HEADER = msgspec.json.Decoder(_HeaderLine)
_EXCHANGE = msgspec.json.Decoder(_ExchangeLine)
_KIND = "upa-cds"


def read_header_line(line: bytes) -> Header:
    """Read the first line of a file. Raises ValueError that says where it is wrong, never what stands there."""
    try:
        said = _HEADER.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"is no header of a recording{_place(error)}") from None
    if said.recording != _KIND or said.schema != SCHEMA:
        raise ValueError(f"is the header of another format; this version reads schema {SCHEMA} of {_KIND}")
    return Header(said.schema, said.made_by, said.deidentified, said.policy, said.key_id, said.knowledge_version)


def read_exchange_line(line: bytes) -> Exchange:
    """Read one exchange. Raises ValueError that says where it is wrong, never what stands there."""
    try:
        said = _EXCHANGE.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"is no exchange{_place(error)}") from None
    if said.at.tzinfo is None:
        raise ValueError("is no exchange (at at: a time without a zone)")
    return _exchange(said)


def header_line(header: Header) -> bytes:
    """Write a header as one line."""
    return _line(
        {
            "recording": _KIND,
            "schema": header.schema,
            "madeBy": header.made_by,
            "deidentified": header.deidentified,
            "policy": header.policy,
            "keyId": header.key_id,
            "knowledgeVersion": header.knowledge_version,
        }
    )


def exchange_line(exchange: Exchange) -> bytes:
    """Write an exchange as one line. Raises RecordingError where a body is no JSON."""
    try:
        return _line(
            {
                "id": exchange.id,
                "at": exchange.at,
                "on": exchange.on,
                "service": exchange.service,
                "hook": exchange.hook,
                "request": _raw(exchange.request),
                "fhirCalls": [_call_line(call) for call in exchange.fhir_calls],
                "status": exchange.status,
                "response": _raw(exchange.response) if exchange.response else None,
                "latencyMs": exchange.latency_ms,
                "knowledge": {"version": exchange.knowledge_version, "sha256": exchange.knowledge_sha256},
                "client": exchange.client,
                "profile": exchange.profile,
                "jurisdiction": exchange.jurisdiction,
                "feedback": [_raw(entry) for entry in exchange.feedback],
                "exceptions": [
                    {**asdict(item), "ingredients": sorted(item.ingredients)} for item in exchange.exceptions
                ],
            }
        )
    except msgspec.DecodeError:
        raise RecordingError(f"exchange {exchange.id}: a body is not JSON. Record JSON bodies only.") from None


def _call_line(call: FhirCall) -> dict[str, Any]:
    said = {"method": call.method, "url": call.url, "status": call.status, "problem": call.problem}
    try:
        return said | ({"body": _raw(call.body)} if call.body else {})
    except msgspec.DecodeError:
        return said | {"text": call.body.decode("utf-8", "replace")}


def _raw(body: bytes) -> msgspec.Raw:
    """Put a body on one line; digits and escapes stay as they were written. Raises DecodeError."""
    return msgspec.Raw(msgspec.json.format(body, indent=-1))


def _line(members: dict[str, Any]) -> bytes:
    return msgspec.json.encode({key: value for key, value in members.items() if value not in (None, [])}) + b"\n"


def _exchange(line: _ExchangeLine) -> Exchange:
    return Exchange(
        id=line.id,
        at=line.at,
        on=line.on,
        service=line.service,
        hook=line.hook,
        request=bytes(line.request),
        fhir_calls=tuple(_call(call) for call in line.fhir_calls),
        status=line.status,
        response=bytes(line.response),
        latency_ms=line.latency_ms,
        knowledge_version=line.knowledge.version,
        knowledge_sha256=line.knowledge.sha256,
        client=line.client,
        profile=line.profile,
        jurisdiction=line.jurisdiction,
        feedback=tuple(bytes(entry) for entry in line.feedback),
        exceptions=tuple(
            DocumentedException(item.rule, item.ingredients, item.reason, item.on, item.until)
            for item in line.exceptions
        ),
    )


def _call(line: _CallLine) -> FhirCall:
    body = bytes(line.body) if line.text is None else line.text.encode("utf-8")
    return FhirCall(line.method, line.url, line.status, body, line.problem)


def _place(error: Exception) -> str:
    """Say where in a line the fault is, never what stands there."""
    _, found, place = str(error).partition(" - at `$")
    return f" (at {place.rstrip('`').lstrip('.')})" if found else ""
