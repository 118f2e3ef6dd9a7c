"""The core that streams: some calls to their sums. A pool of processes calls it, and anything else that can map."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.replay.calls import Call
from service.replay.compare import compare
from service.replay.measure import Both, answered, changes, measure
from service.replay.partial import Partial
from service.replay.reading import read_answer
from service.replay.sides import Side, SideSpec, open_sides
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, with the settings of the site as JSON; it travels to other processes.

    `again` is the share of the calls that one side answers twice, between 0 and 1.
    """

    old: SideSpec
    new: SideSpec
    site: str = "{}"
    again: float = 1.0


@lru_cache(maxsize=4)
def sides(plan: Plan) -> tuple[Side, Side]:
    """Make both sides ready, once for each process; raises KnowledgeError or SettingsError."""
    return open_sides(plan.old, plan.new, Settings.model_validate_json(plan.site))


def sums(plan: Plan, calls: Sequence[Call]) -> Partial:
    """Answer some calls on both sides and return their sums; the same calls give the same sums wherever it runs."""
    old, new = both_sides = sides(plan)
    # The recorded answers cannot be asked again.
    repeated = 0 if old.again else 1
    partial = Partial()
    for call in calls:
        both = answered(call, old, new)
        measure(both, new.names, partial)
        twice = _chosen(call.exchange.id, plan.again)
        changes(both, partial, unstable=twice and _differs(both, repeated, both_sides[repeated]))
    return partial


def _differs(both: Both, at: int, side: Side) -> bool:
    """Say whether a second answer differs: by a byte in this process, by its meaning behind a URL."""
    first, again = both.answered[at], side.answer(both.call)
    if (first.status, first.body) == (again.status, again.body):
        return False
    return side.exact or bool(compare(both.read[at], read_answer(again.status, again.body, side.names, months=False)))


def _chosen(exchange: str, share: float) -> bool:
    """Choose a share of the calls by their ids, so that neither order nor number of processes matters."""
    return int.from_bytes(hashlib.blake2b(exchange.encode(), digest_size=4).digest()) < share * 2**32
