"""The small table of a card: each drug with its state and the dates that decided."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from msgspec.structs import replace

from cards.catalogue import Catalogue
from cards.exposure import Basis, Contribution, Exposure
from cards.model import State
from cards.text import day, escape

# What is in force or replaced is told before the doses and stops of the past, of which there may be too many.
_TOLD = (Basis.DRAFT, Basis.ACTIVE, Basis.REPLACED, Basis.LAPSE, Basis.ADMINISTRATION, Basis.DISPENSE, Basis.STOP)
_LONGEST_TABLE = 6
_LONGEST_DATES = 4


def table(exposures: Sequence[Exposure], catalogue: Catalogue, on: date) -> str:
    """Return a markdown table of drug, state and dates, at most six rows and a count of the rest."""
    rows = [_row(item, catalogue, on) for item in exposures[:_LONGEST_TABLE]]
    left = len(exposures) - _LONGEST_TABLE
    more = [f"| and {left} more | | |"] if left > 0 else []
    return "\n".join(("| Drug | State | Dates |", "|---|---|---|", *rows, *more))


def _row(exposure: Exposure, catalogue: Catalogue, on: date) -> str:
    name = catalogue.names[exposure.ingredient]
    written = _as_written(exposure, name)
    state = catalogue.wording.states[_state_key(exposure)]
    dates = "; ".join(dict.fromkeys(_phrases(exposure, catalogue, on)))
    return f"| {name}{written} | {state} | {dates} |"


def _as_written(exposure: Exposure, name: str) -> str:
    text = exposure.deciding.fact.text
    shown = escape(text)
    return f" ({shown})" if shown and text.casefold() != name.casefold() else ""


def _state_key(exposure: Exposure) -> str:
    if exposure.state is State.ORDERED:
        return "ordered-and-current" if exposure.established is State.CURRENT else "ordered"
    if exposure.state is State.RECENT:
        return _recent_key(exposure.deciding)
    if exposure.state is not State.CURRENT or exposure.deciding.basis is not Basis.ACTIVE:
        return exposure.state
    status = exposure.deciding.fact.status
    known = {"active", "intended", "recorded"}
    return "current" if status in known else "current-on-hold" if status == "on-hold" else "current-unknown"


def _recent_key(item: Contribution) -> str:
    if item.basis is Basis.REPLACED:
        return "recent-replaced"
    return "recent-last-dose" if is_last_dose(item) else "recent"


def is_last_dose(item: Contribution) -> bool:
    """Say whether a last dose or supply alone made a medicine recent: nobody recorded that it was stopped."""
    return item.basis in {Basis.ADMINISTRATION, Basis.DISPENSE} and not item.capped


def _phrases(exposure: Exposure, catalogue: Catalogue, on: date) -> Iterator[str]:
    words = catalogue.wording.dates
    shown = _unstopped([item for item in exposure.contributions if item.state is not State.PAST])
    parts = [part for item in _telling(shown) for part in _of_one(item, words, on)]
    yield from parts[:_LONGEST_DATES]
    if exposure.activity:
        yield words["activity"].format(date=day(exposure.activity))


def _unstopped(items: Sequence[Contribution]) -> Sequence[Contribution]:
    """Return what is told of a medicine whose order a draft replaces: nobody stopped its other entries."""
    bases = {item.basis for item in items}
    if Basis.REPLACED not in bases or Basis.STOP in bases:
        return items
    return [replace(item, capped=False, until=None) if item.capped else item for item in items]


def _telling(items: Iterable[Contribution]) -> list[Contribution]:
    """Return the contributions worth a phrase: the strongest of each basis, orders before doses."""
    first: dict[Basis, Contribution] = {}
    for item in items:
        first.setdefault(item.basis, item)
    return sorted(first.values(), key=lambda item: _TOLD.index(item.basis))


def _of_one(item: Contribution, words: Mapping[str, str], on: date) -> Iterator[str]:
    yield from _BY_BASIS[item.basis](item, words, on)
    if item.until and item.basis in {Basis.ADMINISTRATION, Basis.DISPENSE, Basis.LAPSE, Basis.STOP}:
        yield words["until"].format(date=day(item.until))


def _draft(item: Contribution, words: Mapping[str, str], on: date) -> Iterator[str]:
    yield words["draft"]
    if item.fact.start and item.fact.start > on:
        yield words["starts"].format(date=day(item.fact.start))


def _active(item: Contribution, words: Mapping[str, str], on: date) -> Iterator[str]:
    fact = item.fact
    recorded = fact.authored or fact.asserted or fact.start
    yield words["active"].format(date=day(recorded)) if recorded else words["active-undated"]
    if fact.start and fact.start > on:
        yield words["starts"].format(date=day(fact.start))
    if item.capped and item.stop:
        yield words["stopped"].format(date=day(item.stop))
    elif item.until:
        yield words["ends"].format(date=day(item.until))


def _administration(item: Contribution, words: Mapping[str, str], _on: date) -> Iterator[str]:
    key = "partial" if item.fact.status == "stopped" else "given"
    yield words[key].format(date=day(item.fact.given))


def _dispense(item: Contribution, words: Mapping[str, str], on: date) -> Iterator[str]:
    yield words["dispensed"].format(date=day(item.fact.given))
    if item.last and item.fact.given and item.fact.given < item.last < on:
        yield words["run-out"].format(date=day(item.last))


def _lapse(item: Contribution, words: Mapping[str, str], _on: date) -> Iterator[str]:
    yield words["ended"].format(date=day(item.last))


def _stop(item: Contribution, words: Mapping[str, str], _on: date) -> Iterator[str]:
    yield words["stopped"].format(date=day(item.stop)) if item.stop_dated else words["stopped-undated"]


def _replaced(_item: Contribution, words: Mapping[str, str], _on: date) -> Iterator[str]:
    yield words["replaced"]


_BY_BASIS = {
    Basis.DRAFT: _draft,
    Basis.ACTIVE: _active,
    Basis.ADMINISTRATION: _administration,
    Basis.DISPENSE: _dispense,
    Basis.LAPSE: _lapse,
    Basis.STOP: _stop,
    Basis.REPLACED: _replaced,
}
