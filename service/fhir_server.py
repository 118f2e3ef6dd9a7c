"""A FHIR server that may be read, as a site's configuration names it, and which addresses lie inside its base."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from service.addresses import is_allowed
from service.trust import is_literal, is_loopback

ResourceType = Literal[
    "Patient",
    "Condition",
    "MedicationRequest",
    "MedicationOrder",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "AllergyIntolerance",
]
_PORTS = {"http": 80, "https": 443}


def without_slash(base: str) -> str:
    """Return a base URL without the one slash that may stand at its end."""
    return base.removesuffix("/")


def _base(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in _PORTS or not parts.hostname or "?" in value or "#" in value or not _is_plain(value):
        raise ValueError("give an absolute https address without query")
    if parts.username or parts.password:
        raise ValueError("leave user name and password out of the address")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("patients' data are read over https only; plain http is for this machine")
    return without_slash(value)


class Reached:
    """What a base URL says of the way to it."""

    base: str

    @property
    def host(self) -> str:
        """Give the host name of the base."""
        return urlsplit(self.base).hostname or ""

    @property
    def port(self) -> int:
        """Give the port of the base."""
        return port_of(self.base)

    @property
    def is_plain(self) -> bool:
        """Say whether the base is read without TLS, which is for this machine only."""
        return self.base.startswith("http:")


class FhirServer(Reached, BaseModel):
    """One base that may be read.

    `private` allows that its name leads to this machine or a private network. `open` says that it is read without a
    token. `ca_file` holds the certificates (PEM) of an authority of the site's own. `unsupported` are the types of
    resource that it does not offer: they are not read, and not missed. `version` is its FHIR version; without it, what
    a call shows of that counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Annotated[str, AfterValidator(_base)]
    private: bool = False
    open: bool = False
    ca_file: Path | None = None
    unsupported: tuple[ResourceType, ...] = ()
    version: Literal["DSTU2", "STU3", "R4", "R5"] | None = None

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        here = is_loopback(self.host)
        if is_literal(self.host) and not (is_allowed("127.0.0.1" if here else self.host, private=self.private)):
            raise ValueError("its address is not of the public internet: add private = true if that is meant")
        return self


def _or_text(value: Any) -> Any:
    return {"base": value} if isinstance(value, str) else value


def _once(servers: tuple[FhirServer, ...]) -> tuple[FhirServer, ...]:
    if len({server.base for server in servers}) < len(servers):
        raise ValueError("one base is named twice: name each base once")
    return servers


# In the TOML file a base stands alone, or in a table with its options.
FhirServers = Annotated[
    tuple[Annotated[FhirServer, BeforeValidator(_or_text)], ...],
    AfterValidator(_once),
]


def port_of(address: str) -> int:
    """Give the port of an http or https address."""
    return _port(urlsplit(address)) or 0


def find_server(servers: Iterable[FhirServer], stated: str) -> FhirServer | None:
    """Find the server whose base equals the `fhirServer` of a request, letter by letter but for a slash at the end."""
    return next((server for server in servers if server.base == without_slash(stated)), None)


def absolute(base: str, url: str) -> str:
    """Write an address relative to a base as an absolute one; `url` may be a query alone."""
    return base + url if url.startswith("?") else f"{base}/{url}"


def within(base: str, link: str, *, page: str = "") -> str | None:
    """Return a link relative to the base, or None where it leads anywhere else.

    `page` is the address, relative to the base, of the page that holds the link: a query alone counts from there, any
    other relative link from the base, as references do in FHIR. Inside means the same scheme, host and port, and a path
    that begins with that of the base.
    """
    if not link or not _is_plain(link):
        return None
    try:
        from_here = absolute(base, page if link.startswith("?") else "")
        found, own = urlsplit(urljoin(from_here, link)), urlsplit(base)
        same = (found.scheme, found.hostname, _port(found)) == (own.scheme, own.hostname, _port(own))
    except ValueError:
        return None
    if not same or found.username or found.password or found.fragment or _climbs(found.path):
        return None
    # A server with pages of its own writes them as a query of the base itself.
    if found.path != own.path and not found.path.startswith(f"{own.path}/"):
        return None
    rest = found.path.removeprefix(own.path).removeprefix("/")
    return (f"{rest}?{found.query}" if found.query else rest) or None


def _is_plain(link: str) -> bool:
    return link.isascii() and link.isprintable() and " " not in link and "\\" not in link


def _climbs(path: str) -> bool:
    # A server undoes the encoding once, and one in front of it perhaps another time.
    return not {".", ".."}.isdisjoint(unquote(unquote(path)).replace("\\", "/").split("/"))


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)
