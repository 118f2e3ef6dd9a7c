"""A replay on the workers of a cluster: parts of calls through a folder that all of them reach, sums back in order.

The scheduler sees numbers of parts and their sums, with the cards that changed. The calls lie in the folder, readable
by its user only, until their part is answered; a part whose worker is lost is answered by another, and counts once.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from cards import KnowledgeError
from service import __version__
from service.cluster import Cluster
from service.errors import SettingsError
from service.replay.calls import Call
from service.replay.chunk import Plan, sides, sums
from service.replay.partial import Partial
from service.replay.sides import SideSpec
from service.replay.stream import Map
from service.settings import Settings

SPOOL = "replay.parts"
_PLAN = "plan.json"
# A worker needs what decides an answer, and never who may call or where the site keeps what.
_STAYS_HERE = {"clients", "data_dir", "database_url", "record_dir", "record_words", "tls_cert", "tls_key"}


@dataclass(frozen=True, slots=True)
class _Agreed:
    """The plan of a run, with what every worker must have alike: the program and the knowledge of both sides."""

    plan: Plan
    program: str
    knowledge: tuple[str, ...]


def by_cluster(cluster: Cluster, out: Path) -> Map:
    """Answer the parts on a cluster. `out` is a folder that all workers reach under the same path.

    Raises SettingsError where a worker cannot read it, or has another program or other knowledge.
    """

    def each(plan: Plan, parts: Iterable[tuple[Call, ...]]) -> Iterator[Partial]:
        with _spool(out.resolve()) as spool:
            agreed = _Agreed(_for_anywhere(plan), __version__, _knowledge(plan))
            (spool / _PLAN).write_bytes(msgspec.json.encode(agreed))
            work = partial(answer_part, spool, uuid4().hex)
            yield from _in_order(cluster(work, _laid_down(parts, spool)), spool)

    return each


def answer_part(spool: Path, run: str, number: int) -> bytes:
    """Answer a part of a run on a worker, and return its sums; raises SettingsError as `by_cluster` says."""
    try:
        plan = _agreed(spool, run)
        calls = msgspec.msgpack.decode(_part(spool, number).read_bytes(), type=tuple[Call, ...])
    except OSError as error:
        raise SettingsError(
            f"{spool}: a worker of the cluster cannot read it ({error.strerror}). "
            "Give an --out that every worker reaches under the same path."
        ) from None
    return msgspec.msgpack.encode(sums(plan, calls))


@lru_cache(maxsize=1)
def _agreed(spool: Path, run: str) -> Plan:  # noqa: ARG001 - another run reads the plan and the knowledge anew
    agreed = msgspec.json.decode((spool / _PLAN).read_bytes(), type=_Agreed)
    sides.cache_clear()
    try:
        here = (__version__, _knowledge(agreed.plan))
    except KnowledgeError as error:
        raise SettingsError(*(f"on a worker of the cluster: {problem}" for problem in error.problems)) from None
    if here != (agreed.program, agreed.knowledge):
        raise SettingsError(
            "A worker of the cluster has another program or other knowledge: give all the same, and start again."
        )
    return agreed.plan


def _knowledge(plan: Plan) -> tuple[str, ...]:
    return tuple(side.names.sha256 for side in sides(plan))


def _for_anywhere(plan: Plan) -> Plan:
    """Return the plan for processes that are in another folder, without the secrets of the site."""
    site = Settings.model_validate_json(plan.site)
    named = {"knowledge": site.knowledge, "overlay": site.overlay}
    site = site.model_copy(update={name: place.resolve() for name, place in named.items() if place})
    return replace(
        plan, old=_resolved(plan.old), new=_resolved(plan.new), site=site.model_dump_json(exclude=_STAYS_HERE)
    )


def _resolved(side: SideSpec) -> SideSpec:
    where = str(side.knowledge.resolve()) if side.knowledge else side.where
    return replace(side, where=where, overlay=str(Path(side.overlay).resolve()) if side.overlay else None)


@contextmanager
def _spool(out: Path) -> Iterator[Path]:
    """Make the folder of the parts, and remove it at the end, and what a killed run left there before."""
    spool = out / SPOOL
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(mode=0o700)
    try:
        yield spool
    finally:
        shutil.rmtree(spool, ignore_errors=True)


def _laid_down(parts: Iterable[tuple[Call, ...]], spool: Path) -> Iterator[int]:
    """Yield the number of each part once it lies in the folder."""
    for number, calls in enumerate(parts):
        _part(spool, number).write_bytes(msgspec.msgpack.encode(calls))
        yield number


def _in_order(results: Iterator[tuple[int, bytes]], spool: Path) -> Iterator[Partial]:
    """Yield the sums in the order of the parts; those that come before their turn wait as bytes."""
    waiting: dict[int, bytes] = {}
    turn = 0
    for number, result in results:
        _part(spool, number).unlink()
        waiting[number] = result
        while turn in waiting:
            yield msgspec.msgpack.decode(waiting.pop(turn), type=Partial, dec_hook=_counter)
            turn += 1


def _part(spool: Path, number: int) -> Path:
    return spool / f"{number:08}"


def _counter(_kind: type, counts: Any) -> Counter[Any]:
    return Counter(counts)
