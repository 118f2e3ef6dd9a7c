"""Calls to a service behind a URL, each with a JWT of its own where the service knows its clients by their keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from service.conformance.command import credentials
from service.errors import InvalidRequest, Unreachable

SECONDS = 30
_UNAUTHORIZED = 401
_GIVE_A_KEY = "It knows its clients by their keys: give --key and --iss of one of them."
_LOOK_THERE = "Its log says why (refusal): look at --iss, --kid and --aud, and at the clocks."


@dataclass(frozen=True, slots=True)
class Signing:
    """How the calls to a service are signed. The key stays in its file, so this may travel to other processes.

    `audience` is the base URL that the service calls its own, where that is not the one it is called by.
    """

    key: Path
    issuer: str | None = None
    kid: str | None = None
    audience: str | None = None
    jku: str | None = None

    def tokens(self, base: str) -> Callable[[str], str]:
        """Return what signs a token for an address of a service. Raises ServiceError for what cannot sign."""
        made = credentials(
            base.rstrip("/"),
            token=None,
            key=self.key,
            issuer=self.issuer,
            kid=self.kid,
            jku=self.jku,
            audience=self.audience,
            now=lambda: datetime.now(UTC),
        )
        if made is None:
            raise AssertionError("a key was given")
        return made.token


@dataclass(frozen=True)
class Poster:
    """Posts hook calls to the service at `base`; `token` makes the JWT of each call."""

    base: str
    session: requests.Session
    token: Callable[[str], str] | None = None

    def post(self, url: str, body: bytes) -> requests.Response:
        """Post a call. Raises Unreachable where nobody answers or knows the caller, InvalidRequest for no address."""
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token(url)}"
        try:
            response = self.session.post(url, data=body, headers=headers, timeout=SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            nobody = isinstance(error, requests.ConnectionError | requests.Timeout)
            raise (Unreachable if nobody else InvalidRequest)(
                f"{self.base}: no usable answer ({type(error).__name__}). Give the base URL of a running service."
            ) from None
        if response.status_code == _UNAUTHORIZED:
            # Nobody's medicine is in this answer: compared, it would look like a service that lost every card.
            raise Unreachable(f"{self.base}: answered 401. {_LOOK_THERE if self.token else _GIVE_A_KEY}")
        return response


def poster(base: str, signing: Signing | None) -> Poster:
    """Make what posts to a service. Raises ServiceError for a key that cannot sign."""
    session = requests.Session()
    # Neither proxies nor passwords of the environment.
    session.trust_env = False
    return Poster(base, session, signing.tokens(base) if signing else None)
