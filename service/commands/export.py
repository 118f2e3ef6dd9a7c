"""The commands `upa-cds export fhir|knowledge`: the knowledge for other engines, and to be changed.

Imports are inside the commands, so that each starts with what it needs and no more.
"""

import sys
from datetime import datetime
from pathlib import Path

import click

NOT_CURRENT = 1


@click.group()
def export() -> None:
    """Publish the knowledge for other programs, or copy it to change it."""


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


@export.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--config", metavar="FILE", help="TOML file with settings.")
def knowledge(folder: Path, *, config: str | None) -> None:
    """Copy the knowledge in force, the packaged one or that of the settings, into a new folder, to change it there.

    An overlay is not laid on the copy. Exit code 0: copied; 65: the folder is not empty or cannot be written.
    """
    from service.knowledge import copy_knowledge
    from service.settings import load_settings

    count = copy_knowledge(load_settings({"config": config}).knowledge, folder)
    click.echo(f"{folder}: {count} files. README.md says what is in them; after a change: upa-cds validate {folder}")
