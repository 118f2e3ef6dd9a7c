"""A random sample of warnings for reviewers with charts: each warning of a patient once, however often it was shown."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import TextIO

from service.store import IssuedCard

LOUD = frozenset({"warning", "critical"})
VERDICT = "verdict"
COLUMNS = (
    "card", "issued_at", "client", "patient", "rule", "ingredients", "indicator", "hook", "shown", "knowledge", VERDICT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sampled:
    """The cards that were drawn, of how many different warnings; `patients` names those whom the site could name."""

    cards: tuple[IssuedCard, ...]
    of: int
    patients: Mapping[str, str]


def different_warnings(cards: Iterable[IssuedCard]) -> Iterator[IssuedCard]:
    """Yield the first loud card of each patient, rule and set of ingredients: picked and signed is one warning."""
    seen: set[tuple[str, str, str, tuple[str, ...]]] = set()
    for card in cards:
        warned_of = (card.client, card.patient, card.rule, card.ingredients)
        if card.ingredients and card.indicator in LOUD and warned_of not in seen:
            seen.add(warned_of)
            yield card


def sample(cards: Iterable[IssuedCard], size: int, seed: int, patients: Mapping[str, str] | None = None) -> Sampled:
    """Draw so many different warnings; the same cards and the same seed give the same ones.

    `patients` maps pseudonyms to the site's own ids. Where it is given, only patients in it are drawn.
    """
    known = patients or {}
    found = [card for card in different_warnings(cards) if patients is None or card.patient in known]
    drawn = Random(seed).sample(found, min(size, len(found)))  # noqa: S311 - a sample keeps no secret
    return Sampled(tuple(sorted(drawn, key=lambda card: (card.issued_at, card.card))), len(found), known)


def pseudonyms_of(
    ids: Iterable[str], clients: Iterable[str], pseudonym: Callable[[str, str], str]
) -> Mapping[str, str]:
    """Map the pseudonym that each patient has with each client to the id; ids are bare, as in context.patientId."""
    wanted, known = tuple(ids), tuple(clients)
    return {pseudonym(client, one): one for client in known for one in wanted}


def write_sheet(drawn: Sampled, file: TextIO) -> None:
    """Write the CSV that reviewers fill in; `patient` is the id where the site gave it, else the pseudonym."""
    sheet = csv.writer(file, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for card in drawn.cards:
        sheet.writerow(
            [
                card.card,
                card.issued_at.isoformat(timespec="seconds"),
                card.client,
                drawn.patients.get(card.patient, card.patient),
                card.rule,
                " ".join(card.ingredients),
                card.indicator,
                card.hook,
                "yes" if card.shown else "no",
                card.knowledge_version,
                "",
            ]
        )
