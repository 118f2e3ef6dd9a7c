"""Rates for a reader and as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.rates import Rates, Share, Tally

_HEADS = ("", "shown", "kept back", "with outcome", "overridden", "accepted")


def as_json(found: Rates) -> dict[str, Any]:
    """Return rates as plain JSON data; a rate without cards has no interval."""
    return {
        "since": found.since.isoformat() if found.since else None,
        "total": _tally(found.total),
        "by": {name: {value: _tally(tally) for value, tally in counted.items()} for name, counted in found.by.items()},
        "overrideReasons": {rule: dict(counted) for rule, counted in found.reasons.items()},
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "shown": tally.shown,
        "keptBack": tally.hidden,
        "answered": _share(tally.answered),
        "overridden": _share(tally.override_rate),
        "accepted": _share(tally.acceptance_rate),
    }


def _share(share: Share) -> dict[str, Any]:
    interval = share.interval
    return {
        "events": share.events,
        "of": share.of,
        "low": round(interval.low, 4) if interval else None,
        "high": round(interval.high, 4) if interval else None,
    }


def as_text(found: Rates) -> str:
    """Return rates as text for a terminal: counts first, the 95% Wilson interval behind them."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Rates) -> Iterator[str]:
    yield f"Cards since {found.since}" if found.since else "All cards"
    yield "Rates are of the cards with an outcome (95% Wilson interval): a card that is ignored is never reported."
    yield from _table({"all": found.total})
    for name, counted in found.by.items():
        yield ""
        yield f"By {name}"
        yield from _table(counted)
    for rule, reasons in found.reasons.items():
        yield ""
        yield f"Override reasons, {rule}"
        yield from (f"  {number:>6}  {reason}" for reason, number in reasons.items())


def _table(counted: Mapping[str, Tally]) -> Iterator[str]:
    rows = [_HEADS, *(_row(value, tally) for value, tally in counted.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for row in rows:
        name, *numbers = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(("", name.strip().ljust(widths[0]), *numbers))


def _row(value: str, tally: Tally) -> tuple[str, ...]:
    shares = (tally.answered, tally.override_rate, tally.acceptance_rate)
    return value, str(tally.shown), str(tally.hidden), *(_written(share) for share in shares)


def _written(share: Share) -> str:
    interval = share.interval
    return f"{share.events}/{share.of} ({interval})" if interval else "-"
