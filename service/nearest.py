"""The known name that was probably meant where an unknown one was given."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that is most like this one; None where none is like it."""
    return next(iter(get_close_matches(name, sorted(known), n=1)), None)


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ` Did you mean x?`, or nothing."""
    near = nearest(name, known)
    return f" Did you mean {near}?" if near else ""
