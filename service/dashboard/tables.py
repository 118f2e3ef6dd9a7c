"""The tables of the dashboard, each as rows of plain values: the same for the page and for CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from service.dashboard.figures import Calls, Figures
from service.rates import Share, Tally
from service.tallies import BEYOND, BUCKETS, OUTCOMES

Value = str | int | float | None
Row = Sequence[Value]
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cards(found: Figures) -> Iterator[Row]:
    """Yield cards and feedback by each dimension, rates with their 95% Wilson interval."""
    shares = [f"{name}{end}" for name in ("answered", "overridden", "accepted") for end in ("", "_of", "_low", "_high")]
    yield ("by", "value", "shown", "kept_back", *shares)
    yield _tally("all", "", found.rates.total)
    for dimension, counted in found.rates.by.items():
        for value, tally in counted.items():
            yield _tally(dimension, value, tally)


def reasons(found: Figures) -> Iterator[Row]:
    """Yield override reasons by rule."""
    yield ("rule", "reason", "overrides")
    for rule, counted in found.rates.reasons.items():
        for reason, number in counted.items():
            yield (rule, reason, number)


def calls(found: Figures) -> Iterator[Row]:
    """Yield calls by outcome, the share that was not checked, and latency, by each dimension."""
    yield (
        "by", "value", "calls", *(name.replace("-", "_") for name in OUTCOMES),
        "not_checked", "not_checked_of", "not_checked_low", "not_checked_high", "p50_ms", "p95_ms", "p99_ms",
    )  # fmt: skip
    yield _call_row("all", "", found.calls)
    for dimension, groups in found.by.items():
        for value, group in groups.items():
            yield _call_row(dimension, value, group)


def latency(found: Figures) -> Iterator[Row]:
    """Yield how many calls of each hook ended within each bucket."""
    yield ("hook", "up_to_ms", "calls")
    for hook, group in found.by["hook"].items():
        for end in (*BUCKETS, BEYOND):
            yield (hook, end or "more", group.buckets.get(end, 0))


def silent_rules(found: Figures) -> Iterator[Row]:
    """Yield each rule with its silence."""
    yield ("rule", "fired", "last_fired", "quiet_days", "expected_since", "chance", "alarming")
    for item in found.silences:
        last = item.last.isoformat() if item.last else None
        yield (item.rule, item.fired, last, item.quiet_days, round(item.expected, 2), round(item.chance, 4),
               "yes" if item.alarming else "no")  # fmt: skip


TABLES: Mapping[str, Callable[[Figures], Iterator[Row]]] = {
    "cards": cards,
    "reasons": reasons,
    "calls": calls,
    "latency": latency,
    "silent-rules": silent_rules,
}


def as_csv(rows: Iterator[Row]) -> str:
    """Write rows as RFC 4180 has it; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    written = io.StringIO()
    csv.writer(written).writerows([_plain(value) for value in row] for row in rows)
    return written.getvalue()


def _plain(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _tally(dimension: str, value: str, tally: Tally) -> Row:
    shares = (tally.answered, tally.override_rate, tally.acceptance_rate)
    return (dimension, value, tally.shown, tally.hidden, *(part for share in shares for part in _share(share)))


def _call_row(dimension: str, value: str, group: Calls) -> Row:
    outcomes = (group.outcomes.get(name, 0) for name in OUTCOMES)
    times = (latency_text(group, share) for share in (0.5, 0.95, 0.99))
    return (dimension, value, group.total, *outcomes, *_share(group.not_checked), *times)


def latency_text(group: Calls, share: float) -> str | int:
    """Write the time in which a share of the calls was answered: milliseconds, or more than the last bucket."""
    end = group.latency(share)
    if end is None:
        return ""
    return end if end != BEYOND else f">{BUCKETS[-1]}"


def _share(share: Share) -> tuple[Value, ...]:
    interval = share.interval
    ends = (round(interval.low, 4), round(interval.high, 4)) if interval else (None, None)
    return (share.events, share.of, *ends)
