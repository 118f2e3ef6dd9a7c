"""What the service says about itself: JSON lines of allowlisted fields, and counts of deviations.

Nothing of the patient can be written: a field that is not in FIELDS is dropped, a list may hold plain names only,
and of an exception only its type and place are kept, since messages quote data.
"""

import logging
import re
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from uuid import uuid4

import msgspec

LOGGER = "upa_cds"
FIELDS = (
    "request_id",
    "service",
    "hook",
    "client",
    "refusal",
    "method",
    "status",
    "outcome",
    "rules",
    "indicators",
    "unidentified",
    "deviations",
    "entries",
    "stored",
    "fhir_reads",
    "fhir_failures",
    "fhir_problems",
    "fhir_refusal",
    "fhir_ms",
    "duration_ms",
    "error",
    "at",
    "problems",
    "knowledge",
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(incoming: str | None) -> str:
    """Keep the caller's request id if it is short and plain, else make one."""
    return incoming if incoming and _REQUEST_ID.fullmatch(incoming) else uuid4().hex


def write(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write one log line. `event` is a fixed name; fields outside FIELDS are dropped."""
    logger = logging.getLogger(LOGGER)
    if logger.isEnabledFor(level):
        known = {name: fields[name] for name in FIELDS if fields.get(name) is not None}
        # Handed over as it is: who calls from where is not said, and need not be found out.
        logger.handle(logger.makeRecord(LOGGER, level, "", 0, event, (), None, extra={"fields": known}))


def failure(error: BaseException) -> dict[str, str]:
    """Describe an exception by type and place, never by its message."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno} {frames[-1].name}" if frames else "unknown"
    return {"error": type(error).__name__, "at": place}


class Counts:
    """How often each named thing happened in this process. Safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: Counter[str] = Counter()

    def add(self, names: Iterable[str]) -> None:
        """Count each name once."""
        with self._lock:
            self._seen.update(names)

    def seen(self) -> dict[str, int]:
        """Give the counts so far, by name."""
        with self._lock:
            return dict(sorted(self._seen.items()))


class JsonLines(logging.Formatter):
    """Format a record as one line of JSON: time, level, event, and the fields it carries."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; of a traceback only type and place remain."""
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **fields,
        }
        if record.exc_info and record.exc_info[1]:
            line |= failure(record.exc_info[1])
        return msgspec.json.encode(line).decode()


def logging_config(level: str) -> dict[str, Any]:
    """Configure logging for a process of ours: JSON lines on standard error (logging.config.dictConfig)."""
    console = {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}
    ours = {"handlers": ["console"], "level": level.upper(), "propagate": False}
    server = {"handlers": ["console"], "level": "WARNING", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "service.telemetry.JsonLines"}},
        "handlers": {"console": console},
        "loggers": {LOGGER: ours, "_granian": server, "granian.access": server},
    }
