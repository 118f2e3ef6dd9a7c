"""What an audit line says: of a decision, of what a clinician did with a card, and of what could not be written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.issued import Issued
from service.pseudonyms import Pseudonyms

OUT_OF_SCOPE = "out-of-scope"


@dataclass(frozen=True, slots=True)
class Decision:
    """How one hook call was answered; `patient` is as the call had it, and goes no further than the queue.

    `outcome` is `complete`, `incomplete`, `failed` or `out-of-scope`.
    """

    at: datetime
    request_id: str
    service: str
    hook: str
    client: str
    status: int
    outcome: str
    knowledge_version: str
    knowledge_sha256: str
    patient: str | None = field(default=None, repr=False)
    rules: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    cards: tuple[Issued, ...] = ()

    def said(self, pseudonyms: Pseudonyms) -> dict[str, Any]:
        """Return the fields of the line. Raises OSError without a key for the pseudonym."""
        patient = pseudonyms.patient(self.client, self.patient) if self.patient else None
        return {
            "kind": "decision",
            "request": self.request_id,
            "service": self.service,
            "hook": self.hook,
            "client": self.client,
            "patient": patient,
            "outcome": self.outcome,
            "status": self.status,
            "knowledge": {"version": self.knowledge_version, "sha256": self.knowledge_sha256},
            "rules": self.rules,
            "gaps": self.gaps,
            "cards": [_card(card) for card in self.cards],
        }


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a clinician did with one card, as the client told it: uuid, outcome, and the code of the override reason."""

    at: datetime
    request_id: str
    client: str
    card: str
    outcome: str
    reason: str | None = None
    accepted: Sequence[str] = ()

    def said(self, _pseudonyms: Pseudonyms) -> dict[str, Any]:
        """Return the fields of the line."""
        return {
            "kind": "feedback",
            "request": self.request_id,
            "client": self.client,
            "card": self.card,
            "feedback": self.outcome,
            "reason": self.reason,
            "accepted": self.accepted,
        }


def _card(card: Issued) -> dict[str, Any]:
    return {"uuid": card.uuid, "rule": card.rule, "indicator": card.indicator, "shown": card.shown}
