"""The commands of a chart review: `upa-cds review sample|score`."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from service.commands.store import beginning, refuse, site_options

if TYPE_CHECKING:
    from service.rates import Share
    from service.review.score import Found


@click.group()
def review() -> None:
    """Find out from charts whether the warnings were right."""


@review.command("sample")
@click.option("--size", metavar="NUMBER", type=click.IntRange(1), default=100, help="Warnings to draw.  [default: 100]")
@click.option("--since", "day", metavar="DATE", help="Of warnings issued on this day or later, YYYY-MM-DD.")
@click.option("--rule", metavar="RULE", help="Of this rule alone.")
@click.option("--seed", metavar="NUMBER", type=int, default=1, help="Another number draws others.  [default: 1]")
@click.option(
    "--patients",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Patient ids, one a line, as the client sends them: the sheet then names these patients, and holds no others.",
)
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Write here, for your eyes only.")
@site_options
def sample_command(
    *,
    size: int,
    day: str | None,
    rule: str | None,
    seed: int,
    patients: Path | None,
    output: Path | None,
    **flags: str | None,
) -> None:
    """Draw warnings at random for reviewers, as a CSV with a column for their verdict: right, wrong or unclear.

    Each warning of a patient is drawn once, also those that a silent rule or client kept back. The database knows
    patients by pseudonym; with --patients the sheet names them.
    """
    from service.errors import StoreUnavailable
    from service.review.sample import sample, write_sheet
    from service.settings import load_settings
    from service.store import Place, opened

    if patients and not output:
        raise click.UsageError("A sheet with patients goes into a file: give --output FILE.")
    site = load_settings(flags)
    place, since = Place.of(site), beginning(day, site)
    named = None if patients is None else _named(patients, site)
    try:
        with opened(place, patient=True) as store:
            found = (card for card in store.issued(since) if rule in (None, card.rule))
            drawn = sample(found, size, seed, named)
    except StoreUnavailable as error:
        refuse(place, error)
    with ExitStack() as stack:
        write_sheet(drawn, stack.enter_context(_own(output)) if output else sys.stdout)
    click.echo(f"{len(drawn.cards)} of {drawn.of} different warnings", err=True)


@review.command("score")
@click.argument("sheet", metavar="SHEET.csv", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def score_command(sheet: Path, *, as_json: bool) -> None:
    """Count the verdicts of a reviewed sheet: how many of the warnings were right, by rule, with 95 % intervals."""
    import json

    from service.review.score import score

    scored = score(_lines(sheet), sheet.name)
    groups = {**scored.by_rule, "all": scored.total}
    if as_json:
        click.echo(json.dumps({name: _counted(found) for name, found in groups.items()}, indent=2))
        return
    for name, found in groups.items():
        counted = found.verdicts
        click.echo(
            f"{name}: right {_share(found.ppv)}; wrong {counted['wrong']}, unclear {counted['unclear']}, "
            f"not reviewed {found.open}"
        )


def _counted(found: "Found") -> dict[str, Any]:
    share, counted = found.ppv, found.verdicts
    interval = share.interval
    return {
        "right": share.events,
        "wrong": counted["wrong"],
        "unclear": counted["unclear"],
        "notReviewed": found.open,
        "ppv": None if interval is None else round(share.events / share.of, 4),
        "ppv95": None if interval is None else [round(interval.low, 4), round(interval.high, 4)],
    }


def _share(share: "Share") -> str:
    interval = share.interval
    return "0 of 0" if interval is None else f"{share.events} of {share.of} ({interval})"


def _named(file: Path, site: Any) -> Any:
    from service.pseudonyms import Pseudonyms
    from service.review.sample import pseudonyms_of
    from service.settings import ANYONE

    clients = [client.id for client in site.clients] or [ANYONE.id]
    ids = [line.strip() for line in _lines(file)]
    keys = Pseudonyms.of_site(site)
    try:
        return pseudonyms_of(filter(None, ids), clients, keys.patient)
    except OSError as error:
        from service.errors import SettingsError

        raise SettingsError(f"{keys.file}: cannot be read ({error.strerror or 'damaged'}). Give --data-dir.") from None


def _lines(file: Path) -> list[str]:
    from service.errors import InvalidRequest

    try:
        # Spreadsheets write a mark before the first column.
        return file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        raise InvalidRequest(f"{file}: cannot be read as UTF-8 text. Give a readable file.") from None


def _own(file: Path) -> TextIO:
    """Open a new file that only its user can read."""
    import os

    from service.errors import InvalidRequest

    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidRequest(f"{file}: is there already, perhaps with verdicts. Give another name.") from None
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be made ({error.strerror}). Give another name.") from None
    return os.fdopen(handle, "w", encoding="utf-8", newline="")
