"""What is noted of a request while it is answered: for its log line, the counts, the trail and the recording."""

from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec
from flask import g

from cards.detect import DocumentedException
from service.answer import Answer
from service.discovery import Service
from service.fhir_access.fetch import FhirCall
from service.settings import Client


@dataclass(frozen=True, slots=True)
class Call:
    """A hook call that was read."""

    service: Service
    client: Client
    now: datetime
    body: bytes
    reads: tuple[FhirCall, ...] = ()
    exceptions: tuple[DocumentedException, ...] = ()


class Notes(msgspec.Struct):
    """The notes of one request.

    `began` is a reading of `perf_counter`. `said` are the fields of the log line, `body_read` tells that the body was
    read to its end. `tallied` are time, client and hook of a call of somebody who may call, `call` and `given` the call
    that was read and its answer.
    """

    began: float
    request_id: str
    said: dict[str, Any] = msgspec.field(default_factory=dict)
    body_read: bool = False
    tallied: tuple[datetime, str, str] | None = None
    call: Call | None = None
    given: Answer | None = None


def begin_notes(request_id: str) -> None:
    """Begin the notes of the request at hand."""
    g.notes = Notes(perf_counter(), request_id)


def notes() -> Notes:
    """Return the notes of the request at hand."""
    found: Notes = g.notes
    return found
