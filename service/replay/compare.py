"""Two answers to one call, and what changed for the clinician: a class of change for a rule and a pair of drugs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cards.model import INDICATORS, LOUD
from service.replay.reading import Pair, ReadAnswer, ReadCard


class Kind(StrEnum):
    """The classes of change, in the order of their weight."""

    REMOVED = "REMOVED"
    DOWNGRADED = "DOWNGRADED"
    CARD_TO_ERROR = "CARD-TO-ERROR"
    ERROR_TO_ERROR = "ERROR-TO-ERROR"
    INCOMPLETE_REMOVED = "INCOMPLETE-REMOVED"
    INVALID = "INVALID"
    UNSTABLE = "UNSTABLE"
    ADDED = "ADDED"
    UPGRADED = "UPGRADED"
    INCOMPLETE_ADDED = "INCOMPLETE-ADDED"
    ERROR_TO_CARD = "ERROR-TO-CARD"
    SUGGESTION = "SUGGESTION"
    TEXT = "TEXT"
    ORDER_ONLY = "ORDER-ONLY"


MEANING = {
    Kind.REMOVED: "a pair that was reported is not reported any more",
    Kind.DOWNGRADED: "a pair is reported less loudly",
    Kind.CARD_TO_ERROR: "a call that was answered, with or without cards, fails now",
    Kind.ERROR_TO_ERROR: "a call fails on both sides, each time otherwise",
    Kind.INCOMPLETE_REMOVED: 'the card "check not completed" is gone',
    Kind.INVALID: "a card of the new side departs from CDS Hooks",
    Kind.UNSTABLE: "the same side answered the same call in two ways",
    Kind.ADDED: "a pair is reported that was not reported before",
    Kind.UPGRADED: "a pair is reported more loudly",
    Kind.INCOMPLETE_ADDED: 'the card "check not completed" is new',
    Kind.ERROR_TO_CARD: "a call that failed is answered now, with or without cards",
    Kind.SUGGESTION: "something else can be clicked: suggestions, their targets, override reasons",
    Kind.TEXT: "the same pair, as loud as before, in other words",
    Kind.ORDER_ONLY: "the same cards and suggestions in another order",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` and `after` are indicators, or statuses where a side failed; `pair` may be empty.

    `told` are the summaries of the old and of the new card, or what else is to be said of them.
    """

    kind: Kind
    topic: str = ""
    pair: str = ""
    before: str = ""
    after: str = ""
    told: tuple[str, str] = ("", "")

    @property
    def loud(self) -> bool:
        """Say whether a warning or critical card was there before."""
        return self.before in LOUD


def compare(old: ReadAnswer, new: ReadAnswer) -> tuple[Change, ...]:
    """Return what changed from the old answer to the new one; nothing where a clinician sees the same."""
    if old.failed or new.failed:
        return tuple(_statuses(old, new))
    found = tuple(change for before, after in _matched(old.cards, new.cards) for change in _cards(before, after))
    if not found and _order(old.cards) != _order(new.cards):
        return (Change(Kind.ORDER_ONLY),)
    return found


def pair_text(pair: Pair) -> str:
    """Write a pair as a reader knows it."""
    return " + ".join(pair)


def _statuses(old: ReadAnswer, new: ReadAnswer) -> Iterator[Change]:
    before, after = _told(old), _told(new)
    if old.failed and new.failed:
        if before != after:
            yield Change(Kind.ERROR_TO_ERROR, before=before, after=after)
        return
    kind = Kind.ERROR_TO_CARD if old.failed else Kind.CARD_TO_ERROR
    yield Change(kind, before=before, after=after, told=(_summaries(old), _summaries(new)))


def _told(answer: ReadAnswer) -> str:
    if not answer.readable:
        return "unreadable"
    return str(answer.status) if answer.failed else _loudest(answer.cards)


def _loudest(cards: Sequence[ReadCard]) -> str:
    return max((card.indicator for card in cards), key=_step, default="silence")


def _summaries(answer: ReadAnswer) -> str:
    return " / ".join(card.summary for card in answer.cards)


def _matched(old: Sequence[ReadCard], new: Sequence[ReadCard]) -> Iterator[tuple[ReadCard | None, ReadCard | None]]:
    """Match the cards by topic: those of the same pairs first, then in their order."""
    left = list(new)
    unmatched: list[ReadCard] = []
    for card in old:
        same = next((item for item in left if item.topic == card.topic and item.pairs == card.pairs), None)
        if same:
            left.remove(same)
            yield card, same
        else:
            unmatched.append(card)
    for card in unmatched:
        near = next((item for item in left if item.topic == card.topic), None)
        if near:
            left.remove(near)
        yield card, near
    yield from ((None, card) for card in left)


def _cards(old: ReadCard | None, new: ReadCard | None) -> Iterator[Change]:
    if old is None or new is None:
        yield from _whole(old, new)
        return
    told = (old.summary, new.summary)
    gone, come = (sorted(set(one.pairs) - set(other.pairs)) for one, other in ((old, new), (new, old)))
    yield from (Change(Kind.REMOVED, old.topic, pair_text(pair), old.indicator, "", told) for pair in gone)
    yield from (Change(Kind.ADDED, old.topic, pair_text(pair), "", new.indicator, told) for pair in come)
    kept = [pair for pair in old.pairs if pair in new.pairs]
    if old.indicator != new.indicator:
        kind = Kind.UPGRADED if _step(new.indicator) > _step(old.indicator) else Kind.DOWNGRADED
        for pair in kept or ([()] if not old.pairs else []):
            yield Change(kind, old.topic, pair_text(pair), old.indicator, new.indicator, told)
    every = ", ".join(pair_text(pair) for pair in kept)
    if _sorted(old.choices) != _sorted(new.choices):
        yield Change(Kind.SUGGESTION, old.topic, every, old.indicator, new.indicator, told)
    # Where other pairs are reported, other words go without saying.
    if old.text != new.text and not (gone or come):
        yield Change(Kind.TEXT, old.topic, every, old.indicator, new.indicator, told)


def _whole(old: ReadCard | None, new: ReadCard | None) -> Iterator[Change]:
    card = old or new
    if card is None:
        return
    kinds = (Kind.INCOMPLETE_REMOVED, Kind.INCOMPLETE_ADDED) if card.incomplete else (Kind.REMOVED, Kind.ADDED)
    for pair in card.pairs or ((),):
        if old:
            yield Change(kinds[0], card.topic, pair_text(pair), card.indicator, "", (card.summary, ""))
        else:
            yield Change(kinds[1], card.topic, pair_text(pair), "", card.indicator, ("", card.summary))


def _sorted(choices: Sequence[object]) -> list[str]:
    return sorted(map(repr, choices))


def _order(cards: Sequence[ReadCard]) -> list[object]:
    return [(card.topic, card.pairs, card.choices) for card in cards]


def _step(indicator: str) -> int:
    known = [item.value for item in INDICATORS]
    return known.index(indicator) if indicator in known else -1
