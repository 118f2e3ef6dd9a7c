"""Who calls? A client that proves itself by a JWT; without any client with keys, anybody on this machine.

Clients and keys come from the configuration. Every fault is the same Unauthorized to the caller; the log has the
reason. A replay store that fails is a 503, and nothing is served (CDS Hooks 2.0.1, Trusting CDS Clients).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import product
from secrets import randbits
from time import monotonic

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from service.clients.jti import FILE, ReplayStore, SqliteReplayStore
from service.clients.jwks import RSA, WAIT_SECONDS, CachedKeys, Load, loader, read_key_set
from service.clients.jwks_fetch import Fetch, fetch_jwks, key_address
from service.clients.jwt import Reason, Token, check_claims, read_token, signed_by
from service.errors import KeysUnavailable, SettingsError, Unauthorized
from service.settings import ANYONE, Client, Settings
from service.store import Place
from service.trust import is_loopback

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
KNOWN = frozenset(RSA) | CURVES.keys()


@dataclass(frozen=True, slots=True)
class Authenticator:
    """The trust of one site: its clients with keys, where it is reached, and which tokens were used.

    `addresses` are the base URLs under which the service is reached, without a slash at the end.
    """

    addresses: tuple[str, ...]
    clients: tuple[Client, ...]
    keys: Mapping[str, CachedKeys]
    store: ReplayStore

    def authenticate(
        self,
        authorization: Sequence[str],
        remote: str | None,
        service_id: str,
        now: datetime,
        *,
        feedback: bool = False,
        seconds: float = WAIT_SECONDS,
    ) -> Client:
        """Tell which client makes this call.

        `authorization` are the values of all Authorization headers, `remote` the address of the peer, `now` an aware
        time, `seconds` how long the call may wait for its client's keys. Raises Unauthorized, or
        ReplayStoreUnavailable.
        """
        if not self.clients:
            # A server that is not ours may listen anywhere; what is open stays open to this machine only.
            if remote and not is_loopback(remote):
                raise Unauthorized(Reason.NOT_FROM_HERE)
            return ANYONE
        token = read_token(authorization)
        client = self._verified(token, seconds)
        try:
            audiences = audiences_of(self.addresses, service_id, feedback=feedback)
            jti, ends = check_claims(token, client, audiences, now.timestamp())
            if not self.store.first_use(client.id, jti, expires=ends, now=now.timestamp()):
                raise Unauthorized(Reason.REPLAYED)
        except Unauthorized as refused:
            raise Unauthorized(refused.reason, client.id) from None
        return client

    def warm(self) -> None:
        """Make the store and obtain the keys of every client, so that the first call need not wait for them.

        Raises ReplayStoreUnavailable.
        """
        if self.clients:
            self.store.check()
        self.refresh()

    def refresh(self) -> None:
        """Obtain the keys of every client, where they were not asked for just now."""
        for keys in self.keys.values():
            keys.warm()

    def _verified(self, token: Token, seconds: float) -> Client:
        client = None
        try:
            client = self._claimed(token)
            keys = self._keys(client, token, seconds)
        except Unauthorized as refused:
            # A refusal before the signature takes about as long as one after it, and so tells no issuer or key id.
            signed_by(token, _decoy(token.algorithm if token.algorithm in KNOWN else "ES384"))
            raise Unauthorized(refused.reason, client.id if client else None) from None
        if not any(signed_by(token, key) for key in keys):
            raise Unauthorized(Reason.SIGNATURE_WRONG, client.id)
        return client

    def _claimed(self, token: Token) -> Client:
        of_issuer = [client for client in self.clients if token.issuer in client.issuers]
        if not of_issuer:
            raise Unauthorized(Reason.ISSUER_UNKNOWN)
        found = [client for client in of_issuer if not client.tenants or token.tenant in client.tenants]
        if not found:
            raise Unauthorized(Reason.TENANT_UNKNOWN)
        return found[0]

    def _keys(self, client: Client, token: Token, seconds: float) -> tuple[PyJWK, ...]:
        if token.algorithm not in client.algorithms:
            raise Unauthorized(Reason.ALGORITHM_REFUSED)
        if client.jku is not None and token.jku != client.jku:
            raise Unauthorized(Reason.JKU_DIFFERS)
        try:
            found = self.keys[client.id].find(token.kid, token.algorithm, seconds=seconds)
        except KeysUnavailable:
            raise Unauthorized(Reason.KEYS_UNAVAILABLE) from None
        if not found:
            raise Unauthorized(Reason.KEY_UNKNOWN)
        return found


def build_authenticator(settings: Settings, own: Iterable[Client] = (), *, fetch: Fetch = fetch_jwks) -> Authenticator:
    """Make the trust of a site, and of clients of our `own` beside those that it configured.

    Raises SettingsError if keys of a file or of the settings cannot be used.
    """
    clients = (*(client for client in settings.clients if client.has_keys), *own)
    _refuse_unusable_keys(clients)
    keys = {client.id: client_keys(client, fetch=fetch) for client in clients}
    return Authenticator(base_addresses(settings), clients, keys, replay_store(settings))


def replay_store(settings: Settings) -> ReplayStore:
    """Give the store of used tokens that the settings choose; nothing is opened yet."""
    if settings.used_tokens == "data_dir":
        return SqliteReplayStore(settings.data_dir / FILE)
    # Only who wants it shared needs a database to answer a call.
    from service.clients.shared_jti import SharedReplayStore

    return SharedReplayStore(Place.of(settings))


def client_keys(client: Client, *, fetch: Fetch = fetch_jwks) -> CachedKeys:
    """Give the keys of one client, not obtained yet."""
    return CachedKeys(client.id, client_loader(client, fetch=fetch), client.algorithms, monotonic)


def client_loader(client: Client, *, fetch: Fetch = fetch_jwks) -> Load:
    """Give the way to the JWK Set of one client, wherever its configuration has it."""
    return loader(fetch, address=key_address(client), file=client.jwks_file, inline=client.jwks)


def base_addresses(settings: Settings) -> tuple[str, ...]:
    """Name the base URLs of the service: the public one, or where it listens on this machine.

    The Host header has no say: whoever calls writes it.
    """
    if settings.public_base_url:
        return (settings.public_base_url,)
    here = [settings.address, settings.address_of("localhost")] if settings.loopback else [settings.address]
    return tuple(dict.fromkeys(here))


def audiences_of(addresses: Iterable[str], service_id: str, *, feedback: bool = False) -> frozenset[str]:
    """Give every `aud` that means this endpoint; for feedback the service's own address is meant too.

    The standard leaves open which of the two a client signs for feedback; both occur.
    """
    pages = ("", "/feedback") if feedback else ("",)
    return frozenset(
        f"{address}/cds-services/{service_id}{page}{slash}"
        for address, page, slash in product(addresses, pages, ("", "/"))
    )


def _refuse_unusable_keys(clients: Iterable[Client]) -> None:
    problems = []
    for client in clients:
        if client.jwks_url is not None:
            # Asked for when the service runs: a client that is down must not keep it from starting.
            continue
        try:
            data = client_loader(client)()
            found = read_key_set(data, client.algorithms)
            said = "" if found.keys else "; ".join(found.problems) or "it lists no key"
        except KeysUnavailable as error:
            said = error.reason
        if said:
            where = f"jwks_file {client.jwks_file}" if client.jwks_file else "jwks"
            problems.append(
                f"client {client.id}, {where}: no usable key: {said}. Give the public JWK Set of the client."
            )
    if problems:
        raise SettingsError(*problems)


@cache
def _decoy(algorithm: str) -> PyJWK:
    """Make a key of nobody, for one of the KNOWN algorithms."""
    if algorithm in RSA:
        modulus = randbits(2048) | 1 << 2047 | 1
        return PyJWK(RSAAlgorithm.to_jwk(RSAPublicNumbers(65537, modulus).public_key(), as_dict=True), algorithm)
    public = ec.generate_private_key(CURVES[algorithm]).public_key()
    return PyJWK(ECAlgorithm.to_jwk(public, as_dict=True), algorithm)
