"""The public keys of one client: read from a JWK Set, kept for a while, fetched again when a key id is unknown.

Rotation needs nobody here: a client publishes the new key beside the old one and signs with it.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from service import strict_json, telemetry
from service.clients.jwks_fetch import Fetch, KeyAddress
from service.errors import InvalidRequest, KeysUnavailable

FRESH_SECONDS = 600.0
STALE_SECONDS = 24 * 3600.0
REFETCH_SECONDS = 60.0
WAIT_SECONDS = 3.0
SMALLEST_RSA = 2048
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
FITTING: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {("EC", "P-256"): ("ES256",), ("EC", "P-384"): ("ES384",), ("EC", "P-521"): ("ES512",), ("RSA", ""): RSA}
)

Load = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys by (kid, algorithm), and one line for each key that is not usable."""

    keys: Mapping[tuple[str, str], tuple[PyJWK, ...]]
    problems: tuple[str, ...] = ()

    def algorithms_by_kid(self) -> Mapping[str, tuple[str, ...]]:
        """Give the algorithms that each key id can be used with."""
        kids = dict.fromkeys(kid for kid, _ in self.keys)
        return {kid: tuple(algorithm for other, algorithm in self.keys if other == kid) for kid in kids}


def read_key_set(data: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """Read a JWK Set (RFC 7517) for a client that may sign with `algorithms`. Key ids are kept byte for byte.

    Raises KeysUnavailable if this is no JWK Set; a key that cannot be used is left out and told.
    """
    try:
        document = strict_json.loads(data, "The JWK Set")
    except InvalidRequest:
        raise KeysUnavailable("not json") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise KeysUnavailable("no keys list")
    keys: dict[tuple[str, str], tuple[PyJWK, ...]] = {}
    problems = []
    for place, jwk in enumerate(listed):
        try:
            for algorithm, key in _usable(jwk, algorithms):
                keys[jwk["kid"], algorithm] = (*keys.get((jwk["kid"], algorithm), ()), key)
        except ValueError as error:
            problems.append(f"keys[{place}]: {error}")
    return KeySet(MappingProxyType(keys), tuple(problems))


def _usable(jwk: Any, algorithms: tuple[str, ...]) -> list[tuple[str, PyJWK]]:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str) or not jwk["kid"]:
        raise ValueError("it has no kid")
    if jwk.get("kty") == "oct":
        raise ValueError("it is a shared secret, never accepted")
    if "d" in jwk:
        raise ValueError("it holds the private key and so gives it away: make a new pair and publish its public part")
    if jwk.get("use", "sig") != "sig":
        raise ValueError("it is not for signatures (use)")
    fitting = FITTING.get((str(jwk.get("kty")), str(jwk.get("crv", ""))), ())
    chosen = [name for name in fitting if name in algorithms and jwk.get("alg", name) == name]
    if not chosen:
        raise ValueError("its kty, crv and alg fit none of the client's algorithms")
    return [(name, _key(jwk, name)) for name in chosen]


def _key(jwk: dict[str, Any], algorithm: str) -> PyJWK:
    try:
        key = PyJWK(jwk, algorithm)
    except (PyJWTError, ValueError, TypeError, AttributeError):
        raise ValueError("its numbers make no public key") from None
    if jwk["kty"] == "RSA" and key.key.key_size < SMALLEST_RSA:
        raise ValueError(f"its RSA modulus has fewer than {SMALLEST_RSA} bits")
    return key


@dataclass(slots=True)
class CachedKeys:
    """The keys of one client with their age. Safe between threads; `clock` counts seconds and never goes back.

    Keys older than FRESH_SECONDS are fetched again. While that fails they serve on, up to STALE_SECONDS. An unknown
    key id asks at once, but nothing makes us ask more often than every REFETCH_SECONDS.
    """

    client: str
    load: Load
    algorithms: tuple[str, ...]
    clock: Callable[[], float]
    _keys: KeySet | None = None
    _obtained: float = 0.0
    _asked: float | None = None
    _under_way: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, kid: str, algorithm: str, *, seconds: float = WAIT_SECONDS) -> tuple[PyJWK, ...]:
        """Give the keys of this id, none if there is none, after `seconds` at most: a fetch may go on behind the call.

        Raises KeysUnavailable where no key set can be had.
        """
        known = self._current()
        fresh = known is not None and self.clock() - self._obtained < FRESH_SECONDS
        found = known.keys.get((kid, algorithm), ()) if known else ()
        if found and fresh:
            return found
        # Whoever has a key need not wait for a fetch that another call began.
        self._refresh(seconds, join=not found)
        known = self._current()
        if known is None:
            raise KeysUnavailable("never obtained, or too old")
        return known.keys.get((kid, algorithm), ())

    def warm(self) -> None:
        """Obtain the keys before the first call needs them; a failure is logged and tried again later."""
        self._refresh(WAIT_SECONDS, join=True)

    def _current(self) -> KeySet | None:
        return self._keys if self.clock() - self._obtained < STALE_SECONDS else None

    def _refresh(self, seconds: float, *, join: bool) -> None:
        """Begin to obtain the keys, unless that is under way or was done just now, and wait for its end."""
        with self._lock:
            now, begun = self.clock(), False
            if self._asked is None or now - self._asked >= REFETCH_SECONDS:
                self._asked, self._under_way, begun = now, threading.Event(), True
                work = threading.Thread(target=self._obtain, args=(now, self._under_way), name="keys", daemon=True)
                work.start()
            ended = self._under_way
        if begun or join:
            ended.wait(seconds)

    def _obtain(self, now: float, ended: threading.Event) -> None:
        try:
            self._replace(now)
        except Exception as error:
            # The known keys serve on, and it is tried again.
            failed = telemetry.failure(error)
            telemetry.write("client-keys-unavailable", level=logging.ERROR, client=self.client, **failed)
        finally:
            ended.set()

    def _replace(self, now: float) -> None:
        try:
            keys = read_key_set(self.load(), self.algorithms)
            if not keys.keys:
                raise KeysUnavailable("no usable key")
        except KeysUnavailable as error:
            telemetry.write("client-keys-unavailable", level=logging.WARNING, client=self.client, error=error.reason)
            return
        self._keys, self._obtained = keys, now


def loader(fetch: Fetch, *, address: KeyAddress | None, file: Path | None, inline: Mapping[str, Any] | None) -> Load:
    """Give the way to one client's JWK Set, wherever its configuration has it."""
    if address is not None:
        return lambda: fetch(address)
    if file is not None:
        return lambda: _from_file(file)
    written = json.dumps(inline).encode()
    return lambda: written


def _from_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysUnavailable(f"file cannot be read ({error.strerror})") from None
