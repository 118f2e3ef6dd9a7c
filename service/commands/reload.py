"""Have the running service read its knowledge again, and say what became of it: `upa-cds reload`."""

import os
import signal
from collections.abc import Callable
from time import monotonic, sleep

from cards import KnowledgeError
from service.errors import ServiceError
from service.in_force import Files, InForce, Outcome
from service.settings import Settings

POLL_SECONDS = 0.1


class ReloadUnderWay(ServiceError):
    """The service did not say in time that its workers are replaced; it goes on with it."""

    exit_code = 75


def reload(settings: Settings, *, seconds: float, say: Callable[[str], object]) -> None:
    """Signal the service of this data folder and port, and wait for what it says, for so long at most.

    Raises KnowledgeError with the problems if it refused the knowledge and goes on with the old; Unreachable where no
    such service runs; ReloadUnderWay.
    """
    files = Files.of(settings)
    process = files.process()
    before = files.read()
    os.kill(process, signal.SIGHUP)
    said = _answer(files, process, _number(before), seconds)
    if said.reload and said.reload.outcome is Outcome.REFUSED:
        kept = f"the service goes on with knowledge {said.knowledge.version}; mend this and reload again"
        raise KnowledgeError((*said.reload.problems, f"reload {said.reload.number}: refused, {kept}"))
    say(f"knowledge {said.knowledge.version} (sha256 {said.knowledge.sha256}) is in force in every worker")


def _answer(files: Files, process: int, before: int, seconds: float) -> InForce:
    """Wait until the process has done or refused a reload after the one with this number."""
    end = monotonic() + seconds
    while monotonic() < end:
        said = files.read()
        last = said.reload if said and said.pid == process else None
        if said and last and last.number > before and last.outcome is not Outcome.REPLACING:
            return said
        sleep(POLL_SECONDS)
    raise ReloadUnderWay(f"process {process} did not answer within {seconds:g} s. Look at its log and at /readyz.")


def _number(said: InForce | None) -> int:
    return said.reload.number if said and said.reload else 0
