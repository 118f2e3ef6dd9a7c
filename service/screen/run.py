"""A screening from its plan to its result: the order of the stages, what is resumed, and what is left behind."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from service.chunks import Workers, finish, in_this_process
from service.errors import InvalidRequest
from service.screen.assess import COLUMNS
from service.screen.export import find_export
from service.screen.formulary import build_formulary
from service.screen.plan import (
    ASSESSED,
    CHUNK_BYTES,
    FORMULARY,
    GATHERED,
    LISTED,
    PLAN,
    SPILL,
    Place,
    Plan,
    assessing,
    gathering,
    make_plan,
)
from service.screen.result import result_of
from service.screen.suppress import MIN_CELL
from service.settings import Settings

_OURS = (SPILL, GATHERED, ASSESSED, LISTED, FORMULARY, PLAN)


@dataclass(frozen=True, slots=True)
class Screening:
    """What is asked for: the addresses of an export, the day (None: that of the plan that is resumed), and the outputs.

    `work` is the folder that an interrupted screening can be resumed from; without it a temporary one is used.
    `patients` is the file for the list of patients.
    """

    addresses: tuple[str, ...]
    settings: Settings
    on: date | None
    today: date
    smallest: int = MIN_CELL
    work: Path | None = None
    resume: bool = False
    patients: Path | None = None
    chunk_bytes: int = CHUNK_BYTES


def screen(
    asked: Screening, workers: Workers = in_this_process, progress: Callable[[int, int], object] | None = None
) -> dict[str, Any]:
    """Screen an export and return the result as JSON. `progress` is told the finished tasks and all of them.

    Raises InvalidRequest for an export, a work folder or a file that cannot be used.
    """
    if asked.patients and not asked.patients.absolute().parent.is_dir():
        raise InvalidRequest(f"{asked.patients}: there is no such folder. Give a file in a folder that exists.")
    with _place(asked) as place:
        plan = _plan(asked, place)
        chunks, everything = len(plan.chunks), len(plan.chunks) + plan.shares
        if not place.formulary.exists():
            build_formulary(plan.parts, place.formulary)
        finish(place.gathered(plan), gathering(place, plan), workers, partial(_told, progress, 0, everything))
        finish(place.assessed(plan), assessing(place, plan), workers, partial(_told, progress, chunks, everything))
        result = result_of(place, plan, asked.smallest)
        if asked.patients:
            _write_patients(place, plan, asked.patients)
        return result


def _told(progress: Callable[[int, int], object] | None, before: int, everything: int, done: int) -> None:
    if progress is not None:
        progress(before + done, everything)


def _plan(asked: Screening, place: Place) -> Plan:
    """Return the plan: that of the work folder, if it is resumed and nothing has changed since."""
    listing = asked.patients is not None
    started = place.read_plan() if asked.resume else None
    on = asked.on or (started.on if started else asked.today)
    plan = make_plan(find_export(asked.addresses), asked.settings, on, listing=listing, chunk_bytes=asked.chunk_bytes)
    if started is None:
        place.write_plan(plan)
    elif started != plan:
        raise InvalidRequest(
            f"{place.folder}: was begun for another screening ({', '.join(_changed(started, plan))} changed). "
            "Resume with what it was begun with, or start anew in another folder."
        )
    return plan


def _changed(before: Plan, now: Plan) -> Iterator[str]:
    names = {"parts": "the export", "on": "--on", "listing": "--patients", "package": "the version of upa-cds"}
    for name in before.__struct_fields__:
        if getattr(before, name) != getattr(now, name):
            yield names.get(name, name)


@contextmanager
def _place(asked: Screening) -> Iterator[Place]:
    """Give a work folder, and empty it at the end: it holds patient data. One to resume from stays if broken off."""
    if asked.work is None:
        folder = Path(mkdtemp(prefix="upa-cds-screen-"))
        try:
            yield Place(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    place = Place(asked.work.resolve())
    if not asked.resume:
        _refuse_used(place)
    yield place
    _empty(place.folder)


def _refuse_used(place: Place) -> None:
    if place.plan_file.exists():
        raise InvalidRequest(
            f"{place.folder}: holds a screening that was broken off. Add --resume, or give another folder."
        )
    if place.folder.exists() and (not place.folder.is_dir() or any(place.folder.iterdir())):
        raise InvalidRequest(f"{place.folder}: is not empty. Give a new folder for the work.")


def _empty(folder: Path) -> None:
    for name in _OURS:
        item = folder / name
        if item.is_dir():
            shutil.rmtree(item)
        else:
            item.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _write_patients(place: Place, plan: Plan, file: Path) -> None:
    """Write the list of patients, readable by its user only, even if a file of that name was open to others."""
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as written:
            os.fchmod(written.fileno(), 0o600)
            written.write((",".join(COLUMNS) + "\n").encode())
            for share in range(plan.shares):
                written.write(place.listed(share).read_bytes())
    except OSError as error:
        raise InvalidRequest(
            f"{file}: cannot be written ({error.strerror}). Give a file in a folder that exists."
        ) from None
