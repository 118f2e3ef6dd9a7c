"""What the service is sent, mixed by chance, and what this process answers to it; the same seed, the same calls."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import product
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from service.answer import Engine, answer
from service.cases import Case, case_names, read_case, shift, shifted
from service.discovery import SERVICES
from service.errors import ServiceError, operation_outcome
from service.fhir_access.fetch import FhirReader
from service.fhir_access.recorded import RecordedFhir
from service.recording.format import Exchange
from tests import builders as make
from tests.fakes import FakeFhir
from tests.fuzz import generated
from tests.replay import traffic
from tests.soak.fhir import HEALTHY, queries

PATHS = {service.hook: f"/cds-services/{service.id}" for service in SERVICES}
SERVICE = dict(zip(PATHS.values(), SERVICES, strict=True))
JSON = {"Content-Type": "application/json"}
BASIS = traffic.Mix(subject=0.2, biologic=0.3, oral=0.2, chart=10)


@dataclass(frozen=True)
class Sent:
    """One HTTP request. `kind` is for the report, `refused` says that its answer is an error, whatever its body means.

    `fhir` answers in this process as the FHIR server of the call does.

    On a busy machine any of its reads may come too late, each time with a right answer of its own: `late` gives these.
    """

    kind: str
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    refused: bool = False
    fhir: FhirReader = field(default_factory=lambda: RecordedFhir(()))
    late: Callable[[], Iterator[FhirReader]] = lambda: iter(())


def calls(seed: int, bases: Mapping[str, str], today: Callable[[], date]) -> Iterator[Sent]:
    """Mix hospital traffic, recorded cases, broken requests, errors of HTTP, and records that have to be read."""
    dice = Random(seed)
    day = traffic.traffic(seed, BASIS)
    kinds: dict[str, tuple[int, Callable[[], Sent]]] = {
        "traffic": (55, lambda: _traffic(next(day), today())),
        "recorded case": (15, lambda: _recorded(dice, today())),
        "broken request": (12, lambda: _broken(dice)),
        "error of HTTP": (5, lambda: _error(dice)),
        "page": (5, lambda: Sent("page", "GET", dice.choice(PAGES))),
        "read from FHIR": (5, lambda: _read(dice, HEALTHY, bases[HEALTHY])),
        "failing FHIR": (3, lambda: _read(dice, name := dice.choice([*bases.keys() - {HEALTHY}]), bases[name])),
    }
    weights = [weight for weight, _ in kinds.values()]
    makers = [make_one for _, make_one in kinds.values()]
    while True:
        yield dice.choices(makers, weights)[0]()


def largest(seed: int, bases: Mapping[str, str]) -> Iterator[Sent]:
    """Make the calls that take the most memory, so that a worker has had its largest before it is watched."""
    dice, path = Random(seed), PATHS["order-select"]
    for _ in range(6):
        yield _read(dice, "no end", bases["no end"])
        yield _refused("POST", path, b" " * (6 * 1024**2))
        yield _refused("POST", path, b"[" * 100_000)


def expected(sent: Sent, engine: Engine, on: date) -> tuple[int, bytes]:
    """Answer a hook call in this process."""
    return _answered(sent, engine, on, sent.fhir)


def expected_late(sent: Sent, engine: Engine, on: date) -> Iterator[tuple[int, bytes]]:
    """Answer a hook call in this process in each way that is right where reads come too late."""
    return (_answered(sent, engine, on, reader) for reader in sent.late())


def _answered(sent: Sent, engine: Engine, on: date, fhir: FhirReader) -> tuple[int, bytes]:
    try:
        return 200, answer(sent.body, SERVICE[sent.path], engine=engine, on=on, fhir=fhir).body
    except ServiceError as error:
        return error.status, msgspec.json.encode(operation_outcome(error))


PAGES = ("/cds-services", "/livez", "/evidence", "/evidence/upadacitinib-biologic?format=json", "/openapi.json")
_UNSERVED = (
    ("GET", PATHS["order-sign"]),
    ("DELETE", "/cds-services"),
    ("POST", "/cds-services/other"),
    ("GET", "/other"),
)


def _error(dice: Random) -> Sent:
    """Make a request that is refused before its meaning is looked at, or a browser's question."""
    path = PATHS["order-select"]
    method, elsewhere = dice.choice(_UNSERVED)
    return dice.choice(
        (
            _refused(method, elsewhere, b"{}" if method == "POST" else b""),
            _refused("POST", path, b"x" * dice.randint(1, 100_000)),
            _refused("POST", path, b"{}", {"Content-Type": "text/xml"}),
            _refused("POST", path, b"{}", {**JSON, "Content-Encoding": "gzip"}),
            _refused("POST", path, b"[" * 100_000),
            _refused("POST", path, b" " * (6 * 1024**2)),
            _refused("POST", f"{path}/feedback", b'{"feedback": [{"card": "x"}]}'),
            Sent("preflight", "OPTIONS", path, b"", {"Origin": "https://ehr.example.org"}),
        )
    )


def _refused(method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> Sent:
    return Sent("error of HTTP", method, path, body, JSON if headers is None else headers, refused=True)


def _traffic(exchange: Exchange, today: date) -> Sent:
    return Sent("traffic", "POST", PATHS[exchange.hook], shifted(exchange.request, today - exchange.on))


@cache
def _cases() -> tuple[Case, ...]:
    cases = (read_case(name) for name in case_names())
    return tuple(case for case in cases if not (case.settings or case.server or case.exceptions))


def _recorded(dice: Random, today: date) -> Sent:
    case = shift(dice.choice(_cases()), today)
    # Each call is one of its own, or its cards would be those of an earlier one.
    instance = str(UUID(int=dice.getrandbits(128), version=4)).encode()
    body = case.body.replace(make.HOOK_INSTANCE.encode(), instance)
    return Sent("recorded case", "POST", PATHS[case.hook], body)


def _broken(dice: Random) -> Sent:
    request = generated.request(dice)
    if request["hookInstance"] == make.HOOK_INSTANCE:
        request["hookInstance"] = str(UUID(int=dice.getrandbits(128), version=4))
    body = json.dumps(generated.broken(dice, request)).encode()
    return Sent("broken request", "POST", PATHS[request["hook"]], body)


def _read(dice: Random, server: str, base: str) -> Sent:
    """Make a call that brings its drafts and a FHIR server, and nothing of the record."""
    hook = dice.choice((make.order_sign, make.order_select))
    request: dict[str, Any] = hook([make.draft("d1", "upadacitinib")])
    del request["prefetch"]
    request |= {
        "hookInstance": str(UUID(int=dice.getrandbits(128), version=4)),
        "fhirServer": base,
        "fhirAuthorization": {"access_token": f"{generated.CANARY}-token", "token_type": "Bearer", "expires_in": 300},
    }
    body, path = json.dumps(request).encode(), PATHS[request["hook"]]
    if server == HEALTHY:
        return Sent("read from FHIR", "POST", path, body, fhir=FakeFhir(queries()), late=_in_part)
    return Sent(f"failing FHIR, {server}", "POST", path, body, fhir=FakeFhir(dict.fromkeys(queries(), "timeout")))


def _in_part() -> Iterator[FhirReader]:
    """Give the healthy server with each choice of its answers missing."""
    for arrives in product((True, False), repeat=len(queries())):
        held = zip(queries().items(), arrives, strict=True)
        yield FakeFhir({target: resource if there else "timeout" for (target, resource), there in held})


def feedback(dice: Random, path: str, cards: list[Any]) -> tuple[Sent, set[tuple[str, datetime]]]:
    """Judge cards of an answer; gives the request, and of each entry the uuid of the card and the time."""
    now = datetime.now(UTC)
    entries = [_judged(dice, card, now.isoformat()) for card in cards]
    body = json.dumps({"feedback": entries}).encode()
    return Sent("feedback", "POST", f"{path}/feedback", body), {(entry["card"], now) for entry in entries}


def _judged(dice: Random, card: Any, at: str) -> dict[str, Any]:
    entry = {"card": card["uuid"], "outcomeTimestamp": at}
    if dice.random() < 0.4 and card.get("suggestions"):
        return {**entry, "outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
    reasons = card.get("overrideReasons")
    reason = {"reason": dice.choice(reasons)} if reasons else {}
    return {**entry, "outcome": "overridden", "overrideReason": {**reason, "userComment": generated.CANARY}}
