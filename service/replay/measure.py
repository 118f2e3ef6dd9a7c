"""One call answered by both sides, in numbers: the orders and patients it is about, its cards, what changed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from cards.model import LOUD, Hook
from service import wire
from service.discovery import service_by_id
from service.errors import ServiceError
from service.fhir import MedicationLibrary, scan_drafts
from service.replay.calls import Call
from service.replay.compare import Change, Kind, compare
from service.replay.contract import faults
from service.replay.partial import SIDES, Count, Found, Partial, key
from service.replay.reading import Names, ReadAnswer, ReadCard, read_answer
from service.replay.sides import Answered, Side
from service.wire import HookRequest, place_of

ORDERS, SIGNED, PATIENTS, CALLS = "orders", "signed orders", "patients", "calls"
DENOMINATORS = (ORDERS, SIGNED, PATIENTS)
_SIBLING = "Medication"


@dataclass(frozen=True, slots=True)
class Both:
    """What both sides gave to one call, as it came and as it reads."""

    call: Call
    answered: tuple[Answered, Answered]
    read: tuple[ReadAnswer, ReadAnswer]

    @property
    def sides(self) -> Iterator[tuple[str, Answered, ReadAnswer]]:
        """Yield the name of each side with its answer."""
        return zip(SIDES, self.answered, self.read, strict=True)


def answered(call: Call, old: Side, new: Side) -> Both:
    """Put a call to both sides."""
    given = (old.answer(call), new.answer(call))
    months = old.exact and new.exact
    sides = zip((old, new), given, strict=True)
    read = [read_answer(item.status, item.body, side.names, months=months) for side, item in sides]
    return Both(call, given, (read[0], read[1]))


@dataclass(frozen=True)
class Subject:
    """Whom and what a call is about: hashed keys of its patient and of its orders, and the drugs of each order."""

    call: Call
    names: Names
    request: HookRequest | None = field(repr=False)

    @cached_property
    def patient(self) -> str:
        """Return the patient; a request that cannot be read is of a patient of its own."""
        return self.request.patient if self.request else f"unreadable {self.call.exchange.id}"

    @cached_property
    def orders(self) -> dict[str, bytes]:
        """Return a key for each draft by its reference; one without an id is known within its call only."""
        own = f"{self.call.file} {self.call.exchange.id}"
        return {
            ref: key(self.patient, own if "#" in ref else "", ref)
            for index, resource in enumerate(self.request.drafts if self.request else ())
            if resource.get("resourceType") != _SIBLING and (ref := place_of(resource, index))
        }

    @cached_property
    def _ordered(self) -> dict[str, frozenset[str]]:
        """Return the drugs that each draft orders."""
        if self.request is None:
            return {}
        library = MedicationLibrary.of_drafts(self.request.drafts, self.request.full_urls)
        drafts = scan_drafts(self.request.drafts, self.request.patient, library, self.names.recogniser)
        return {draft.ref: frozenset(item.ingredient for item in draft.recognised) for draft in drafts.items}

    def orders_of(self, card: ReadCard) -> list[bytes]:
        """Return the orders that a card is about: those of a drug of its pairs, else every order of the call."""
        drugs = {drug for pair in card.pairs for drug in pair}
        about = [self.orders[ref] for ref, found in self._ordered.items() if found & drugs and ref in self.orders]
        return about or list(self.orders.values())


def subject(call: Call, names: Names) -> Subject:
    """Read whom a call is about."""
    service = service_by_id(call.exchange.service)
    try:
        request = wire.read_request(call.exchange.request, service) if service else None
    except ServiceError:
        request = None
    return Subject(call, names, request)


def measure(both: Both, names: Names, partial: Partial) -> None:
    """Add one call to the sums; a call that cannot be put to both sides is counted as left out, and nowhere else."""
    exchange = both.call.exchange
    partial.calls += 1
    for item in both.answered:
        if item.left_out:
            partial.counts["left out", item.left_out] += 1
            return
    about = subject(both.call, names)
    _denominators(both.call, about, partial)
    for side, given, read in both.sides:
        partial.time(side, given.ms)
        _outcome(side, given, read, partial)
        if read.cards:
            _cards(side, read.cards, about, exchange.hook, partial)
    loud = [_loud(read.cards) for read in both.read]
    partial.counts["paired", str(loud[0]).lower(), str(loud[1]).lower()] += 1
    _feedback(both, names, partial)


def _denominators(call: Call, about: Subject, partial: Partial) -> None:
    hook = call.exchange.hook
    partial.counts[CALLS, hook] += 1
    partial.counts["day", call.exchange.on.isoformat()] += 1
    partial.note((PATIENTS,), [key(about.patient)])
    if hook in (Hook.ORDER_SELECT, Hook.ORDER_SIGN):
        partial.note((ORDERS,), about.orders.values())
    if hook == Hook.ORDER_SIGN:
        partial.note((SIGNED,), about.orders.values())


def _outcome(side: str, given: Answered, read: ReadAnswer, partial: Partial) -> None:
    if read.failed:
        partial.counts["failed", side, str(given.status), *((given.problem,) if given.problem else ())] += 1
    if read.failed or read.incomplete:
        partial.counts["not evaluated", side] += 1
    if given.unidentified is not None:
        partial.counts["unidentified known", side] += 1
        partial.counts["unidentified", side] += given.unidentified > 0
    if read.cards:
        partial.counts["with a card", side] += 1
    if _loud(read.cards):
        partial.counts["interrupting", side] += 1


def _loud(cards: Sequence[ReadCard]) -> bool:
    return any(card.indicator in LOUD for card in cards)


def _cards(side: str, cards: Sequence[ReadCard], about: Subject, hook: str, partial: Partial) -> None:
    patient = key(about.patient)
    for card in cards:
        partial.counts["cards", side, card.indicator, card.topic, hook] += 1
        orders = about.orders_of(card)
        for dimension in _dimensions(card, hook):
            partial.note(("alerted", side, *dimension, PATIENTS), [patient])
            partial.note(("alerted", side, *dimension, ORDERS), orders)
            if hook == Hook.ORDER_SIGN:
                partial.note(("alerted", side, *dimension, SIGNED), orders)
        for pair in card.pairs:
            partial.shown[side, key(about.patient, card.topic, *pair), hook] += 1


def _dimensions(card: ReadCard, hook: str) -> Iterator[Count]:
    yield "all", "any card"
    if card.indicator in LOUD:
        yield "all", "warning or critical"
    yield "indicator", card.indicator
    yield "rule", card.topic
    yield "hook", hook


def _feedback(both: Both, names: Names, partial: Partial) -> None:
    """Count what clinicians did with the recorded cards, whichever sides are compared."""
    exchange = both.call.exchange
    read = both.read[0] if both.answered[0].body is exchange.response else None
    recorded = {card.uuid: card for card in (read or read_answer(exchange.status, exchange.response, names)).cards}
    for card in recorded.values():
        partial.counts["feedback shown", card.topic] += 1
    # Of several answers on one card the last one counts: the client corrected itself.
    last = {entry.get("card"): entry for entry in _entries(exchange.feedback)}
    for uuid, entry in last.items():
        if (judged := recorded.get(uuid)) is not None:
            _judged(judged, entry, partial)
        else:
            partial.counts["feedback without its card",] += 1


def _entries(feedback: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for item in feedback:
        entry = msgspec.json.decode(item)
        if isinstance(entry, dict):
            yield entry


def _judged(card: ReadCard, entry: dict[str, Any], partial: Partial) -> None:
    outcome = str(entry.get("outcome"))
    partial.counts["feedback", card.topic, outcome] += 1
    if entry.get("acceptedSuggestions"):
        partial.counts["suggestion accepted", card.topic] += 1
    reason = entry.get("overrideReason")
    chosen = reason.get("reason") if isinstance(reason, dict) else None
    if isinstance(chosen, dict):
        partial.counts["override reason", card.topic, str(chosen.get("code"))] += 1


def changes(both: Both, partial: Partial, *, unstable: bool = False) -> None:
    """Add what changed and what departs from the contract; `unstable`: a side gave the same call two answers."""
    if any(item.left_out for item in both.answered):
        return
    found = list(compare(*both.read))
    new = both.answered[1]
    if both.read[1].cards or not both.read[1].readable:
        found += [Change(Kind.INVALID, told=("", fault)) for fault in faults(both.call, new.status, new.body)]
    if unstable:
        found.append(Change(Kind.UNSTABLE, told=("the same call, answered twice, got two answers", "")))
    if found:
        partial.changes += _found(both, found)


def _found(both: Both, found: Sequence[Change]) -> Iterator[Found]:
    exchange = both.call.exchange
    old, new = (json.dumps([card.shown for card in read.cards]) for read in both.read)
    for item in found:
        day = exchange.on.isoformat()
        yield Found(item, exchange.id, both.call.file, both.call.line, exchange.hook, day, (old, new))
