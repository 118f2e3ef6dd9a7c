"""Get the JWK Set of a client from the address in its configuration, guarded as the reads of a FHIR server are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from service import addresses
from service.addresses import Resolve
from service.errors import KeysUnavailable
from service.fhir_access.guarded_get import Failed, Limits, Problem
from service.fhir_access.pinned import PinnedReads
from service.fhir_server import Reached
from service.trust import Trust, is_literal

MOST_BYTES = 64 * 1024
CONNECT_SECONDS = 0.5
DEADLINE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class KeyAddress(Reached):
    """Where a client publishes its keys, and which addresses its name may lead to."""

    base: str
    private: bool = False
    ca_file: Path | None = None


# The seam: anything that gives the bytes behind an address or raises KeysUnavailable.
Fetch = Callable[[KeyAddress], bytes]


def key_address(trust: Trust) -> KeyAddress | None:
    """Give where the keys of a client are published, if they are."""
    if trust.jwks_url is None:
        return None
    found = KeyAddress(trust.jwks_url, trust.jwks_private, trust.jwks_ca_file)
    # Who writes an address and no name has said where it leads.
    return KeyAddress(found.base, found.private or is_literal(found.host), found.ca_file)


def fetch_jwks(address: KeyAddress, resolve: Resolve = addresses.resolve) -> bytes:
    """Give the body of a JWK Set within DEADLINE_SECONDS.

    Raises KeysUnavailable with the reason in a fixed vocabulary; the peer's words are not repeated.
    """
    limits = Limits(monotonic() + DEADLINE_SECONDS, CONNECT_SECONDS, MOST_BYTES)
    reads = PinnedReads(address, limits, resolve)
    try:
        got = reads.get(address.base, {"Accept": "application/json"})
    finally:
        reads.close()
    if isinstance(got, Failed):
        raise KeysUnavailable(f"status {got.status}" if got.problem is Problem.STATUS else got.problem)
    return got.body
