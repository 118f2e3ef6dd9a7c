"""The commands about what is kept: `upa-cds db upgrade|status|prune` and `upa-cds rates`.

Imports are inside the commands, so that each starts with what it needs and no more.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from service.commands.days import read_day
from service.errors import StoreUnavailable

if TYPE_CHECKING:
    from service.settings import Settings

UNUSABLE = 1
Command = TypeVar("Command", bound=Callable[..., Any])


def site_options(command: Command) -> Command:
    """Add the options that say which database is meant; its URL is a secret and no option."""
    command = click.option("--data-dir", metavar="DIR", help="Data folder.")(command)
    return click.option("--config", metavar="FILE", help="TOML file with settings.")(command)


@click.group()
def db() -> None:
    """Look after the database of issued cards and feedback."""


@db.command()
@site_options
def upgrade(**flags: str | None) -> None:
    """Bring the database to the state that this version needs; with PostgreSQL before the new version starts."""
    from service.settings import load_settings
    from service.store import Place, State
    from service.store.migrate import upgrade as migrate

    place = Place.of(load_settings(flags))
    try:
        before = migrate(place)
    except StoreUnavailable as error:
        refuse(place, error)
    click.echo(f"{place}: {'nothing to do' if before is State.USABLE else f'upgraded, it was {before}'}")


@db.command()
@site_options
def status(**flags: str | None) -> None:
    """Say whether the database can be used, and how much is in it.

    Exit code 0: it can be used; 1: it cannot.
    """
    from service.settings import load_settings
    from service.store import Place, State, opened

    place = Place.of(load_settings(flags))
    try:
        with opened(place) as store:
            store.check()
            counted = store.counts()
    except StoreUnavailable as error:
        refuse(place, error)
    click.echo(f"{place}: {State.USABLE}")
    cards, feedback, waiting = counted["cards"], counted["feedback"], counted["waiting"]
    click.echo(f"{cards} cards, {feedback} entries of feedback, {waiting} of them without card")


@db.command()
@site_options
def prune(**flags: str | None) -> None:
    """Delete cards older than feedback_retention_days, their feedback, and feedback whose card never came."""
    from service.ledger import WAITING
    from service.settings import load_settings
    from service.store import Place, opened

    site = load_settings(flags)
    place, now = Place.of(site), datetime.now(UTC)
    try:
        with opened(place, patient=True) as store:
            cards, feedback = store.prune(now - timedelta(days=site.feedback_retention_days))
            unmatched = store.drop_unmatched(now - WAITING)
    except StoreUnavailable as error:
        refuse(place, error)
    click.echo(f"Deleted {cards} cards, {feedback} entries of their feedback, {unmatched} entries without card.")


@click.command()
@click.option("--since", "day", metavar="DATE", help="Count cards issued on this day or later, YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Print the rates as JSON.")
@site_options
def rates(*, day: str | None, as_json: bool, **flags: str | None) -> None:
    """Count how often cards were overridden and accepted: by rule, hook, client, indicator and week, with reasons."""
    import json

    from service import rates_text
    from service.rates import rates as count
    from service.settings import load_settings
    from service.store import Place, opened

    site = load_settings(flags)
    place, since = Place.of(site), beginning(day, site)
    try:
        with opened(place, patient=True) as store:
            found = count(store.outcomes(since), since.date() if since else None)
    except StoreUnavailable as error:
        refuse(place, error)
    said = rates_text.as_json(found)
    click.echo(json.dumps(said, indent=2) if as_json else rates_text.as_text(found), nl=as_json)


def beginning(day: str | None, site: "Settings") -> datetime | None:
    """Give the beginning of a day in the site's zone. Raises BadParameter for what is no day."""
    return None if day is None else datetime.combine(read_day(day, "--since"), time(), site.zone)


def refuse(place: object, error: StoreUnavailable) -> NoReturn:
    """Say on standard error how the database stands and what to do, and exit."""
    from service.store import State

    remedy = {
        State.NOT_SET_UP: 'Run "upa-cds db upgrade".',
        State.OLDER: 'Run "upa-cds db upgrade".',
        State.NEWER: "A later version of upa-cds upgraded it: install that version.",
    }.get(State(error.state), "Look at the file, the server, the address and who may write there.")
    click.echo(f"upa-cds: {place}: {error.state}. {remedy}", err=True)
    sys.exit(UNUSABLE)
