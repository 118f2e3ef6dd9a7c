"""The password of the dashboard: kept as a hash (scrypt, RFC 7914), asked for by the browser (HTTP Basic, RFC 7617)."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

USER = "dashboard"
# Some 16 MiB and 50 ms for each guess.
_COST, _BLOCK, _PARALLEL, _BYTES = 2**14, 8, 1, 32
_MEMORY = 64 * 1024**2
SHORTEST = 12
MOST_FAILURES, WITHIN_SECONDS = 5, 60.0


def hashed(password: str) -> str:
    """Return what the setting `dashboard_password_hash` takes for a password, with a salt of its own."""
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", b64encode(salt).decode(), b64encode(_digest(password, salt)).decode()))


def is_hash(text: str) -> bool:
    """Tell whether a text is what `hashed` returns."""
    return _parts(text) is not None


@dataclass(slots=True)
class Gate:
    """Lets in who knows the password; after a few wrong ones nobody is tried for a minute."""

    password_hash: str
    clock: Callable[[], float] = monotonic
    _failures: list[float] = field(default_factory=list)
    _known: bytes | None = None
    _pepper: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def waits(self) -> bool:
        """Tell whether there were too many wrong passwords lately."""
        now = self.clock()
        self._failures = [at for at in self._failures if now - at < WITHIN_SECONDS]
        return len(self._failures) >= MOST_FAILURES

    def opens(self, authorization: str | None) -> bool:
        """Check an Authorization header; one that opened before is known again without the cost of a guess."""
        password = _password(authorization)
        if password is None:
            return False
        told = hmac.digest(self._pepper, password.encode(), "sha256")
        if self._known is not None and hmac.compare_digest(self._known, told):
            return True
        if self.waits():
            return False
        if _matches(password, self.password_hash):
            self._known = told
            return True
        self._failures.append(self.clock())
        return False


def _password(authorization: str | None) -> str | None:
    scheme, _, coded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = b64decode(coded.strip(), validate=True).decode().partition(":")
    except (Error, ValueError):
        return None
    return password if user == USER else None


def _matches(password: str, kept: str) -> bool:
    parts = _parts(kept)
    return parts is not None and hmac.compare_digest(_digest(password, parts[0]), parts[1])


def _parts(text: str) -> tuple[bytes, bytes] | None:
    kind, *coded = text.split("$")
    if kind != "scrypt" or len(coded) != 2:
        return None
    try:
        salt, digest = (b64decode(part, validate=True) for part in coded)
    except (Error, ValueError):
        return None
    return (salt, digest) if len(salt) == 16 and len(digest) == _BYTES else None


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY, dklen=_BYTES)
