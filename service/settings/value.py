"""What one setting can be: addresses, time zones, a database, the hash of a password.

Each type refuses what cannot be meant with a ValueError that says what to give instead.
"""

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr

from service.nearest import nearest
from service.password import is_hash

# For the table of settings: a path to a file and not to a folder.
FILE = "file"


def _address(value: str) -> str:
    if value != "localhost":
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("give an IP address or localhost") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        near = nearest(value, available_timezones())
        raise ValueError(f"give an IANA time zone, for example {near or 'Europe/Berlin'}") from None
    return value


def _web_address(value: str) -> str:
    """Accept `https://host[:port][/path]`; user names and passwords have no place in it."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("give an absolute http or https address without query")
    if parts.username or parts.password:
        raise ValueError("leave user name and password out of the address")
    return value.rstrip("/")


def _page_address(value: str) -> str:
    """Accept the https address of a page as it is; it stands on cards, so nobody's password has a place in it."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
        raise ValueError("give an absolute https address without user name and password")
    return value


def _web_origin(value: str) -> str:
    """Accept `https://host[:port]`, as browsers write it in the Origin header (RFC 6454, section 7)."""
    address = _web_address(value)
    if urlsplit(address).path:
        raise ValueError("give scheme, host and port only, for example https://ehr.example.org")
    return address.lower()


def _database(value: SecretStr) -> SecretStr:
    """Accept `postgresql://[user[:password]@]host[:port]/database[?…]`."""
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("postgresql", "postgres") or len(parts.path) < 2:
        raise ValueError(
            "give a URL as postgresql://user:password@host/database; without it SQLite in data_dir is used"
        )
    return value


def _password_hash(value: SecretStr) -> SecretStr:
    if not is_hash(value.get_secret_value()):
        raise ValueError("give the line that upa-cds dashboard password prints; a password itself has no place here")
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


Address = Annotated[str, AfterValidator(_address)]
Zone = Annotated[str, AfterValidator(_zone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
PageAddress = Annotated[str, AfterValidator(_page_address)]
WebOrigin = Annotated[str, AfterValidator(_web_origin)]
# In the TOML file 412 may stand without quotes.
Unobtainable = Annotated[Literal["412", "card"], BeforeValidator(_text)]
# Settings travel to the workers as JSON, and there a secret is needed.
_IN_JSON = PlainSerializer(SecretStr.get_secret_value, when_used="json")
Database = Annotated[SecretStr, AfterValidator(_database), _IN_JSON]
PasswordHash = Annotated[SecretStr, AfterValidator(_password_hash), _IN_JSON]
