"""What a client's configuration says about trust: who it claims to be, where its keys are, what its tokens may be.

A key comes from here and never from a token (CDS Hooks 2.0.1, Trusting CDS Clients: allowlist of `iss` and `jku`).
"""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# Asymmetric ones only: `none` and HS* cannot be written down (CDS Hooks 2.0.1, JWT Signing Algorithm).
Algorithm = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
DEFAULT_ALGORITHMS: tuple[Algorithm, ...] = ("ES384", "RS384")
Profile = Literal["spec", "epic", "sandbox"]


@lru_cache(maxsize=1024)
def is_loopback(host: str | None) -> bool:
    """Tell whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_literal(host: str) -> bool:
    """Tell whether a host is an address, or this machine, and no name that somebody else could lead elsewhere."""
    return host == "localhost" or host.replace(".", "").isdigit() or ":" in host


def _key_address(value: str) -> str:
    """Accept `https://host[:port]/path[?query]`; plain http only on this machine."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("give an absolute https address")
    if parts.username or parts.password:
        raise ValueError("leave user name and password out of the address")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("keys are fetched over https only; plain http is for this machine")
    return value


def _public(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse private keys and shared secrets: settings are shown, and no key of ours is among them."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, Mapping) for key in keys):
        raise ValueError("give a JWK Set, a table with the list keys")
    if any({"d", "k"} & key.keys() for key in keys):
        raise ValueError("it holds a private key or a shared secret; give the public keys only")
    return jwks


Text = Annotated[str, Field(min_length=1, max_length=2048)]


class Trust(BaseModel):
    """How one client proves who it is. Without `issuers` and keys it cannot, and calls on loopback only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuers: tuple[Text, ...] = ()
    tenants: tuple[Text, ...] = ()
    jwks_url: Annotated[str, AfterValidator(_key_address)] | None = None
    jwks_private: bool = False
    jwks_ca_file: Path | None = None
    jwks_file: Path | None = None
    jwks: Annotated[Mapping[str, Any], AfterValidator(_public)] | None = None
    jku: Text | None = None
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = DEFAULT_ALGORITHMS
    leeway_seconds: int = Field(default=60, ge=0, le=300)
    # Epic signs for 15 minutes, the sandbox for 5.
    max_lifetime_seconds: int = Field(default=900, ge=1, le=86_400)
    profile: Profile = "spec"

    @property
    def has_keys(self) -> bool:
        """Tell whether calls of this client can be authenticated."""
        return any(source is not None for source in (self.jwks_url, self.jwks_file, self.jwks))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        sources = [name for name in ("jwks_url", "jwks_file", "jwks") if getattr(self, name) is not None]
        if len(sources) > 1:
            raise ValueError(f"keep one of {', '.join(sources)}; the keys of a client come from one place")
        if self.jwks_url is None and (self.jwks_private or self.jwks_ca_file):
            raise ValueError("jwks_private and jwks_ca_file mean nothing without jwks_url: add it, or remove them")
        if self.issuers and not sources:
            raise ValueError("it has issuers and no keys: add jwks_url, jwks_file or jwks")
        if sources and not self.issuers:
            raise ValueError("it has keys and no issuers: add issuers, the iss values of its tokens")
        if not sources and self.profile != "spec":
            raise ValueError("profile means nothing without issuers and keys: add both, or set the profile of the file")
        if not sources and (self.jku or self.tenants):
            raise ValueError("jku and tenants mean nothing without issuers and keys: add both, or remove them")
        return self


def told_apart(clients: Iterable[Trust]) -> None:
    """Raise ValueError unless an issuer and its tenant name exactly one client, and all clients have keys or none."""
    given = tuple(clients)
    if len({client.has_keys for client in given}) > 1:
        raise ValueError("some clients have issuers and keys and others have not: give them to all clients, or to none")
    for one, other in combinations(given, 2):
        if set(one.issuers) & set(other.issuers) and (
            not one.tenants or not other.tenants or set(one.tenants) & set(other.tenants)
        ):
            raise ValueError("two clients have the same issuer: name each issuer once, or tell them apart by tenants")
