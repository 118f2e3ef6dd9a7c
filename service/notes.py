"""What is noted of a request while it is answered: for its log line, the counts, the trail and the recording."""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec

from cards.detect import DocumentedException
from service.answer import Answer
from service.discovery import Service
from service.fhir_access.fetch import FhirCall
from service.settings import Client


class Call(msgspec.Struct, frozen=True):
    """A hook call that was read."""

    service: Service
    client: Client
    now: datetime
    body: bytes
    reads: tuple[FhirCall, ...] = ()
    exceptions: tuple[DocumentedException, ...] = ()


class Notes(msgspec.Struct):
    """The notes of one request.

    `wsgi` is the request as WSGI has it, `began` a reading of `perf_counter`. `said` are the fields of the log line,
    `body_read` tells that the body was read to its end. `tallied` are time, client and hook of a call of somebody who
    may call, `call` and `given` the call that was read and its answer.
    """

    wsgi: Mapping[str, Any]
    began: float
    request_id: str
    said: dict[str, Any] = msgspec.field(default_factory=dict)
    body_read: bool = False
    tallied: tuple[datetime, str, str] | None = None
    call: Call | None = None
    given: Answer | None = None


_AT_HAND: ContextVar[Notes] = ContextVar("notes")


def begin_notes(environ: Mapping[str, Any], request_id: str) -> Token[Notes]:
    """Begin the notes of the request at hand; `end_notes` takes what this gives."""
    return _AT_HAND.set(Notes(environ, perf_counter(), request_id))


def end_notes(begun: Token[Notes]) -> None:
    """Forget the notes of a request: they hold what it said of a patient."""
    _AT_HAND.reset(begun)


def notes() -> Notes:
    """Return the notes of the request at hand."""
    return _AT_HAND.get()
