"""The commands about trust: `upa-cds client add|list|test` and `upa-cds token`.

Imports are inside the commands, so that each starts with what it needs and no more.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.errors import InvalidRequest, KeysUnavailable, SettingsError, UnknownService, Unreachable

if TYPE_CHECKING:
    from service.settings import Client, Settings

UNUSABLE = 1
CALL_SECONDS = 30

_config = click.option("--config", metavar="FILE", help="TOML file with settings.")


@click.group()
def client() -> None:
    """Add, list and test the clients that may call."""


@client.command()
@click.argument("client_id", metavar="ID")
@click.option(
    "--iss", "issuers", metavar="URL", multiple=True, required=True, help="The iss of its tokens; repeatable."
)
@click.option("--jwks-url", metavar="URL", help="Address of its JWK Set.")
@click.option("--jwks-private", is_flag=True, help="The name in that address may lead to a private network.")
@click.option(
    "--jwks-ca-file", metavar="FILE", type=click.Path(path_type=Path), help="Authority of that address (PEM)."
)
@click.option("--jwks-file", metavar="FILE", type=click.Path(path_type=Path), help="File with its JWK Set.")
@click.option("--jku", metavar="URL", help="The jku that its tokens must carry; it is never fetched.")
@click.option("--tenant", "tenants", metavar="TEXT", multiple=True, help="Tenant that may call; repeatable.")
@click.option("--alg", "algorithms", metavar="ALG", multiple=True, help="Allowed algorithm.  [default: ES384, RS384]")
@click.option("--origin", "origins", metavar="URL", multiple=True, help="Origin of its browser pages; repeatable.")
@click.option("--fhir-server", "fhir_servers", metavar="URL", multiple=True, help="FHIR base to read; repeatable.")
@click.option("--profile", type=click.Choice(["spec", "epic", "sandbox"]), help="Shape of its cards.  [default: spec]")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    envvar="UPA_CDS_CONFIG",
    required=True,
    help="TOML file to add to.  [or UPA_CDS_CONFIG]",
)
def add(client_id: str, *, config: Path, **given: Any) -> None:
    """Add a [[clients]] table to the TOML file; comments and everything else in it stay."""
    from service.clients.file import add_client, described

    table = {"id": client_id} | {name: _written(value) for name, value in given.items() if value}
    added = add_client(config, table)
    click.echo("\n".join(described(added)))
    test = f"upa-cds client test {client_id} --config {config}"
    click.echo(f'Added to {config}. Run "{test}", then start the service again.', err=True)


@client.command(name="list")
@_config
def list_clients(*, config: str | None) -> None:
    """List the configured clients; their keys are not shown."""
    from service.clients.file import described
    from service.settings import load_settings

    clients = load_settings({"config": config}).clients
    for one in clients:
        click.echo("\n".join(described(one)))
    if not clients:
        click.echo("No client is configured: anybody on this machine may call, and nobody else.", err=True)


@client.command(name="test")
@click.argument("client_id", metavar="ID")
@_config
def test_client(client_id: str, *, config: str | None) -> None:
    """Obtain the keys of a client, and say which can be used, with what, and what is wrong with the others.

    Exit code 0: at least one key can be used; 1: none.
    """
    from service.clients.auth import client_loader
    from service.clients.jwks import read_key_set
    from service.settings import load_settings

    chosen = _client(load_settings({"config": config}), client_id)
    try:
        found = read_key_set(client_loader(chosen)(), chosen.algorithms)
    except KeysUnavailable as error:
        click.echo(f"{client_id}: {error.message}{_hint(error, chosen)}", err=True)
        sys.exit(UNUSABLE)
    for kid, algorithms in found.algorithms_by_kid().items():
        click.echo(f"kid {kid}: {', '.join(algorithms)}")
    for problem in found.problems:
        click.echo(f"{client_id}: {problem}", err=True)
    if not found.keys:
        click.echo(f"{client_id}: no usable key. Its algorithms are {', '.join(chosen.algorithms)}.", err=True)
        sys.exit(UNUSABLE)


@click.command()
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path), help="Private key to sign with (PEM).")
@click.option("--iss", "issuer", metavar="URL", help="Issuer, as the client's configuration has it.")
@click.option("--aud", "audience", metavar="URL", help="Address that is called.")
@click.option("--service", metavar="ID", help="Instead of --aud: id of the service that is called.")
@click.option("--kid", metavar="TEXT", help="Key id.  [default: the thumbprint of the key]")
@click.option("--alg", "algorithm", metavar="ALG", help="Algorithm.  [default: ES384 or RS384, as the key is]")
@click.option("--jku", metavar="URL", help="Address of the JWK Set, for the header.")
@click.option("--tenant", metavar="TEXT", help="Tenant.")
@click.option(
    "--seconds", metavar="NUMBER", type=click.IntRange(1, 86_400), default=300, show_default=True, help="Life."
)
@click.option(
    "--call", metavar="REQUEST.json", type=click.Path(path_type=Path), help="Post this request with the token."
)
@click.option("--generate-key", metavar="DIR", type=click.Path(path_type=Path), help="Make a key pair there and stop.")
@_config
def token(*, generate_key: Path | None, call: Path | None, config: str | None, **given: Any) -> None:
    """Sign a JWT for one test call and print it, or make the call; or make a key pair with its JWK Set."""
    if generate_key is not None:
        _generate(generate_key)
        return
    if not given["key"] or not given["issuer"] or bool(given["audience"]) == bool(given["service"]):
        raise click.UsageError("give --key, --iss, and one of --aud and --service; or --generate-key alone.")
    address = given["audience"] or _address(str(given["service"]), config)
    signed = _signed(given, address)
    if call is None:
        click.echo(signed)
        return
    status, body = _post(address, call, signed)
    click.echo(f"HTTP {status}", err=True)
    click.echo(body)
    if status != 200:
        sys.exit(UNUSABLE)


def _written(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return list(value) if isinstance(value, tuple) else value


def _hint(error: KeysUnavailable, client: "Client") -> str:
    if error.reason != "address-refused":
        return ""
    if client.jwks_private:
        return " The name in jwks_url leads to an address that is never called."
    return " The name in jwks_url leads to a private network: set jwks_private = true if that is meant."


def _generate(folder: Path) -> None:
    from service.clients.token_signing import JWKS_FILE, KEY_FILE, generate_pair

    kid = generate_pair(folder)
    click.echo(
        f"{folder / KEY_FILE}: private key, for the client alone\n{folder / JWKS_FILE}: public JWK Set\nkid {kid}"
    )


def _signed(given: dict[str, Any], address: str) -> str:
    from datetime import UTC, datetime

    from service.clients.token_signing import Subject, read_signer, sign

    signer = read_signer(given["key"], kid=given["kid"], algorithm=given["algorithm"], jku=given["jku"])
    subject = Subject(given["issuer"], address, given["seconds"], given["tenant"])
    return sign(signer, subject, datetime.now(UTC))


def _address(service_id: str, config: str | None) -> str:
    from service.clients.auth import base_addresses
    from service.discovery import SERVICES, service_by_id
    from service.settings import load_settings

    if service_by_id(service_id) is None:
        known = ", ".join(service.id for service in SERVICES)
        raise UnknownService(f"--service {service_id}: there is no such service. Give one of {known}.")
    return f"{base_addresses(load_settings({'config': config}))[0]}/cds-services/{service_id}"


def _post(address: str, file: Path, signed: str) -> tuple[int, str]:
    import requests

    try:
        body = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read ({error.strerror}). Give a file with a hook request.") from None
    headers = {"Authorization": f"Bearer {signed}", "Content-Type": "application/json"}
    try:
        answer = requests.post(address, data=body, headers=headers, timeout=CALL_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise Unreachable(f"{address}: no answer ({type(error).__name__}). Is the service running there?") from None
    return answer.status_code, answer.text


def _client(settings: "Settings", client_id: str) -> "Client":
    one = settings.client(client_id)
    if not one.has_keys:
        raise SettingsError(f"client {client_id}: it has no keys. Add issuers and one of jwks_url, jwks_file, jwks.")
    return one
