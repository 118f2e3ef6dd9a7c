"""Client tokens for the service under test, good ones and forged ones (CDS Hooks, Trusting CDS Clients).

No token, key or claim is ever written anywhere.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from service.errors import InvalidRequest

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

LIFETIME = timedelta(minutes=5)
# Longer ago than any leeway that a service would give to a slow clock.
EXPIRED_SINCE = timedelta(hours=1)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HELP = "Give a private RSA or EC key, as PEM without a passphrase or as JWK."


class Credentials(Protocol):
    """How the suite authenticates itself."""

    def token(self, url: str) -> str:
        """Give a good token for a call to this address."""

    def forged(self, url: str) -> Mapping[str, str]:
        """Give tokens that must be refused, by what is wrong with them."""


@dataclass(frozen=True)
class GivenToken:
    """One token of the user, sent with every call."""

    text: str

    def token(self, url: str) -> str:  # noqa: ARG002 - it is what it is, whatever the address
        """Return the token."""
        return self.text

    def forged(self, url: str) -> Mapping[str, str]:  # noqa: ARG002
        """Forge what needs no key of the client: no signature, a shared secret, another key."""
        header, claims = _read(self.text)
        return {
            "none": _unsigned(header, claims),
            "symmetric": _symmetric(header, claims, secrets.token_bytes(32)),
            "other-key": _with_other_key(header, claims),
        }


@dataclass(frozen=True)
class Signer:
    """Signs a token per call with the user's key. `audience` is the base URL that the service calls its own."""

    key: PrivateKey
    algorithm: str
    issuer: str
    kid: str
    base: str
    now: Callable[[], datetime]
    audience: str | None = None
    jku: str | None = None

    def token(self, url: str) -> str:
        """Sign a token for one call to this address."""
        return self._signed(self._claims(url))

    def forged(self, url: str) -> Mapping[str, str]:
        """Forge one token for each way in which a token can be wrong."""
        header = self._header() | {"alg": self.algorithm}
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        past = self.now() - EXPIRED_SINCE
        return {
            "none": _unsigned(header, self._claims(url)),
            "symmetric": _symmetric(header, self._claims(url), public),
            "other-key": _with_other_key(header, self._claims(url)),
            "wrong-audience": self._signed(self._claims(url) | {"aud": "https://other.example.org/cds-services"}),
            "expired": self._signed(self._claims(url) | _times(past)),
            "no-expiry": self._signed(_without(self._claims(url), "exp")),
            "other-issuer": self._signed(self._claims(url) | {"iss": "https://unknown-issuer.example.org"}),
        }

    def _header(self) -> dict[str, str]:
        return {"typ": "JWT", "kid": self.kid} | ({"jku": self.jku} if self.jku else {})

    def _claims(self, url: str) -> dict[str, Any]:
        audience = self.audience.rstrip("/") + url.removeprefix(self.base) if self.audience else url
        return {"iss": self.issuer, "aud": audience, "jti": str(uuid4())} | _times(self.now())

    def _signed(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self.key, algorithm=self.algorithm, headers=self._header())


def read_key(file: Path) -> tuple[PrivateKey, str, str | None]:
    """Read a private key: the key, the algorithm that fits it (ES384 and RS384 are recommended), and its kid."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read ({error.strerror}). {_HELP}") from None
    try:
        key, kid = (
            _from_jwk(content) if content.lstrip().startswith(b"{") else (load_pem_private_key(content, None), None)
        )
    except (ValueError, TypeError, KeyError, jwt.PyJWTError):
        raise InvalidRequest(f"{file}: holds no key that can be read. {_HELP}") from None
    match key:
        case rsa.RSAPrivateKey():
            return key, "RS384", kid
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return key, _CURVES[key.curve.name], kid
        case _:
            raise InvalidRequest(f"{file}: this kind of key signs no CDS Hooks token. {_HELP}")


def given_token(text: str) -> GivenToken:
    """Take the user's token as it is; raises InvalidRequest if it is no JWT."""
    try:
        _read(text)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise InvalidRequest("--jwt: this is no JSON Web Token. Give header.claims.signature, or @FILE.") from None
    return GivenToken(text)


def _from_jwk(content: bytes) -> tuple[Any, str | None]:
    described = json.loads(content)
    if "keys" in described:
        described = next((item for item in described["keys"] if "d" in item), {})
    return jwt.PyJWK(described).key, described.get("kid")


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def _times(now: datetime) -> dict[str, int]:
    return {"iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}


def _without(claims: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


def _with_other_key(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Sign with a fresh key of the same kind, under the name of the client's."""
    algorithm = str(header.get("alg"))
    curve = next((name for name, fits in _CURVES.items() if fits == algorithm), None)
    key: PrivateKey
    if curve is None:
        algorithm = algorithm if algorithm in ("RS256", "RS384", "RS512") else "RS384"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(
            {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1()}.get(curve, ec.SECP521R1())
        )
    rest = {name: value for name, value in header.items() if name != "alg"}
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers=rest)


def _unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return _assembled({**header, "alg": "none"}, claims, lambda _: b"")


def _symmetric(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    # By hand, since PyJWT rightly refuses to take a public key for a secret: that is the attack.
    return _assembled({**header, "alg": "HS256"}, claims, lambda text: hmac.digest(secret, text, "sha256"))


def _assembled(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    text = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return b".".join((text, _encoded(sign(text)))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
