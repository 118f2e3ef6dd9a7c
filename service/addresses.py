"""Which network addresses may be called: a name is resolved once, every address of it is checked, and one is used.

Whoever controls a name controls what it resolves to, and may change it between a check and a connection (DNS
rebinding). So the connection goes to the address that was checked and never to the name.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from service.trust import is_loopback

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name, or raises OSError."""

# What a site may allow: this machine, and the networks of an organisation (RFC 1918, RFC 4193, RFC 6598). Link-local
# addresses are none of them: there the metadata services of clouds answer.
_PRIVATE = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
) + tuple(map(ip_network, ("::1/128", "fc00::/7")))
_TRANSLATED = ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """A name leads to an address that may not be called."""


def resolve(host: str, port: int) -> tuple[str, ...]:
    """Ask the system for the addresses of a host, in its order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def check(addresses: Sequence[str], *, private: bool, only_this_machine: bool = False) -> tuple[str, ...]:
    """Return the addresses if every one of them may be called, else raise AddressRefused.

    `private` allows this machine and private networks. `only_this_machine` is for plain http.
    """
    if not addresses or not all(is_allowed(item, private=private) for item in addresses):
        raise AddressRefused
    if only_this_machine and not all(is_loopback(item) for item in addresses):
        raise AddressRefused
    return tuple(addresses)


def is_allowed(address: str, *, private: bool) -> bool:
    """Say whether an address may be called: one of the public internet, or a private one where that is allowed."""
    try:
        # The zone of an IPv6 address ("fe80::1%eth0") says nothing of its range.
        parsed = _embedded(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if any(parsed in network for network in _PRIVATE):
        return private
    local = isinstance(parsed, IPv6Address) and parsed.is_site_local
    return parsed.is_global and not (parsed.is_multicast or local)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside an IPv6 one, where packets to the one end at the other."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
