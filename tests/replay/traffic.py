"""Synthetic traffic of a hospital for tests and measurements: the same seed gives the same calls, byte for byte.

Most orders are none of ours. Some patients take a biologic, some are prescribed upadacitinib, a few both. Each order is
selected and then signed, and clinicians answer some of the cards. No call is of a real patient.
"""

import argparse
import itertools
import json
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from service.answer import Engine, build_engine
from service.answer import answer as answer_call
from service.discovery import SERVICES
from service.errors import ServiceError, operation_outcome
from service.recording.format import SCHEMA, Exchange, Header, RecordingWriter
from service.settings import Settings
from tests import builders
from tests.builders import (
    Json,
    administration,
    condition,
    draft,
    medication_request,
    order_select,
    order_sign,
    statement,
)

MONDAY = date(2026, 3, 16)
_SERVICE = {service.hook: service.id for service in SERVICES}
# Names of medicines of no rule, as text: nothing of them is in the knowledge.
COMMON = (
    "metformin 500 mg tablet",
    "lisinopril 10 mg tablet",
    "paracetamol 1 g tablet",
    "pantoprazole 40 mg tablet",
    "atorvastatin 20 mg tablet",
    "amoxicillin 500 mg capsule",
    "furosemide 40 mg tablet",
    "enoxaparin 40 mg syringe",
    "levothyroxine 75 microgram tablet",
    "salbutamol inhaler",
    "ferrous sulfate 325 mg tablet",
    "insulin glargine pen",
)
BIOLOGICS = ("infliximab", "adalimumab", "vedolizumab", "ustekinumab", "risankizumab", "guselkumab")
ORAL = ("azathioprine", "tofacitinib", "tacrolimus", "mercaptopurine")
PROBLEMS = ("crohn", "colitis", "rheumatoid arthritis", "atopic dermatitis")


@dataclass(frozen=True)
class Mix:
    """What the patients are: shares of those who get upadacitinib, who take a biologic, who take another of ours."""

    subject: float = 0.04
    biologic: float = 0.10
    oral: float = 0.05
    chart: int = 20


def traffic(seed: int, mix: Mix | None = None) -> Iterator[Exchange]:
    """Yield calls without answers, without an end."""
    dice = random.Random(seed)
    for number in itertools.count(1):
        yield from _visit(dice, f"p{seed}-{number}", MONDAY + timedelta(days=number // 40 % 7), mix or Mix())


def answered(
    exchanges: Iterator[Exchange], engine: Engine | None = None, *, feedback: float = 0.3
) -> Iterator[Exchange]:
    """Answer calls with this build, let clinicians judge some of the cards, and say how long it took."""
    site = engine or build_engine(Settings())
    for exchange in exchanges:
        service = next(item for item in SERVICES if item.id == exchange.service)
        try:
            given = answer_call(exchange.request, service, engine=site, on=exchange.on)
            status, body = 200, given.body
        except ServiceError as error:
            status, body = error.status, json.dumps(operation_outcome(error)).encode()
        dice = random.Random(exchange.id)
        yield replace(
            exchange,
            status=status,
            response=body,
            latency_ms=round(dice.lognormvariate(1.5, 0.5), 3),
            knowledge_version=site.catalogue.version,
            knowledge_sha256=site.catalogue.sha256,
            feedback=tuple(_feedback(dice, status, body, feedback)),
        )


def header(version: str | None = "1.0.0") -> Header:
    """Make the header of a recording of such traffic."""
    return Header(SCHEMA, "tests", deidentified=True, policy="synthetic", key_id=None, knowledge_version=version)


def write(path: Path, exchanges: Iterator[Exchange] | Sequence[Exchange]) -> Path:
    """Write a recording."""
    with RecordingWriter(path, header()) as recording:
        for exchange in exchanges:
            recording.write(exchange)
    return path


def _visit(dice: random.Random, patient: str, on: date, mix: Mix) -> Iterator[Exchange]:
    """Order a few medicines for one patient: each is selected, then all are signed."""
    chart = _chart(dice, on, mix)
    orders = [draft(f"d{index}", dice.choice(COMMON)) for index in range(1, dice.randint(2, 4))]
    if dice.random() < mix.subject:
        orders.append(draft("d9", "upadacitinib"))
    elif dice.random() < mix.biologic / 2:
        orders.append(draft("d8", dice.choice(BIOLOGICS)))
    begun = datetime.combine(on, time(8), UTC) + timedelta(seconds=dice.randint(0, 30_000))
    for step, order in enumerate(orders):
        request = order_select(orders[: step + 1], chart, selections=[order["id"]])
        yield _exchange(dice, patient, begun + timedelta(seconds=30 * step), request)
    yield _exchange(dice, patient, begun + timedelta(seconds=30 * len(orders)), order_sign(orders, chart))


def _chart(dice: random.Random, on: date, mix: Mix) -> list[Json]:
    since = str(on - timedelta(days=dice.randint(30, 300)))
    chart = [medication_request(f"m{index}", dice.choice(COMMON), authoredOn=since) for index in range(mix.chart)]
    if dice.random() < mix.biologic:
        name = dice.choice(BIOLOGICS)
        chart.append(medication_request("b1", name, authoredOn=since))
        chart.append(administration("a1", name, str(on - timedelta(days=dice.randint(1, 60)))))
    if dice.random() < mix.oral:
        chart.append(statement("s1", dice.choice(ORAL)))
    if dice.random() < mix.subject:
        chart.append(medication_request("u1", "upadacitinib", authoredOn=since))
    if dice.random() < 0.02:
        chart.append(condition("c2", "pneumonia", onsetDateTime=str(on - timedelta(days=5))))
    return [*chart, condition("c1", dice.choice(PROBLEMS))]


def _exchange(dice: random.Random, patient: str, at: datetime, request: Json) -> Exchange:
    instance = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    text = json.dumps(request | {"hookInstance": instance}).replace(f'"{builders.PATIENT}"', f'"{patient}"')
    text = text.replace(f"Patient/{builders.PATIENT}", f"Patient/{patient}")
    hook = str(request["hook"])
    return Exchange(
        id=f"{dice.getrandbits(64):016x}",
        at=at,
        on=at.date(),
        service=_SERVICE[hook],
        hook=hook,
        request=text.encode(),
        fhir_calls=(),
        status=0,
        response=b"",
        latency_ms=None,
        knowledge_version=None,
        knowledge_sha256=None,
        client=None,
        profile="spec",
        jurisdiction="us",
    )


def _feedback(dice: random.Random, status: int, body: bytes, share: float) -> Iterator[bytes]:
    for card in json.loads(body)["cards"] if status == 200 else ():
        if dice.random() < share:
            yield json.dumps(_judgement(dice, card)).encode()


def _judgement(dice: random.Random, card: Any) -> dict[str, Any]:
    entry = {"card": card["uuid"], "outcomeTimestamp": "2026-03-16T12:00:00Z"}
    if dice.random() < 0.4 and card.get("suggestions"):
        return {**entry, "outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
    reasons = card.get("overrideReasons")
    chosen = {"overrideReason": {"reason": dice.choice(reasons)}} if reasons else {}
    return {**entry, "outcome": "overridden", **chosen}


def main() -> None:
    """Write a recording: `python -m tests.replay.traffic FILE [--calls N] [--seed N]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subject", type=float, default=Mix.subject, help="share of patients on upadacitinib")
    parser.add_argument("--biologic", type=float, default=Mix.biologic, help="share of patients on a biologic")
    given = parser.parse_args()
    mix = Mix(given.subject, given.biologic)
    write(given.file, answered(itertools.islice(traffic(given.seed, mix), given.calls)))


if __name__ == "__main__":
    main()
