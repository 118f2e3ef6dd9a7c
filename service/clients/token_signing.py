"""The client's side, for test calls: make a key pair with its JWK Set, and sign a JWT as an EHR would."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from os import O_CREAT, O_EXCL, O_WRONLY, fdopen
from os import open as open_file
from pathlib import Path
from typing import Any, TypeAlias, get_args
from uuid import uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from service.errors import SettingsError
from service.tls import read_private_file
from service.trust import Algorithm

KEY_FILE = "client-key.pem"
JWKS_FILE = "jwks.json"
# The members that make the thumbprint of a key, in their order (RFC 7638).
THUMBPRINT = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

PrivateKey: TypeAlias = EllipticCurvePrivateKey | RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the private key, and how the token's header names it."""

    key: PrivateKey
    kid: str
    algorithm: str
    jku: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a token says: issuer, audience, its life in seconds, and the tenant if there is one."""

    issuer: str
    audience: str
    seconds: int = 300
    tenant: str | None = None


def generate_pair(folder: Path) -> str:
    """Write an ES384 private key and its public JWK Set to a folder; give the key id. Never overwrites.

    Raises SettingsError.
    """
    key = generate_private_key(SECP384R1())
    kid = thumbprint(public_jwk(key))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    jwks = {"keys": [{**public_jwk(key), "kid": kid, "use": "sig", "alg": "ES384"}]}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / JWKS_FILE).exists():
            raise FileExistsError
        _write_new(folder / KEY_FILE, pem, mode=0o600)
        _write_new(folder / JWKS_FILE, json.dumps(jwks, indent=2).encode() + b"\n", mode=0o644)
    except FileExistsError:
        raise SettingsError(f"--generate-key {folder}: it has a key already. Give another folder.") from None
    except OSError as error:
        raise SettingsError(f"--generate-key {folder}: it cannot be written ({error.strerror}).") from None
    return kid


def read_signer(file: Path, *, kid: str | None, algorithm: str | None, jku: str | None) -> Signer:
    """Read a private key in PEM. Without `kid` it is the thumbprint; without `algorithm` the default of the key.

    Raises SettingsError.
    """
    try:
        key = load_pem_private_key(read_private_file(file, "--key").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError(f"--key {file}: this is no private key in PEM without a password.") from None
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise SettingsError(f"--key {file}: an EC or RSA key is needed.")
    jwk = public_jwk(key)
    chosen = algorithm or BY_CURVE.get(str(jwk.get("crv")), "RS384")
    return Signer(key, kid or thumbprint(jwk), chosen, jku)


def sign(signer: Signer, subject: Subject, now: datetime) -> str:
    """Sign a JWT for one call (CDS Hooks 2.0.1, Trusting CDS Clients). Raises SettingsError if the key does not fit."""
    if signer.algorithm not in get_args(Algorithm):
        raise SettingsError(f"--alg {signer.algorithm}: give one of {', '.join(get_args(Algorithm))}.")
    claims: dict[str, Any] = {
        "iss": subject.issuer,
        "aud": subject.audience,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(seconds=subject.seconds)).timestamp()),
        "jti": str(uuid4()),
    }
    if subject.tenant is not None:
        claims["tenant"] = subject.tenant
    headers = {"kid": signer.kid} | ({"jku": signer.jku} if signer.jku else {})
    try:
        return jwt.encode(claims, signer.key, algorithm=signer.algorithm, headers=headers)
    except (jwt.PyJWTError, TypeError, ValueError):
        raise SettingsError(f"--alg {signer.algorithm}: this key cannot sign so. Leave --alg out.") from None


def public_jwk(key: PrivateKey) -> dict[str, Any]:
    """Write the public half of a key as a JWK."""
    if isinstance(key, EllipticCurvePrivateKey):
        return dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
    return {
        name: value
        for name, value in RSAAlgorithm.to_jwk(key.public_key(), as_dict=True).items()
        if name in THUMBPRINT["RSA"]
    }


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Give the JWK thumbprint of a public key (RFC 7638, SHA-256, base64url)."""
    members = {name: jwk[name] for name in THUMBPRINT[jwk["kty"]]}
    digest = sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    with fdopen(open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode), "wb") as file:
        file.write(content)
