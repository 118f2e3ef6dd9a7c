"""What a running `upa-cds serve` says of itself in the data folder: its process, its knowledge, its last reload.

Two files for each port. `serve-PORT.pid` is locked by the process as long as it lives, so that a number that belongs to
another program by now is never sent a signal; `serve-PORT.json` is replaced whole whenever something changes.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec

from service.errors import SettingsError, Unreachable
from service.settings import Settings


class Outcome(StrEnum):
    """What became of a reload: its workers are being replaced, all of them are, or the knowledge was refused."""

    REPLACING = "replacing"
    DONE = "done"
    REFUSED = "refused"


class Knowledge(msgspec.Struct, frozen=True):
    """One state of the knowledge, by its version and the hash of its files."""

    version: str
    sha256: str


class Reload(msgspec.Struct, frozen=True):
    """The last reload of a process: its number, since when it stands so, and what was wrong if it was refused."""

    number: int
    outcome: Outcome
    since: str
    problems: tuple[str, ...] = ()


class InForce(msgspec.Struct, frozen=True):
    """What a process serves: it answers for its workers."""

    pid: int
    knowledge: Knowledge
    reload: Reload | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """The two files of the service that has this port and this data folder."""

    pid: Path
    state: Path

    @classmethod
    def of(cls, settings: Settings) -> "Files":
        """Name the files of a site's service."""
        place = settings.data_dir / f"serve-{settings.port}"
        return cls(place.with_suffix(".pid"), place.with_suffix(".json"))

    def read(self) -> InForce | None:
        """Read what the process last said; None where it never ran or the file is no use."""
        try:
            return msgspec.json.decode(self.state.read_bytes(), type=InForce)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, said: InForce) -> None:
        """Replace what the process says, so that a reader never finds half of it."""
        fresh = self.state.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(said))
        fresh.replace(self.state)

    def hold(self) -> IO[str]:
        """Write our process id and lock it for as long as the returned file is open; raises SettingsError."""
        try:
            # Appended to, so that the number of a process that holds it stays what it is.
            self.pid.touch(mode=0o600)
            file = self.pid.open("a+", encoding="ascii")
        except OSError as error:
            raise SettingsError(f"{self.pid}: cannot be written ({error.strerror}). Mend the data folder.") from None
        if not _locked(file):
            file.close()
            raise SettingsError(f"{self.pid}: another upa-cds serves this port from this data folder. Stop it first.")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def process(self) -> int:
        """Return the id of the process that serves; raises Unreachable where none does."""
        nobody = f"{self.pid}: no upa-cds serves this port from this data folder."
        try:
            with self.pid.open("r+", encoding="ascii") as file:
                if _locked(file):
                    raise Unreachable(f"{nobody} Start it, or give the --data-dir, --port or --config it runs with.")
                return int(file.read())
        except FileNotFoundError:
            raise Unreachable(f"{nobody} Start it, or give the --data-dir, --port or --config it runs with.") from None
        except (OSError, ValueError):
            raise Unreachable(f"{self.pid}: cannot be read. Run this as the user that runs the service.") from None


def last_reload(settings: Settings) -> Callable[[], Reload | None]:
    """Give the way to the last reload of the process that this one is a worker of."""
    files = Files.of(settings)

    def read() -> Reload | None:
        said = files.read()
        return said.reload if said and said.pid == os.getppid() else None

    return read


def now() -> str:
    """Write the present time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _locked(file: IO[str]) -> bool:
    """Lock a file for this process, and say whether that was possible; a fork does not inherit the lock."""
    import fcntl  # not on every system that runs the other commands

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
