"""The callers: each sends calls over its own connection, compares each answer, and judges some of the cards."""

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain
from random import Random
from time import monotonic, perf_counter

from service.answer import Engine
from tests.described import departures
from tests.soak.calls import JSON, SERVICE, Sent, calls, expected, expected_late, feedback, largest

# A card and the time at which it was judged.
Entry = tuple[str, datetime]
PATIENCE = 60.0
# A server may close a connection on which nothing happens; after so many seconds a caller takes a new one.
IDLE = 5.0
MOST_TOLD = 20


@dataclass
class Seen:
    """What all callers saw, under one lock."""

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    late: int = 0
    shed: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    cards: set[str] = field(default_factory=set)
    judged: set[Entry] = field(default_factory=set)
    unsure: set[Entry] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def answers(self) -> int:
        """Count all answers."""
        return sum(self.statuses.values())

    def fault(self, text: str) -> None:
        """Note a wrong answer; only the first ones are kept in words."""
        with self.lock:
            self.wrong.append(text if len(self.wrong) < MOST_TOLD else "…")


@dataclass(eq=False)
class Caller(threading.Thread):
    """One client of the service, until `ends`; `stopped` is the moment at which the server was told to stop."""

    seed: int
    port: int
    bases: Mapping[str, str]
    engine: Engine
    seen: Seen
    over: threading.Event
    stopping: threading.Event

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.connection, self.used = self._connect(), monotonic()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def run(self) -> None:
        """Call until it is over; what nobody foresaw is a fault."""
        dice = Random(self.seed)
        try:
            for sent in chain(largest(self.seed, self.bases), calls(self.seed, self.bases, _today)):
                if self.over.is_set() or not self._one(sent, dice):
                    return
        except Exception as error:
            self.seen.fault(f"caller {self.seed} broke down: {error!r}")

    def _one(self, sent: Sent, dice: Random) -> bool:
        """Make one call, and feedback on what it brought; false where the server does not take calls any more."""
        told = self._told(sent)
        if told is None:
            return False
        status, body = told
        if status != 200 or sent.path not in SERVICE:
            return True
        cards = json.loads(body)["cards"]
        with self.seen.lock:
            self.seen.cards |= {card["uuid"] for card in cards}
        if cards and dice.random() < 0.5:
            return self._judge(sent.path, cards, dice)
        return True

    def _judge(self, path: str, cards: list[object], dice: Random) -> bool:
        post, entries = feedback(dice, path, cards)
        # Some clients send everything twice.
        for _ in range(dice.choice((1, 1, 1, 2))):
            with self.seen.lock:
                self.seen.unsure |= entries
            told = self._told(post)
            if told is None:
                return False
            if told == (200, b"{}"):
                with self.seen.lock:
                    self.seen.judged |= entries
        return True

    def _told(self, sent: Sent) -> tuple[int, bytes] | None:
        """Send a request and hold its answer against what is right; None where the server stops."""
        day = _today()
        compared = sent.method == "POST" and sent.path in SERVICE and not sent.refused
        right = expected(sent, self.engine, day) if compared else None
        if monotonic() - self.used > IDLE:
            self.connection.close()
        under_way, began = False, perf_counter()
        try:
            self.connection.request(sent.method, sent.path, sent.body or None, sent.headers if sent.body else {})
            under_way = not self.stopping.is_set()
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = self._connect()
            if under_way or not self.stopping.is_set():
                self.seen.fault(f"{sent.kind}: no answer ({error!r})")
                return None if self.stopping.is_set() else (-1, b"")
            with self.seen.lock:
                self.seen.refused += 1
            return None
        took, self.used = perf_counter() - began, monotonic()
        self._check(sent, response, body, right, day)
        with self.seen.lock:
            self.seen.kinds[sent.kind] += 1
            self.seen.statuses[response.status] += 1
            self.seen.seconds.append(took)
        return response.status, body

    def _check(
        self,
        sent: Sent,
        response: http.client.HTTPResponse,
        body: bytes,
        right: tuple[int, bytes] | None,
        day: date,
    ) -> None:
        given = (response.status, body)
        if response.status == 503 and response.getheader("Retry-After"):
            # Overload is said, and the caller comes again.
            with self.seen.lock:
                self.seen.shed += 1
            return
        for fault in departures(sent.method, sent.path, response.status, dict(response.getheaders()), body):
            self.seen.fault(fault)
        if sent.refused and response.status < 400:
            self.seen.fault(f"{sent.kind}: HTTP {response.status}")
        if right is None or given == right:
            return
        if day != _today() and given == expected(sent, self.engine, _today()):
            return
        if given in expected_late(sent, self.engine, day):
            with self.seen.lock:
                self.seen.late += 1
            return
        self.seen.fault(f"{sent.kind}: HTTP {response.status} is not what this process answers to {sent.body[:2000]!r}")


class Stalling(threading.Thread):
    """A client that opens connections, sends half a request, waits, and goes away."""

    def __init__(self, port: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.over = port, over

    def run(self) -> None:
        """Stall until it is over."""
        path = next(iter(SERVICE))
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON['Content-Type']}\r\nContent-Length: 9000\r\n\r\n{{"
        )
        dice = Random(self.port)
        while not self.over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(head.encode()[: dice.choice((10, 60, 10_000))])
                    self.over.wait(dice.choice((0.0, 0.5, 3.0)))
            except OSError:
                self.over.wait(0.5)


def _today() -> date:
    return datetime.now(UTC).date()


def samples(over: threading.Event, every: float) -> Iterator[float]:
    """Give the seconds since the start, again and again, until it is over."""
    began = monotonic()
    while not over.wait(every):
        yield monotonic() - began
