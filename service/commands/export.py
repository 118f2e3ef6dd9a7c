"""The command `upa-cds export fhir`: the knowledge for other engines.

Imports are inside the command, so that each starts with what it needs and no more.
"""

import sys
from datetime import datetime
from pathlib import Path

import click

NOT_CURRENT = 1


@click.group()
def export() -> None:
    """Publish the knowledge for other programs."""


@export.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; say whether DIR holds this export.")
@click.option(
    "--on",
    "day",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day on which approvals must hold, YYYY-MM-DD.  [default: today in the site's zone]",
)
@click.option("--config", metavar="FILE", help="TOML file with settings.")
def fhir(folder: Path, *, check: bool, day: datetime | None, config: str | None) -> None:
    """Write the knowledge as FHIR R4 value sets, plan definitions and a library into a folder.

    Exit code 0: written, or with --check current; 1: not current; 65: the folder cannot be used.
    """
    from service.answer import build_engine
    from service.export.folder import departures, files, write
    from service.export.frame import Frame
    from service.settings import load_settings

    settings = load_settings({"config": config})
    on = day.date() if day else datetime.now(settings.zone).date()
    frame = Frame(build_engine(settings).catalogue, on, settings.canonical_url)
    made = files(frame)
    if not check:
        write(folder, made)
        click.echo(f"{folder}: {len(made)} files of knowledge {frame.catalogue.version}")
        return
    found = departures(folder, made)
    for line in found:
        click.echo(f"{folder}: {line}")
    if found:
        click.echo(f"{folder} is not current. Write it again with: upa-cds export fhir {folder}", err=True)
        sys.exit(NOT_CURRENT)
    click.echo(f"{folder} is current: {len(made)} files of knowledge {frame.catalogue.version}")
