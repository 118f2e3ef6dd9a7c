"""The command about the dashboard: `upa-cds dashboard password`."""

import click

from service.errors import SettingsError


@click.group()
def dashboard() -> None:
    """Look after the dashboard."""


@dashboard.command()
@click.password_option(prompt="Password of the dashboard", help="Without it you are asked; others may see an argument.")
def password(password: str) -> None:
    """Print the setting dashboard_password_hash for a password, which is kept nowhere."""
    from service.password import SHORTEST, USER, hashed

    if len(password) < SHORTEST:
        raise SettingsError(f"password: it has fewer than {SHORTEST} characters. Choose a longer one.")
    click.echo(f'dashboard_password_hash = "{hashed(password)}"')
    click.echo(f"Add this line to the TOML file, and start the service again. The user is {USER}.", err=True)
