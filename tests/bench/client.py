"""A load client that is never the bottleneck: one process, raw sockets, requests that are bytes already.

It keeps so many connections busy, one request at a time on each, and notes how long every answer took.
"""

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import quantiles

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_STATUS = slice(9, 12)
_WHOLE = 1 << 18


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of requests showed. Times are in milliseconds; `client` is the CPU time of this client per request."""

    times: tuple[float, ...]
    seconds: float
    client: float
    statuses: Counter[str]

    @property
    def per_second(self) -> float:
        """Return the answers per second."""
        return len(self.times) / self.seconds

    def percentile(self, percent: int) -> float:
        """Return a percentile of the times of all answers."""
        return quantiles(self.times, n=100, method="inclusive")[percent - 1]


def http(path: str, body: bytes) -> bytes:
    """Make the bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + b"\r\n" + body


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    left: memoryview = field(default_factory=lambda: memoryview(b""))
    began: float = 0.0
    answer: bytearray = field(default_factory=bytearray)
    waits: bool = False

    def begin(self, request: bytes) -> None:
        self.left, self.answer, self.began = memoryview(request), bytearray(), time.perf_counter()
        self.send()

    def send(self) -> None:
        try:
            while self.left:
                self.left = self.left[self.socket.send(self.left) :]
        except BlockingIOError:
            pass

    def received(self) -> bool:
        """Take what came, and say whether the answer is whole. Raises ConnectionError where the server hung up."""
        part = self.socket.recv(_WHOLE)
        if not part:
            raise ConnectionError("the server closed the connection before its answer was whole")
        self.answer += part
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = _LENGTH.search(self.answer, 0, end + 2)
        return len(self.answer) >= end + 4 + (int(length[1]) if length else 0)


def run(port: int, requests: Sequence[bytes], *, connections: int, count: int) -> Load:
    """Send `count` requests, the given ones in turn, over so many connections. Raises ConnectionError."""
    waiting = islice(cycle(requests), count)
    times: list[float] = []
    statuses: Counter[str] = Counter()
    with selectors.DefaultSelector() as selector:
        opened = [_opened(port) for _ in range(min(connections, count))]
        began, cpu = time.perf_counter(), time.process_time()
        for connection in opened:
            connection.begin(next(waiting))
            selector.register(connection.socket, _events(connection), connection)
        while len(times) < count:
            for key, events in selector.select(timeout=60) or _nothing_came():
                _serve(key.data, events, times, statuses, waiting, selector)
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
    for connection in opened:
        connection.socket.close()
    return Load(tuple(times), seconds, used / count * 1000, statuses)


def _serve(
    connection: _Connection,
    events: int,
    times: list[float],
    statuses: Counter[str],
    waiting: Iterable[bytes],
    selector: selectors.BaseSelector,
) -> None:
    if events & selectors.EVENT_WRITE:
        connection.send()
    if events & selectors.EVENT_READ and connection.received():
        times.append((time.perf_counter() - connection.began) * 1000)
        statuses[connection.answer[_STATUS].decode()] += 1
        if (request := next(iter(waiting), None)) is None:
            selector.unregister(connection.socket)
            return
        connection.begin(request)
    if bool(connection.left) != connection.waits:
        selector.modify(connection.socket, _events(connection), connection)


def _events(connection: _Connection) -> int:
    connection.waits = bool(connection.left)
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.waits else 0)


def _opened(port: int) -> _Connection:
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return _Connection(made)


def _nothing_came() -> list[tuple[selectors.SelectorKey, int]]:
    raise ConnectionError("no answer came within a minute")
