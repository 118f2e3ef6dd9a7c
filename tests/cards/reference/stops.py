"""What a recorded stop does to all that is said about an ingredient."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from cards.model import Kind, State
from tests.cards.reference.voices import Voice
from tests.cards.reference.windows import ExpectedDay


def last_stop(voices: Iterable[Voice]) -> date | None:
    # Question: a stop without any date lowers nothing but its own resource; of several stops the latest counts.
    return max((item.last for item in voices if item.is_stop and item.last is not None), default=None)


def lifted(voices: Iterable[Voice], stop: date) -> bool:
    # "unless another request of it is active or a dose is dated after the stop"
    return any(lifts(item, stop) for item in voices if not item.is_stop)


def lifts(item: Voice, stop: date) -> bool:
    """Say whether a resource shows that the medicine was taken up again after a stop."""
    fact = item.fact
    if fact.kind is Kind.REQUEST:
        return item.in_force or (item.lapsed and after(fact.authored, stop))
    if fact.kind is Kind.STATEMENT:
        return after(fact.start, stop) or after(fact.asserted, stop)
    return after(fact.given, stop)


def after(day: date | None, stop: date) -> bool:
    """Say whether a day is known and later than the stop."""
    return day is not None and day > stop


def within_stops(voices: Sequence[Voice], day: ExpectedDay) -> tuple[Voice, ...]:
    # "caps the ingredient at recent, whatever the last infusion". Question: the last exposure is the day of the stop,
    # for an interval medicine too; a documented last infusion would let the washout run out earlier.
    stop = last_stop(voices)
    if stop is None or lifted(voices, stop):
        return tuple(voices)
    return tuple(replace(item, state=day.washed(stop)) if in_use(item) else item for item in voices)


def in_use(item: Voice) -> bool:
    """Say whether a resource by itself shows a medicine in use; one in its washout is recent already."""
    return item.state is State.CURRENT
