"""Read a client's JWT and hold its claims against the clock (CDS Hooks 2.0.1, Trusting CDS Clients).

Nothing here trusts the token: it is read first, then whoever has the key checks the signature, and then the claims.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

from service import strict_json
from service.errors import InvalidRequest, Unauthorized
from service.trust import Trust

MOST_CHARACTERS = 8192
# Whole seconds up to here are exact in every JSON reader.
LATEST = 2**53

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Reason(StrEnum):
    """Why a call is refused: the vocabulary of the log. The caller never learns it."""

    NOT_FROM_HERE = "not-from-this-machine"
    HEADER_MISSING = "authorization-missing"
    HEADER_MALFORMED = "authorization-malformed"
    TOO_LONG = "token-too-long"
    MALFORMED = "token-malformed"
    TYPE_REFUSED = "typ-refused"
    CRITICAL_HEADER = "crit-refused"
    ALGORITHM_REFUSED = "alg-refused"
    ISSUER_UNKNOWN = "iss-unknown"
    TENANT_UNKNOWN = "tenant-unknown"
    JKU_DIFFERS = "jku-differs"
    KEY_UNKNOWN = "kid-unknown"
    KEYS_UNAVAILABLE = "keys-unavailable"
    SIGNATURE_WRONG = "signature-wrong"
    AUDIENCE_WRONG = "aud-wrong"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    ISSUED_IN_FUTURE = "issued-in-future"
    LIFETIME_TOO_LONG = "lifetime-too-long"
    CLAIM_MISSING = "claim-missing"
    REPLAYED = "jti-replayed"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was sent: the compact form, and its header and claims, which prove nothing yet."""

    compact: str
    algorithm: str
    kid: str
    jku: str | None
    claims: dict[str, Any]

    @property
    def issuer(self) -> str | None:
        """Give the `iss` that the token claims."""
        return _text(self.claims.get("iss"))

    @property
    def tenant(self) -> str | None:
        """Give the `tenant` that the token claims; the claim is optional."""
        return _text(self.claims.get("tenant"))


def read_token(authorization: Sequence[str]) -> Token:
    """Read the one Authorization header of a call. Raises Unauthorized with the reason for the log."""
    if not authorization:
        raise Unauthorized(Reason.HEADER_MISSING)
    # Before anything is searched or decoded.
    if sum(map(len, authorization)) > MOST_CHARACTERS:
        raise Unauthorized(Reason.TOO_LONG)
    bearer = _BEARER.fullmatch(authorization[0])
    if len(authorization) > 1 or bearer is None:
        raise Unauthorized(Reason.HEADER_MALFORMED)
    if not _COMPACT.fullmatch(bearer[1]):
        raise Unauthorized(Reason.MALFORMED)
    header, claims, _ = bearer[1].split(".")
    return _token(bearer[1], _object(header), _object(claims))


def _token(compact: str, header: dict[str, Any], claims: dict[str, Any]) -> Token:
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise Unauthorized(Reason.TYPE_REFUSED)
    # An extension that must be understood, and we understand none (b64 means nothing without crit).
    if "crit" in header or "b64" in header:
        raise Unauthorized(Reason.CRITICAL_HEADER)
    algorithm, kid, jku = header.get("alg"), header.get("kid"), header.get("jku")
    if not isinstance(algorithm, str) or not isinstance(kid, str) or not isinstance(jku, str | None):
        raise Unauthorized(Reason.MALFORMED)
    return Token(compact, algorithm, kid, jku, claims)


def _object(segment: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), "The token")
    except (InvalidRequest, NotBase64):
        raise Unauthorized(Reason.MALFORMED) from None
    if not isinstance(value, dict):
        raise Unauthorized(Reason.MALFORMED)
    return value


def signed_by(token: Token, key: PyJWK) -> bool:
    """Tell whether this key signed the token, with the algorithm that the key is bound to."""
    try:
        PyJWS().decode_complete(token.compact, key, algorithms=[key.algorithm_name])
    except PyJWTError:
        return False
    return True


def check_claims(token: Token, client: Trust, audiences: frozenset[str], now: float) -> tuple[str, float]:
    """Check what a verified token says; give its `jti` and the moment from which on it is refused as expired.

    `now` and the times of the token are seconds of the epoch; `leeway_seconds` of the client bears on each of them.
    Raises Unauthorized.
    """
    if not audiences & _audience(token.claims.get("aud")):
        raise Unauthorized(Reason.AUDIENCE_WRONG)
    expires, issued = _moment(token, "exp"), _moment(token, "iat")
    starts = _moment(token, "nbf") if "nbf" in token.claims else None
    jti = _text(token.claims.get("jti"))
    if expires is None or issued is None or not jti or ("nbf" in token.claims and starts is None):
        raise Unauthorized(Reason.CLAIM_MISSING)
    ends = expires + client.leeway_seconds
    if now >= ends:
        raise Unauthorized(Reason.EXPIRED)
    if starts is not None and now < starts - client.leeway_seconds:
        raise Unauthorized(Reason.NOT_YET_VALID)
    if now < issued - client.leeway_seconds:
        raise Unauthorized(Reason.ISSUED_IN_FUTURE)
    if expires - issued > client.max_lifetime_seconds:
        raise Unauthorized(Reason.LIFETIME_TOO_LONG)
    return jti, ends


def _audience(claim: object) -> frozenset[str]:
    named = claim if isinstance(claim, list) else [claim]
    return frozenset(one for one in named if isinstance(one, str))


def _moment(token: Token, name: str) -> float | None:
    value = token.claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
        return None
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
