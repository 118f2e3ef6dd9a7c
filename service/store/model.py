"""What is kept of cards and feedback, and what a store promises. Nothing in here names a patient.

`patient` and `user` are always pseudonyms (`service.pseudonyms`). All times are aware.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import msgspec


class State(StrEnum):
    """How the database stands to this program."""

    USABLE = "usable"
    NOT_SET_UP = "not set up"
    OLDER = "older than this program"
    NEWER = "newer than this program"
    UNUSABLE = "cannot be used"


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """One card of one answer. `suggestions` maps each uuid to the kind of the suggestion.

    `rule` is the id of the rule, or the kind of a card that belongs to none. `shown` is false for a card that a silent
    rule or client kept back.
    """

    client: str
    card: str
    rule: str
    indicator: str
    hook: str
    service: str
    shown: bool
    knowledge_version: str
    knowledge_sha256: str
    patient: str
    user: str | None
    issued_at: datetime
    ingredients: tuple[str, ...] = ()
    suggestions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """One outcome of one card as a client told it; `digest` is the same for the same entry sent again."""

    card: str
    outcome: str
    outcome_at: datetime
    digest: str
    accepted: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    commented: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: written, there already, and not written since the card is of another client."""

    stored: int
    repeated: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class Override:
    """A loud card that was shown and overridden, as its latest outcome; `reason` is None where none was chosen."""

    rule: str
    ingredients: frozenset[str]
    reason_system: str | None
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CardOutcome:
    """One issued card with its latest outcome; None while nobody told any."""

    rule: str
    hook: str
    client: str
    indicator: str
    issued_at: datetime
    shown: bool
    outcome: str | None = None
    reason: str | None = None


class CallKind(msgspec.Struct, frozen=True):
    """What is counted of a call: `day` in UTC, `up_to_ms` the upper end of its bucket of latency, 0 beyond the last."""

    day: date
    client: str
    hook: str
    outcome: str
    up_to_ms: int


class FeedbackStore(Protocol):
    """Keeps issued cards and feedback. Every method raises StoreUnavailable where the database cannot be used."""

    def add_cards(self, cards: Sequence[IssuedCard]) -> None:
        """Keep cards; one that is there already stays as it is."""

    def add_feedback(self, client: str, entries: Sequence[FeedbackEntry], received_at: datetime) -> Taken:
        """Keep the feedback of a client; an entry that is there already is kept once."""

    def overrides(self, client: str, patient: str, since: datetime) -> tuple[Override, ...]:
        """Return the overrides of a client for one patient, told since then."""

    def outcomes(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[CardOutcome]:
        """Yield every card issued since then and before `until`, with its latest outcome."""

    def add_calls(self, counted: Mapping[CallKind, int]) -> None:
        """Add so many calls of each kind to those that are counted already."""

    def calls(self, since: date, until: date) -> Mapping[CallKind, int]:
        """Return how many calls of each kind there were from the one day to the other, both included."""

    def issued(self, since: datetime | None = None) -> Iterator[IssuedCard]:
        """Yield every card issued since then whose drugs are clear, in the order of time."""

    def drop_unmatched(self, received_before: datetime) -> int:
        """Delete feedback that came before then and whose card never did; return how many entries."""

    def prune(self, issued_before: datetime) -> tuple[int, int]:
        """Delete cards issued before then, with their feedback (return how many of each), and counts of calls."""

    def counts(self) -> Mapping[str, int]:
        """Return how many cards, entries of feedback, and entries that wait for their card there are."""

    def check(self) -> None:
        """Raise StoreUnavailable, with the state, unless the database can be read and written now."""

    def close(self) -> None:
        """Close the connections."""
