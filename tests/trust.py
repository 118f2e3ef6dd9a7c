"""Key pairs, JWK Sets and JWTs of clients, made when a test runs; a faulty token is a good one with one change."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from service.clients.token_signing import PrivateKey, public_jwk
from tests.fakes import SELECT

BASE = "https://cds.example.org"
ISSUER = "https://ehr.example.org/fhir"
# As real ones are: characters that a careless reader normalises.
KID = "Aa+b/c=="
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


class Missing:
    """In the place of a value: the claim or header is left out."""


@dataclass(frozen=True)
class Pair:
    """A key pair and how its owner signs."""

    key: PrivateKey
    kid: str = KID
    algorithm: str = "ES384"

    @property
    def jwk(self) -> dict[str, Any]:
        return {**public_jwk(self.key), "kid": self.kid, "use": "sig"}

    @property
    def pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@cache
def pair(name: str = "ehr", *, kid: str = KID, algorithm: str = "ES384") -> Pair:
    """Give the same pair for the same name all through the test run."""
    if algorithm in CURVES:
        return Pair(ec.generate_private_key(CURVES[algorithm]), kid, algorithm)
    return Pair(rsa_key(), kid, algorithm)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks(*pairs: Pair) -> dict[str, Any]:
    return {"keys": [one.jwk for one in pairs]}


def client(**changed: Any) -> dict[str, Any]:
    """Give a [[clients]] table."""
    return _with({"id": "ehr", "issuers": [ISSUER], "jwks": jwks(pair())}, changed)


def seconds(offset: float = 0) -> float:
    return NOW.timestamp() + offset


def token(
    signer: Pair | None = None, *, header: Mapping[str, Any] | None = None, aud: Any = BASE + SELECT, **claims: Any
) -> str:
    """Sign a JWT as the client `ehr` does for a call of order-select at NOW."""
    signer = signer or pair()
    said = {"iss": ISSUER, "aud": aud, "iat": int(seconds()), "exp": int(seconds(300)), "jti": uuid4().hex}
    heads = _with({"alg": signer.algorithm, "kid": signer.kid, "typ": "JWT"}, header or {})
    signing = f"{encoded(heads)}.{encoded(_with(said, claims))}"
    signature = get_default_algorithms()[signer.algorithm].sign(signing.encode(), signer.key)
    return f"{signing}.{b64(signature)}"


def with_secret(secret: bytes) -> str:
    """Sign with HS256 and the public key as the secret."""
    header, claims, _ = token(header={"alg": "HS256"}).split(".")
    return f"{header}.{claims}.{b64(hmac.digest(secret, f'{header}.{claims}'.encode(), hashlib.sha256))}"


def bearer(compact: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {compact}"}


def encoded(value: object) -> str:
    return b64(json.dumps(value).encode())


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _with(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**base, **changed}.items() if value is not Missing}
