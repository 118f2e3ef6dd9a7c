"""A FHIR server over real sockets of this machine that answers as scripted, also as no server should.

A script gets the connection after the request was read, and an event that is set when the server is closed: whoever
waits, waits on it, so that no test leaves a thread behind.
"""

import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, MutableSequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FOR_EVER = 30.0
FHIR_JSON = "application/fhir+json"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}

Script = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Seen:
    """A request as it came: its target and its headers, names in lower case."""

    target: str
    headers: Mapping[str, str]


def reply(body: Any = EMPTY, status: int = 200, media_type: str = FHIR_JSON, **headers: str) -> Script:
    """Answer at once; what is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda connection, _: connection.sendall(_head(status, media_type, len(data), named) + data)


def gzipped(body: bytes) -> Script:
    """Answer compressed, though nobody asked for it."""
    return reply(gzip.compress(body), Content_Encoding="gzip")


def silent(connection: socket.socket, closed: threading.Event) -> None:
    """Never answer."""
    closed.wait(FOR_EVER)


def dripping(before: bytes) -> Script:
    """Send some bytes at once and then one at a time, without an end."""

    def drip(connection: socket.socket, closed: threading.Event) -> None:
        connection.sendall(before)
        while not closed.wait(0.02):
            connection.sendall(b"x")

    return drip


DRIPPING_HEAD = dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ")
DRIPPING_BODY = dripping(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n{")


def reset(connection: socket.socket, _: threading.Event) -> None:
    """Send half of a body and reset the connection."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"resource')
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def endless(connection: socket.socket, closed: threading.Event) -> None:
    """Send a body that never ends, as fast as it is read."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    while not closed.is_set():
        connection.sendall(b" " * 65536)


def _head(status: int, media_type: str, length: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {media_type}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "Connection: close", "", "")).encode()


@dataclass
class FakeFhirServer:
    """The server; a context manager. Targets that the script does not name are answered with an empty searchset."""

    script: Mapping[str, Script] = field(default_factory=dict)
    certificate: tuple[Path, Path] | None = None
    seen: MutableSequence[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(FOR_EVER)

    @property
    def base(self) -> str:
        """Give the base of the server by its address."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}/fhir"

    @property
    def targets(self) -> list[str]:
        """Give what was asked for, relative to the base, in order of the alphabet."""
        return sorted(item.target.removeprefix("/fhir").removeprefix("/") for item in self.seen)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(FOR_EVER)
            if self.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.certificate)
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                request = self._request(connection)
                self.seen.append(request)
                path = request.target.removeprefix("/fhir").removeprefix("/")
                self.script.get(path, reply())(connection, self._closed)

    def _request(self, connection: socket.socket) -> Seen:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (chunk := connection.recv(65536)):
                raise ConnectionError
            data += chunk
        first, *lines = data.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        named = (line.partition(":") for line in lines)
        return Seen(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in named})
