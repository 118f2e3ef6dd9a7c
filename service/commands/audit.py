"""The commands about the audit trail: `upa-cds audit verify|export|prune`.

Imports are inside the commands, so that each starts with what it needs and no more.
"""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from service.commands.days import read_day
from service.errors import InvalidRequest

if TYPE_CHECKING:
    from service.audit.verify import Verified
    from service.settings import Settings

NOT_INTACT = 1
INTACT, VERIFIED_AT = "upa_cds_audit_intact", "upa_cds_audit_verified_timestamp_seconds"
Command = TypeVar("Command", bound=Callable[..., Any])


def _site(command: Command) -> Command:
    """Add what says which trail is meant, and where its key is."""
    command = click.option("--data-dir", metavar="DIR", help="Data folder, which holds the key.")(command)
    command = click.option("--config", metavar="FILE", help="TOML file with settings.")(command)
    return click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))(command)


@click.group()
def audit() -> None:
    """Look after the audit trail of decisions: verify it, export it, and delete what is old."""


@audit.command()
@click.option("--head", metavar="HASH", help="A hash that an earlier verify ended with: the trail must go on from it.")
@click.option(
    "--metrics",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the outcome there too, for the textfile collector of Prometheus' node exporter (*.prom).",
)
@_site
def verify(folder: Path | None, *, head: str | None, metrics: Path | None, **flags: str | None) -> None:
    """Prove that no line of the audit trail was altered, removed, moved or cut off; else say which.

    Exit code 0: the trail is as it was written; 1: it is not; 65: there is none.
    """
    from service.audit.verify import verified

    trail, key, _ = _trail(folder, flags)
    found = verified(trail, key)
    _tell(found)
    goes_on = head is None or found.known(head)
    if metrics is not None:
        _write_metrics(metrics, intact=found.intact and goes_on)
    if not goes_on:
        click.echo(f"upa-cds: {trail}: the index does not go on from {head}: its end was cut off.", err=True)
        sys.exit(NOT_INTACT)
    if not found.intact:
        sys.exit(NOT_INTACT)
    click.echo(f"{trail}: intact. {found.segments} segments, {found.lines} lines. Head: {found.head}")


@audit.command()
@click.option("--since", metavar="DATE", help="First day, YYYY-MM-DD, in the site's zone.")
@click.option("--until", metavar="DATE", help="Last day, YYYY-MM-DD.")
@click.option("--format", "form", type=click.Choice(["csv", "ndjson"]), default="csv", show_default=True)
@click.option("--unverified", is_flag=True, help="Export a trail that is not intact, too.")
@_site
def export(
    folder: Path | None,
    *,
    since: str | None,
    until: str | None,
    form: str,
    unverified: bool,
    **flags: str | None,
) -> None:
    """Print decisions, feedback and losses of some days as CSV or NDJSON, of a trail that is intact.

    Exit code 0: printed; 1: the trail is not intact, and nothing was printed; 65: there is none.
    """
    from service.audit.export import as_csv, as_ndjson, exported
    from service.audit.verify import verified

    trail, key, site = _trail(folder, flags)
    if not unverified and not (found := verified(trail, key)).intact:
        _tell(found)
        sys.exit(NOT_INTACT)
    lines = exported(trail, site.zone, _day(since, "--since"), _day(until, "--until"))
    click.echo((as_csv if form == "csv" else as_ndjson)(lines), nl=False)


@audit.command()
@click.option(
    "--before", metavar="DATE", required=True, help="Delete the segments of days before this one, YYYY-MM-DD."
)
@_site
def prune(folder: Path | None, *, before: str, **flags: str | None) -> None:
    """Delete whole segments of days before a day, and enter that in the index, so that the rest still verifies.

    Exit code 0: done; 1: the trail is not intact, and nothing was deleted; 65: there is none.
    """
    from service.audit.prune import pruned

    trail, key, _ = _trail(folder, flags)
    day = _day(before, "--before")
    assert day is not None  # noqa: S101 - the option is required
    gone = pruned(trail, key, day, datetime.now(UTC))
    if not isinstance(gone, tuple):
        _tell(gone)
        sys.exit(NOT_INTACT)
    click.echo(f"{trail}: deleted {len(gone)} segments of days before {day}.")


def _trail(folder: Path | None, flags: dict[str, str | None]) -> "tuple[Path, bytes, Settings]":
    """Return the folder of the trail, its key, and the settings. Raises InvalidRequest, SettingsError."""
    from service.audit.index import INDEX, SEGMENTS
    from service.audit.trail import KEY_FILE, audit_key
    from service.settings import load_settings

    site = load_settings(flags)
    trail = folder or site.audit_dir
    if trail is None:
        raise InvalidRequest("audit_dir is not set, so no trail is kept. Name its folder.")
    if not (trail / INDEX).exists() and not any(trail.glob(SEGMENTS)):
        raise InvalidRequest(f"{trail}: holds no audit trail. Give the folder that audit_dir names.")
    if not (site.data_dir / KEY_FILE).exists():
        raise InvalidRequest(f"{site.data_dir}: holds no {KEY_FILE}. Give the data folder of the service (--data-dir).")
    return trail, audit_key(site.data_dir), site


def _day(text: str | None, option: str) -> date | None:
    return None if text is None else read_day(text, option)


def _write_metrics(file: Path, *, intact: bool) -> None:
    """Write the outcome whole: the collector reads at any time."""
    now = datetime.now(UTC).timestamp()
    draft = file.with_suffix(".draft")
    said = {INTACT: int(intact), VERIFIED_AT: int(now)}
    try:
        draft.write_text("".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in said.items()))
        draft.replace(file)
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be written ({error.strerror}). Give another file.") from None


def _tell(found: "Verified") -> None:
    for remark in found.remarks:
        click.echo(f"{'upa-cds: ' if remark.alarm else 'note: '}{remark}", err=True)
