"""Hook calls to a recording, behind the answer: de-identified in a thread of the worker, never a reason to fail.

Off unless the site names a folder. What is lost, and why, is counted and shown at `/readyz`.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cards import Catalogue
from service import __version__, telemetry
from service.background import Background
from service.errors import SettingsError
from service.folders import prepared
from service.recording.deidentify import Unreadable, deidentified
from service.recording.format import SCHEMA, SUFFIXES, Exchange, Header, RecordingWriter
from service.recording.key import PatientPseudonyms, RecordingKey, recording_key
from service.recording.policy import Policy, load_policy
from service.recording.words import Vocabulary, vocabulary
from service.settings import Settings
from service.telemetry import Counts

# What one worker holds in memory of calls that wait to be written.
QUEUED_BYTES = 64 * 1024**2
RECORDED = "recorded"


class _Full(Exception):
    """The recordings have reached the size that the site allows."""


@dataclass(frozen=True, slots=True)
class Taking:
    """What the recordings of a site are made with."""

    folder: Path
    share: float
    file_bytes: int
    all_bytes: int
    key: RecordingKey
    words: Vocabulary
    policy: Policy
    knowledge: str

    @property
    def header(self) -> Header:
        """Say how the files were made."""
        return Header(SCHEMA, f"upa-cds {__version__}", True, self.policy.version, self.key.id, self.knowledge)


def taking(settings: Settings, catalogue: Catalogue) -> Taking | None:
    """Prepare the folder, the key and the words of the recordings; None where the site records nothing.

    Raises SettingsError for a folder or list of words that cannot be used, KeyUnusable.
    """
    if settings.record_dir is None:
        return None
    policy = load_policy()
    return Taking(
        folder=prepared("record_dir", settings.record_dir),
        share=settings.record_sampling,
        file_bytes=settings.record_file_bytes,
        all_bytes=settings.record_total_bytes,
        key=recording_key(settings.data_dir),
        words=vocabulary(catalogue, policy, listed_words(settings.record_words)),
        policy=policy,
        knowledge=catalogue.version,
    )


def listed_words(file: Path | None) -> tuple[str, ...]:
    """Read a site's own list of words, one or more a line; `#` begins a comment. Raises SettingsError."""
    if file is None:
        return ()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise SettingsError(f"record_words {file}: cannot be read ({reason}). Give a text file.") from None
    return tuple(line.partition("#")[0] for line in lines)


@dataclass(slots=True)
class Recorder:
    """Takes calls of this process; each worker writes files of its own, begun by its first call."""

    taking: Taking
    counts: Counts = field(default_factory=Counts)
    _queue: Background[Exchange] = field(init=False)
    _writer: RecordingWriter | None = None
    _process: int = 0

    def __post_init__(self) -> None:
        self._queue = Background(self._keep, capacity=QUEUED_BYTES, lost=self._lose, closed=self.close)

    def expect(self) -> None:
        """Announce a call that is being answered: a worker that ends waits for it."""
        self._queue.expect()

    def take(self, exchange: Exchange) -> None:
        """Queue a call that was announced, as it was answered. Never waits, never raises."""
        bodies = (exchange.request, exchange.response, *(read.body for read in exchange.fhir_calls))
        self._queue.give(exchange, sum(map(len, bodies)) + 1, expected=True)

    def flush(self, seconds: float) -> bool:
        """Wait for what is queued; say whether all of it is done."""
        return self._queue.flush(seconds)

    def close(self) -> None:
        """Finish the file of this process."""
        writer, self._writer = self._writer, None
        if writer and self._process == os.getpid():
            writer.close()

    def _keep(self, exchange: Exchange) -> None:
        try:
            kept = deidentified(exchange, self._pseudonyms(exchange), self.taking.words, self.taking.policy)
            if kept is not None:
                self._write(kept)
                self.counts.add((RECORDED,))
        except Unreadable:
            self._lose("unreadable", 1)
        except _Full:
            self._lose("limit", 1)

    def _pseudonyms(self, exchange: Exchange) -> Callable[[str], PatientPseudonyms | None]:
        key, share, scope = self.taking.key, self.taking.share, exchange.client or ""
        return lambda patient: key.of_patient(scope, patient) if key.samples(scope, patient, share) else None

    def _write(self, exchange: Exchange) -> None:
        if _used(self.taking.folder) >= self.taking.all_bytes:
            raise _Full
        if self._writer is None or self._process != os.getpid():
            # What the parent has open is the parent's to write.
            self._process = os.getpid()
            self._writer = RecordingWriter(
                _file(self.taking.folder), self.taking.header, max_bytes=self.taking.file_bytes
            )
        self._writer.write(exchange)

    def _lose(self, reason: str, number: int) -> None:
        name = f"lost-{reason}"
        if name not in self.counts.seen():
            telemetry.write("recording-lost", level=logging.WARNING, problems=[reason])
        self.counts.add([name] * number)


def _used(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.name.endswith(SUFFIXES))


def _file(folder: Path) -> Path:
    """Name the next file of this process, without a time: when the calls were made is not for the name to tell."""
    number = 1
    while any(folder.glob(f"worker-{os.getpid()}-{number}.*")):
        number += 1
    return folder / f"worker-{os.getpid()}-{number}.ndjson.gz"
