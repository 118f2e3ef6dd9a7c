"""Plain HTTP to the service under test: a deadline for the whole answer, a cap on its length, no redirects.

Nothing here raises for what a service does: an answer that never came is evidence too.
"""

import ipaddress
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

LONGEST_ANSWER = 5 * 1024**2
CONNECT_SECONDS = 5.0
CHUNK = 16 * 1024
JSON_TYPES = ("application/json", "application/fhir+json")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer. Without a status no answer came, and `problem` says why.

    `json` is the parsed body; `unreadable` says why there is none. `headers` have lower-case names.
    """

    method: str
    url: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    problem: str | None = None
    json: Any = None
    unreadable: str | None = None

    @property
    def told(self) -> str:
        """Say the answer in a few words: its status, or why none came."""
        if self.status is None:
            return self.problem or "no answer"
        redirect = ", a redirect" if 300 <= self.status < 400 else ""
        return f"HTTP {self.status}{redirect}"

    @property
    def media_type(self) -> str:
        """Return the media type of the answer, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Client:
    """Sends calls. `token` gives the bearer token for an address, or None for a service that wants none."""

    session: requests.Session = field(default_factory=requests.Session)
    token: Callable[[str], str | None] = lambda _: None
    seconds: float = 10.0
    monotonic: Callable[[], float] = time.monotonic

    def get(self, url: str, **headers: str) -> Exchange:
        """Ask for a page, with the token for it."""
        return self.send("GET", url, None, self.token(url), headers)

    def post(self, url: str, body: bytes | Mapping[str, Any], **headers: str) -> Exchange:
        """Post JSON, or bytes as they are, with the token for the address."""
        return self.send("POST", url, body, self.token(url), headers)

    def send(
        self,
        method: str,
        url: str,
        body: bytes | Mapping[str, Any] | None,
        token: str | None,
        headers: Mapping[str, str],
    ) -> Exchange:
        """Make one call with exactly this token, or none, and read the answer to its end or to a limit."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Accept": "application/json", "Accept-Encoding": "identity"}
        if data is not None:
            sent["Content-Type"] = "application/json"
        # A proxy of the environment has no business between this process and its own machine.
        self.session.trust_env = not is_loopback(url)
        began = self.monotonic()
        try:
            answer = self.session.request(
                method,
                url,
                data=data,
                headers=sent,
                auth=_Bearer(token),
                timeout=(min(CONNECT_SECONDS, self.seconds), self.seconds),
                allow_redirects=False,
                stream=True,
            )
            with answer:
                content, problem = self._content(answer, began)
        except requests.Timeout:
            return Exchange(method, url, problem=f"no answer within {self.seconds:g} s")
        except (requests.RequestException, UnicodeError) as error:
            return Exchange(method, url, problem=f"no usable answer ({type(error).__name__})")
        value, unreadable = _parsed(content) if problem is None else (None, problem)
        return Exchange(
            method,
            url,
            answer.status_code,
            {name.lower(): text for name, text in answer.headers.items()},
            content,
            self.monotonic() - began,
            json=value,
            unreadable=unreadable,
        )

    def _content(self, answer: requests.Response, began: float) -> tuple[bytes, str | None]:
        content = bytearray()
        for chunk in answer.iter_content(CHUNK):
            content += chunk
            if len(content) > LONGEST_ANSWER:
                return bytes(content), f"longer than {LONGEST_ANSWER} bytes"
            if self.monotonic() - began > self.seconds:
                return bytes(content), f"not complete within {self.seconds:g} s"
        return bytes(content), None


class _Bearer(AuthBase):
    """Sets the token and, by being there, keeps credentials of the user's netrc file out of the call."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self.token is not None:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def is_loopback(url: str) -> bool:
    """Say whether an address is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_url(given: str) -> str:
    """Return the base URL of a service from its address, with or without `/cds-services` at the end.

    Raises ValueError with a sentence for a user.
    """
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{given!r} is no URL. Give the base URL of a CDS service.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{given!r} is no http or https URL. Give the base URL of a CDS service.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("A base URL has no user, query or fragment. Leave them out.")
    return given.rstrip("/").removesuffix("/cds-services").rstrip("/")


def _parsed(content: bytes) -> tuple[Any, str | None]:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refused), None
    except UnicodeDecodeError:
        return None, "not UTF-8"
    except RecursionError:
        return None, "nested too deep"
    except ValueError:
        return None, "an empty body" if not content else "not JSON"


def _refused(constant: str) -> None:
    raise ValueError(constant)


OK = HTTPStatus.OK.value
UNAUTHORIZED = HTTPStatus.UNAUTHORIZED.value
NOT_FOUND = HTTPStatus.NOT_FOUND.value
PRECONDITION_FAILED = HTTPStatus.PRECONDITION_FAILED.value
# These say something about the address, the caller or the moment, not about the body that was sent.
_NOT_ABOUT_THE_BODY = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 429})


def answered(exchange: Exchange) -> bool:
    """Say whether a call was served: with cards, or with the status that says which data are missing."""
    return exchange.status in (OK, PRECONDITION_FAILED)


def refused(exchange: Exchange) -> bool:
    """Say whether a body was refused for what it is."""
    status = exchange.status
    return status is not None and 400 <= status < 500 and status not in _NOT_ABOUT_THE_BODY
