"""The calls that are replayed: exchanges of recordings, or recorded cases made into exchanges, one at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from pathlib import Path

from service.cases import Case, CaseError, case_names, read_case
from service.recording.format import SUFFIXES, Exchange, Header, read_header, read_recording, recording_files
from service.replay.recorded_cases import service_of


@dataclass(frozen=True, slots=True)
class Call:
    """One call with its place.

    `settings` are those of a recorded case, as JSON; None: the settings of the site. `position` tells how far it is in
    the corpus, in the unit of its size.
    """

    file: str
    line: int
    exchange: Exchange
    settings: str | None = None
    position: int = 0

    @property
    def where(self) -> str:
        """Name the place for a reader."""
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is replayed: recordings with their headers, or a folder of cases (None: the packaged ones).

    `cut_off` names the recordings whose last line was not whole; it is known once the calls were read.
    """

    files: tuple[Path, ...] = ()
    headers: tuple[Header, ...] = ()
    folder: Path | None = None
    cases: tuple[str, ...] = ()
    cut_off: list[str] = field(default_factory=list, compare=False)

    def __iter__(self) -> Iterator[Call]:
        """Yield the calls in their order; raises RecordingError or CaseError at the first that cannot be read."""
        self.cut_off.clear()
        behind = 0
        for file in self.files:
            exchanges = read_recording(file)
            for exchange in exchanges:
                yield Call(file.name, exchanges.line, exchange, position=behind + exchanges.position)
            behind += file.stat().st_size
            if exchanges.truncated:
                self.cut_off.append(file.name)
        for index, name in enumerate(self.cases, 1):
            yield replace(case_call(read_case(name, self.folder)), position=index)

    @property
    def size(self) -> int:
        """Return the bytes of the recordings, or the number of cases: enough to notice that they were changed."""
        return sum(file.stat().st_size for file in self.files) + len(self.cases)


def corpus(path: Path | None) -> Corpus:
    """Look at what a path holds; raises RecordingError for a faulty header, CaseError for a folder without a call."""
    if is_recording(path) and path is not None:
        files = recording_files(path)
        return Corpus(files=files, headers=tuple(read_header(file) for file in files))
    names = case_names(path)
    if not names:
        raise CaseError(f"{path}: holds neither recordings nor cases. Give a file or folder that holds some.")
    return Corpus(folder=path, cases=names)


def is_recording(path: Path | None) -> bool:
    """Say whether a path is a recording, or a folder of recordings, and not a folder of cases."""
    if path is None:
        return False
    if path.is_dir():
        return any(file.name.endswith(SUFFIXES) for file in path.iterdir())
    return path.is_file() or path.name.endswith(SUFFIXES)


def case_call(case: Case) -> Call:
    """Make an exchange of a recorded case: its day at noon, its expected answer, and its own settings."""
    exchange = Exchange(
        id=case.name,
        at=datetime.combine(case.on, time(12), UTC),
        on=case.on,
        service=service_of(case).id,
        hook=case.hook,
        request=case.body,
        fhir_calls=case.server,
        status=case.status,
        response=json.dumps(case.expected).encode("utf-8"),
        latency_ms=None,
        knowledge_version=None,
        knowledge_sha256=None,
        client=None,
        profile="spec",
        jurisdiction=str(case.settings.get("jurisdiction", "us")),
        exceptions=case.exceptions,
    )
    settings = json.dumps(dict(case.settings), sort_keys=True)
    return Call(case.name, 0, exchange, settings)
