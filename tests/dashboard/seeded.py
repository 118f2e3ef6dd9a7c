"""A made-up quarter of a hospital: cards, feedback and counted calls, the same each time. Nobody in it is real."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from service.store import CallKind, FeedbackEntry, FeedbackStore, IssuedCard
from service.tallies import COMPLETE, INCOMPLETE, OUT_OF_SCOPE, REFUSED, bucket_of

TODAY = date(2026, 3, 16)
DAYS = 84
CLIENTS = ("ward", "clinic")
RULES = {"upadacitinib-biologic": 2.0, "upadacitinib-immunosuppressant": 0.8, "upadacitinib-jak": 0.35}
# So long ago a change of codes silenced this rule.
SILENT, QUIET_DAYS = "upadacitinib-immunosuppressant", 12
REASONS = ("planned-switch", "already-stopped", "specialist-directed", "other")


def seed(store: FeedbackStore, today: date = TODAY) -> None:
    """Fill a store up to a day."""
    dice = random.Random(7)
    for number in range(DAYS):
        day = today - timedelta(days=number)
        store.add_calls(_calls(dice, day))
        cards = list(_cards(dice, day, quiet=number < QUIET_DAYS))
        if cards:
            store.add_cards(cards)
        for card in cards:
            if card.shown and dice.random() < 0.6:
                store.add_feedback(card.client, [_told(dice, card)], card.issued_at + timedelta(minutes=5))


def _calls(dice: random.Random, day: date) -> dict[CallKind, int]:
    made: dict[CallKind, int] = {}
    for client in CLIENTS:
        for hook in ("order-select", "order-sign", "patient-view"):
            for _ in range(60 if day.weekday() < 5 else 15):
                outcome = dice.choices((OUT_OF_SCOPE, COMPLETE, INCOMPLETE, REFUSED), (80, 18, 1.5, 0.5))[0]
                if hook == "patient-view" and outcome == OUT_OF_SCOPE:
                    outcome = COMPLETE
                middle = 0.2 if outcome == OUT_OF_SCOPE else 1.6
                kind = CallKind(day, client, hook, outcome, bucket_of(dice.lognormvariate(middle, 0.7)))
                made[kind] = made.get(kind, 0) + 1
    return made


def _cards(dice: random.Random, day: date, *, quiet: bool) -> list[IssuedCard]:
    made = []
    for rule, a_day in RULES.items():
        if rule == SILENT and quiet:
            continue
        for _ in range(int(a_day) + (dice.random() < a_day % 1)):
            client, hook = dice.choice(CLIENTS), dice.choice(("order-select", "order-sign"))
            made.append(
                IssuedCard(
                    client=client,
                    card=str(UUID(int=dice.getrandbits(128), version=4)),
                    rule=rule,
                    indicator="warning",
                    hook=hook,
                    service=f"upadacitinib-combination-{hook.removeprefix('order-')}",
                    shown=dice.random() < 0.95,
                    knowledge_version="1.0.0",
                    knowledge_sha256="ab" * 32,
                    patient=f"{dice.getrandbits(256):064x}",
                    user=None,
                    issued_at=datetime.combine(day, datetime.min.time(), UTC)
                    + timedelta(minutes=dice.randrange(420, 1100)),
                    ingredients=("infliximab", "upadacitinib"),
                )
            )
    return made


def _told(dice: random.Random, card: IssuedCard) -> FeedbackEntry:
    overridden = dice.random() < 0.45
    at = card.issued_at + timedelta(minutes=1)
    if not overridden:
        return FeedbackEntry(card.card, "accepted", at, card.card)
    reason = dice.choices((*REASONS, None), (40, 25, 20, 10, 5))[0]
    return FeedbackEntry(card.card, "overridden", at, card.card, reason_code=reason)
