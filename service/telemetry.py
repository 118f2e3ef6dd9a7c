"""What the service says about itself: JSON lines of allowlisted fields, and counts of deviations.

Nothing of the patient can be written. A field that is not in FIELDS, or whose value is not of the form that FIELDS has
for it, is withheld, and its name counted in `WITHHELD`. Of an exception only its type and place are kept, since
messages quote data; of a line of a library only where it comes from, since it may quote an address.
"""

import logging
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from logging.config import dictConfig
from threading import Lock
from time import time
from typing import Any

import msgspec

from service.line_writer import LineWriter

LOGGER = "upa_cds"
_LOGGER = logging.getLogger(LOGGER)
_LISTS = (list, tuple)
# Their messages are about processes and sockets.
SERVER_LOGGERS = ("_granian", "granian")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,79}", re.ASCII)
_PHRASE = re.compile(r"[A-Za-z_<][\w .,:()<>/+'-]{0,159}", re.ASCII)


def _number(value: Any) -> bool:
    return type(value) in (int, float)


# There are few of them, and each call says some.
@lru_cache(maxsize=2048)
def _plain(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def _word(value: Any) -> bool:
    return isinstance(value, str) and _plain(value)


def _words(value: Any) -> bool:
    return isinstance(value, _LISTS) and (not value or all(map(_word, value)))


def _phrase(value: Any) -> bool:
    return isinstance(value, str) and _PHRASE.fullmatch(value) is not None


def _id(value: Any) -> bool:
    return isinstance(value, str) and _REQUEST_ID.fullmatch(value) is not None


def _of_the_site(value: Any) -> bool:
    """Accept what only the site's own settings and knowledge say: ids of clients, problems of the knowledge."""
    return isinstance(value, str) or (isinstance(value, _LISTS) and all(isinstance(one, str) for one in value))


FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "request_id": _id,
    "service": _word,
    "hook": _word,
    "client": _of_the_site,
    "refusal": _word,
    "method": _word,
    "status": _number,
    "outcome": _word,
    "rules": _words,
    "indicators": _words,
    "gaps": _words,
    "unidentified": _number,
    "deviations": _words,
    "entries": _number,
    "stored": _number,
    "fhir_reads": _number,
    "fhir_failures": _number,
    "fhir_problems": _words,
    "fhir_refusal": _word,
    "fhir_ms": _number,
    "server": _of_the_site,
    "duration_ms": _number,
    "error": _phrase,
    "at": _phrase,
    "problems": _of_the_site,
    "knowledge": _of_the_site,
}
"""Every field of a log line, and the form that its value has."""


def request_id(incoming: str | None) -> str:
    """Keep the caller's request id if it is short and plain, else make one."""
    return incoming if incoming and _REQUEST_ID.fullmatch(incoming) else os.urandom(16).hex()


def write(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write one log line. `event` is a fixed name; what FIELDS does not allow is withheld and counted."""
    if _LOGGER.isEnabledFor(level):
        _LOGGER.handle(_record(level, event, _allowed(fields)))


_NOWHERE = vars(logging.makeLogRecord({"name": LOGGER, "threadName": None, "processName": None}))


def _record(level: int, event: str, fields: Mapping[str, Any]) -> logging.LogRecord:
    """Make the record of a line. Where it was written, by which thread and process, no line says or need find out."""
    record = logging.LogRecord.__new__(logging.LogRecord)
    now = time()
    named = {"levelno": level, "levelname": logging.getLevelName(level), "msg": event, "fields": fields}
    vars(record).update(_NOWHERE, created=now, msecs=now % 1 * 1000, **named)
    return record


def _allowed(fields: Mapping[str, Any]) -> dict[str, Any]:
    allowed = {name: value for name, value in fields.items() if value is not None and FIELDS.get(name, _never)(value)}
    if withheld := [name for name in fields.keys() - allowed.keys() if fields[name] is not None]:
        WITHHELD.add(name if name in FIELDS else UNKNOWN for name in withheld)
    return allowed


def _never(_: Any) -> bool:
    return False


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


WITHHELD, UNKNOWN = Counts(), "unknown-field"
"""Which fields this process kept out of its log lines, and how often: always a fault of the program."""


class JsonLines(logging.Formatter):
    """Format a record as one line of JSON: time, level, event, and the fields it carries."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; of a traceback only type and place remain, of a line of a library only its place."""
        return self.line(record).decode()

    def line(self, record: logging.LogRecord) -> bytes:
        """Write the record in UTF-8."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._said(record),
        }
        if record.exc_info and record.exc_info[1]:
            line |= failure(record.exc_info[1])
        return msgspec.json.encode(line)

    @staticmethod
    def _said(record: logging.LogRecord) -> dict[str, Any]:
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        if fields is not None:
            return {"event": record.msg, **fields}
        if record.name.partition(".")[0] in SERVER_LOGGERS:
            return {"event": "server", "message": record.getMessage()}
        return {"event": "library", "library": record.name, "at": f"{record.module}.py:{record.lineno}"}


_LINES = JsonLines()
DROPPED, LOG_LINES = Counts(), "log-lines"
"""How many lines this process could not write, since nobody read the ones before."""


def _missing(lines: int) -> bytes:
    """Make the line that stands in the log for so many that are missing there."""
    record = logging.makeLogRecord({"levelname": "WARNING", "msg": "log-lines-dropped", "fields": {"entries": lines}})
    return _LINES.line(record) + b"\n"


WRITER = LineWriter(2, missing=_missing, dropped=lambda: DROPPED.add((LOG_LINES,)))
"""Writes the lines of this process to standard error, in a thread: an answer never waits for who reads the log."""


class Console(logging.Handler):
    """Hands each record, as a line of JSON, to the writer."""

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record; one that cannot be made is a dropped one."""
        try:
            line = _LINES.line(record) + b"\n"
        except Exception:
            # Python would print the arguments that do not fit, and these may be of a patient.
            DROPPED.add((LOG_LINES,))
            return
        WRITER.put(line)


def configure_logging(level: str) -> None:
    """Have this process, and those it forks, write JSON lines and nothing else; warnings of libraries too."""
    dictConfig(logging_config(level))
    logging.captureWarnings(capture=True)
    # A line of ours names none of them, and to find them out costs each line a call of the system (Logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def logging_config(level: str) -> dict[str, Any]:
    """Configure logging for a process of ours: JSON lines on standard error (logging.config.dictConfig)."""
    console = {"class": "service.telemetry.Console"}
    ours = {"handlers": ["console"], "level": level.upper(), "propagate": False}
    server = {"handlers": ["console"], "level": "WARNING", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": console},
        # What libraries warn of. Theirs would else be printed as it is, with the addresses that they read.
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {LOGGER: ours, "_granian": server, "granian.access": server},
    }
