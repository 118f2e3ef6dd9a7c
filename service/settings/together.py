"""What settings may not say together. Each check belongs to the later of them and sees those before it.

A fault is a ValueError that says what to do instead.
"""

from urllib.parse import urlsplit

from pydantic import ValidationInfo

from service.settings.client import Client
from service.trust import is_loopback, told_apart


def only_on_loopback(order_helper: bool, info: ValidationInfo) -> bool:
    """Refuse the order helper where other machines could reach it."""
    public = info.data.get("public_base_url")
    hosts = (info.data.get("host", "localhost"), urlsplit(public).hostname if public else "localhost")
    if order_helper and not all(is_loopback(host) for host in hosts):
        raise ValueError("it is a test tool for one machine: listen on 127.0.0.1, without another public_base_url")
    return order_helper


def with_database(used_tokens: str, info: ValidationInfo) -> str:
    """Refuse to share used tokens through a database that there is not."""
    if used_tokens == "database" and info.data.get("database_url") is None:
        raise ValueError("it needs a PostgreSQL that all machines reach: set database_url")
    return used_tokens


def each_apart(clients: tuple[Client, ...]) -> tuple[Client, ...]:
    """Refuse clients that neither id nor issuer and tenant tell apart."""
    if len({client.id for client in clients}) < len(clients):
        raise ValueError("two clients have the same id: give each its own")
    told_apart(clients)
    return clients


def servers_of_somebody(clients: tuple[Client, ...], info: ValidationInfo) -> tuple[Client, ...]:
    """Refuse FHIR servers that would be read for nobody, or for whoever calls."""
    if info.data.get("fhir_servers") and any(client.has_keys for client in clients):
        raise ValueError("they have keys, so fhir_servers beside them is read for nobody: move it into a client")
    if any(client.fhir_servers and not client.has_keys for client in clients):
        raise ValueError("who has no keys cannot be told from others: move its fhir_servers to the top level")
    return clients
