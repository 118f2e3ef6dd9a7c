"""A day that is given on the command line."""

from datetime import date, datetime

import click

# What is counted from a day, before and after it, must be days, too.
EARLIEST, LATEST = date(1900, 1, 1), date(9000, 1, 1)


def read_day(text: str, option: str) -> date:
    """Read a day. Raises BadParameter, which names the option, for what is no day that can be counted from."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise click.BadParameter(f"{text} is no day. Write it as YYYY-MM-DD.", param_hint=option) from None
    if not EARLIEST <= day <= LATEST:
        raise click.BadParameter(f"{text} is not from {EARLIEST} to {LATEST}. Give another day.", param_hint=option)
    return day
