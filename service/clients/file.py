"""The [[clients]] tables of a site's TOML file: add one without touching a byte of the rest, and describe them."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit

from service.errors import SettingsError
from service.fhir_server import FhirServer
from service.settings import Client, load_settings


def add_client(config: Path, table: Mapping[str, Any]) -> Client:
    """Append a [[clients]] table to the file, which is made if it is not there; what stands in it stays as it is.

    `table` holds keys of Client. Nothing is written unless the settings are valid with it. Raises SettingsError.
    """
    before = _text(config)
    entry = tomlkit.aot()
    entry.append(tomlkit.item(dict(table)))
    document = tomlkit.document()
    document["clients"] = entry
    space = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    after = before + space + tomlkit.dumps(document)
    added = _checked(config, after, str(table["id"]))
    try:
        with config.open("a", encoding="utf-8", newline="") as file:
            file.write(after[len(before) :])
    except OSError as error:
        raise SettingsError(f"{config}: it cannot be written ({error.strerror}). Give another --config.") from None
    return added


def described(client: Client) -> Iterator[str]:
    """Say in lines what is configured for a client. Public keys are not written out, and nothing else is secret."""
    yield client.id
    for name in type(client).model_fields:
        value = getattr(client, name)
        if name == "jwks" and value is not None:
            yield f"  {name}: in the settings"
        elif name == "fhir_servers":
            yield from (f"  reads {_server(server)}" for server in client.fhir_servers)
        elif name != "id" and value is not None and value is not False and value != ():
            yield f"  {name}: {', '.join(map(str, value)) if isinstance(value, tuple) else value}"


def _server(server: FhirServer) -> str:
    chosen = [name for name in ("private", "open", "ca_file") if getattr(server, name)]
    without = [f"without {kind}" for kind in server.unsupported]
    return ", ".join((server.base, *([server.version] if server.version else ()), *chosen, *without))


def _text(config: Path) -> str:
    try:
        # As bytes: line ends stay what they are.
        return config.read_bytes().decode("utf-8") if config.exists() else ""
    except OSError as error:
        raise SettingsError(f"{config}: it cannot be read ({error.strerror}). Give another --config.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{config}: this is not TOML in UTF-8. Correct the file.") from None


def _checked(config: Path, text: str, client_id: str) -> Client:
    """Read the settings as they will be; environment and flags stay out of it."""
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise SettingsError(
            f"{config}: a [[clients]] table cannot be added ({error}). Write the clients as [[clients]] tables."
        ) from None
    with TemporaryDirectory(prefix="upa-cds-") as folder:
        candidate = Path(folder) / config.name
        candidate.write_bytes(text.encode())
        try:
            settings = load_settings({"config": str(candidate)}, {})
        except SettingsError as error:
            raise SettingsError(*(line.replace(str(candidate), str(config)) for line in error.problems)) from None
    return next(client for client in settings.clients if client.id == client_id)
