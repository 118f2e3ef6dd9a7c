"""Tokens for the page, where the service asks its callers for one: a client of its own, on this machine only.

A page cannot hold a private key, so the service signs for it. That is as much trust as a program on this machine
has: whoever can open the page here may call. Off loopback there is neither the client nor the key.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from service.clients.token_signing import Signer, Subject, public_jwk, sign, thumbprint
from service.errors import Forbidden, SettingsError
from service.secret_file import secret_in
from service.settings import Client, Settings
from service.trust import is_loopback

CLIENT, ISSUER = "sandbox-page", "urn:upadacitinib-cds:sandbox-page"
FILE = "sandbox.key"
SECONDS = 60
# What a proxy adds: then "this machine" is only where the proxy runs.
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
_ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Page:
    """The page as a client: what it signs with, and its entry among the clients."""

    signer: Signer
    client: Client

    def token(self, audience: str, now: datetime) -> str:
        """Sign a token for one call."""
        return sign(self.signer, Subject(ISSUER, audience, SECONDS), now)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks for a token, as far as the request shows: its peer, and the headers that a browser sets itself."""

    remote: str | None
    host: str
    origin: str | None
    site: str | None
    forwarded: bool


def page_of(settings: Settings) -> Page | None:
    """Make the page's client, where there is a page that needs one. Raises SettingsError."""
    if not settings.sandbox_signs:
        return None
    if any(client.id == CLIENT for client in settings.clients):
        raise SettingsError(f"client {CLIENT}: this id is that of the sandbox page. Give the client another.")
    try:
        signer = _signer(settings.data_dir / FILE)
    except OSError as error:
        raise SettingsError(
            f"data_dir {settings.data_dir}: the key {FILE} cannot be made or read ({error.strerror or 'damaged'}). "
            'Mend the folder, or set sandbox = "off".'
        ) from error
    jwk = {**public_jwk(signer.key), "kid": signer.kid, "use": "sig", "alg": signer.algorithm}
    client = Client(
        id=CLIENT,
        issuers=(ISSUER,),
        jwks={"keys": [jwk]},
        algorithms=("ES256",),
        max_lifetime_seconds=SECONDS,
        profile=settings.profile,
    )
    return Page(signer, client)


def _signer(file: Path) -> Signer:
    """Derive the key from the secret in a file, which all workers of this installation have."""
    secret = int.from_bytes(secret_in(file))
    key = derive_private_key(secret % (_ORDER_OF_P256 - 1) + 1, SECP256R1())
    return Signer(key, thumbprint(public_jwk(key)), "ES256")


def refuse_others(sender: Sender) -> None:
    """Raise Forbidden unless a page of this very address, opened on this machine, asks.

    The name in Host has to mean this machine, or a page elsewhere could give its own name our address.
    """
    try:
        host = urlsplit(f"//{sender.host}").hostname
        ours = sender.origin is not None and urlsplit(sender.origin).netloc == sender.host
    except ValueError:
        host, ours = None, False
    here = is_loopback(sender.remote) and is_loopback(host) and not sender.forwarded
    if not (here and ours and sender.site in (None, "same-origin")):
        raise Forbidden("Tokens are for the page of this service, opened on this machine. Open /sandbox there.")
