"""Clients that behave badly, and the end of the service, seen by the clients that behave."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from tests.bench import client
from tests.bench.client import http
from tests.bench.model import Spread
from tests.bench.rounds import ratio
from tests.bench.servers import PATH, Server, post, running

STALLED, IN_FLIGHT = 20, 4
_COUNT = 1200


def tails(server: Server, body: bytes, rounds: int) -> Spread:
    """Return p99 / p50 at 32 connections."""
    call = [http(PATH, body)]
    loads = [client.run(server.port, call, connections=32, count=_COUNT) for _ in range(rounds + 1)][1:]
    return ratio([load.percentile(99) for load in loads], [load.percentile(50) for load in loads])


def beside_stalled(server: Server, body: bytes, rounds: int) -> Spread:
    """Return the p95 of 8 connections beside 20 clients that stall or trickle, over that without them."""
    call = [http(PATH, body)]

    def p95() -> float:
        return client.run(server.port, call, connections=8, count=_COUNT).percentile(95)

    beside, without = [], []
    for _ in range(rounds):
        without.append(p95())
        with _stalled(server.port, call[0]):
            beside.append(p95())
    return ratio(beside, without)


@contextmanager
def _stalled(port: int, call: bytes) -> Iterator[None]:
    """Keep calls open that never get whole: half of them stop in the middle, the others send a byte now and then."""
    ended = threading.Event()
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(STALLED)]
        for item in opened:
            item.sendall(call[: len(call) // 2])
        slow = threading.Thread(target=_trickle, args=(opened[::2], call[len(call) // 2 :], ended))
        slow.start()
        try:
            yield
        finally:
            ended.set()
            slow.join()


def _trickle(opened: list[socket.socket], rest: bytes, ended: threading.Event) -> None:
    for at in range(len(rest) - 1):
        for item in opened:
            item.sendall(rest[at : at + 1])
        if ended.wait(0.05):
            return


def finished_at_the_end(body: bytes, command: Sequence[str]) -> tuple[int, int]:
    """End a server that is at work on long calls; return how many of how many were answered all the same."""
    with running(command, body) as server, ThreadPoolExecutor(IN_FLIGHT) as pool:
        sent = [pool.submit(_answered, server.port, body) for _ in range(IN_FLIGHT)]
        time.sleep(0.15)
        server.process.terminate()
        return sum(future.result() for future in sent), IN_FLIGHT


def _answered(port: int, body: bytes) -> bool:
    try:
        return post(port, body) == 200
    except OSError:
        return False
