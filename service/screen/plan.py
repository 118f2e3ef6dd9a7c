"""What a screening is, fixed before it starts: the same plan gives the same result, wherever and however it is run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

import msgspec

from cards.model import Gap
from service import __version__
from service.answer import Engine, build_engine
from service.chunks import Ledger, Work, whole_file
from service.errors import InvalidRequest
from service.screen.assess import Look, assess_share
from service.screen.export import Chunk, Export, Part, chunks_of, text_size
from service.screen.gather import RUN_BYTES, Report, gather
from service.screen.spill import Spill, read_share
from service.screen.totals import Totals, added
from service.settings import Settings

CHUNK_BYTES = 32 * 1024**2
MOST_SHARES = 4096
PLAN, FORMULARY = "plan.json", "formulary.db"
SPILL, GATHERED, ASSESSED, LISTED = "spill", "gathered", "assessed", "listed"
_DECIDING = {"knowledge", "overlay", "jurisdiction", "disabled_rules", "silent_rules", "indicator_ceiling", "options"}
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Plan(msgspec.Struct, frozen=True):
    """The export, the day, the knowledge and the settings that decide, and how the work is cut.

    `shares` is the number of groups of patients: as many as there are halves of a chunk, since little of the text is
    kept of it. `gaps` are what the export as a whole does not hold.
    """

    package: str
    knowledge: str
    settings: str
    on: date
    parts: tuple[Part, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    gaps: tuple[Gap, ...]
    shares: int
    chunk_bytes: int
    listing: bool

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """Return the chunks of the export."""
        return chunks_of(self.parts, self.chunk_bytes)

    @property
    def digest(self) -> str:
        """Return what two plans have in common only if they are the same."""
        return sha256(_ENCODER.encode(self)).hexdigest()


def make_plan(export: Export, settings: Settings, on: date, *, listing: bool, chunk_bytes: int = CHUNK_BYTES) -> Plan:
    """Plan the screening of an export."""
    missing = (("Condition", Gap.CONDITIONS_ABSENT), ("AllergyIntolerance", Gap.ALLERGIES_ABSENT))
    chosen = settings.model_dump(mode="json", include=_DECIDING)
    for name in ("knowledge", "overlay"):
        if place := getattr(settings, name):
            chosen[name] = str(place.resolve())
    deciding = json.dumps(chosen, sort_keys=True)
    return Plan(
        package=__version__,
        knowledge=_engine(deciding).catalogue.sha256,
        settings=deciding,
        on=on,
        parts=export.parts,
        left_out=dict(export.left_out),
        notes=export.notes,
        gaps=tuple(gap for kind, gap in missing if kind not in export.kinds),
        shares=min(MOST_SHARES, 1 + 2 * text_size(export.parts) // chunk_bytes),
        chunk_bytes=chunk_bytes,
        listing=listing,
    )


def engine_of(plan: Plan) -> Engine:
    """Return the knowledge and the site's options, made once in a process."""
    engine = _engine(plan.settings)
    if engine.catalogue.sha256 != plan.knowledge:
        raise InvalidRequest(
            "The knowledge is not that of the screening: give all workers the same, and start anew after a change."
        )
    return engine


@cache
def _engine(settings: str) -> Engine:
    return build_engine(Settings.model_validate(json.loads(settings)))


@dataclass(frozen=True, slots=True)
class Place:
    """The work folder of a screening. It holds patient data, so only its user may look into it."""

    folder: Path

    @property
    def plan_file(self) -> Path:
        """Name the file of the plan; its presence makes a folder a work folder."""
        return self.folder / PLAN

    @property
    def formulary(self) -> Path:
        """Name the database of Medications."""
        return self.folder / FORMULARY

    def read_plan(self) -> Plan:
        """Read the plan; raises InvalidRequest where there is none."""
        try:
            return msgspec.json.decode(self.plan_file.read_bytes(), type=Plan)
        except (OSError, msgspec.MsgspecError):
            raise InvalidRequest(
                f"{self.folder}: holds no interrupted screening. Start one with --work and without --resume."
            ) from None

    def write_plan(self, plan: Plan) -> None:
        """Write the plan of a new screening."""
        for folder in (self.folder, self.folder / SPILL, self.folder / LISTED):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with whole_file(self.plan_file) as file:
            file.write(_ENCODER.encode(plan))

    def gathered(self, plan: Plan) -> Ledger:
        """Return the finished chunks."""
        return Ledger(self.folder / GATHERED, len(plan.chunks))

    def assessed(self, plan: Plan) -> Ledger:
        """Return the finished shares."""
        return Ledger(self.folder / ASSESSED, plan.shares)

    def listed(self, share: int) -> Path:
        """Name the file of the patients of a share."""
        return self.folder / LISTED / f"{share:08}"


def gathering(place: Place, plan: Plan) -> Work:
    """Return the work of the first stage: a chunk to its report."""
    return partial(_gather, str(place.folder), plan.digest)


def assessing(place: Place, plan: Plan) -> Work:
    """Return the work of the second stage: a share to its totals."""
    return partial(_assess, str(place.folder), plan.digest)


@cache
def _planned(folder: str, digest: str) -> Plan:
    plan = Place(Path(folder)).read_plan()
    if plan.digest != digest:
        raise InvalidRequest(f"{folder}: another screening took the work folder over. Give each its own.")
    return plan


def _gather(folder: str, digest: str, task: int) -> bytes:
    place, plan = Place(Path(folder)), _planned(folder, digest)
    chunk = plan.chunks[task]
    spill = Spill(place.folder / SPILL, f"{task:08}", plan.shares, RUN_BYTES)
    return _ENCODER.encode(gather(plan.parts[chunk.part], chunk, engine_of(plan), place.formulary, spill))


def _assess(folder: str, digest: str, share: int) -> bytes:
    place, plan = Place(Path(folder)), _planned(folder, digest)
    files = sorted(file for file in (place.folder / SPILL).iterdir() if file.suffix != ".part")
    look = Look(plan.on, dict.fromkeys(plan.gaps, 1))
    found = assess_share(read_share(files, share), engine_of(plan), look, listing=plan.listing)
    if plan.listing:
        with whole_file(place.listed(share)) as file:
            file.write(found.listed.encode("utf-8", "backslashreplace"))
    return _ENCODER.encode(found.totals)


def reports(place: Place, plan: Plan) -> Iterator[Report]:
    """Yield what the chunks were, in the order of the export."""
    return (msgspec.json.decode(item, type=Report) for item in place.gathered(plan).results())


def totals_of(place: Place, plan: Plan) -> Totals:
    """Add the totals of the shares up."""
    return added(msgspec.json.decode(item, type=Totals) for item in place.assessed(plan).results())
