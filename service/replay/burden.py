"""The burden of alerts, old and new: how many, of which orders and patients, how often again, and what became of them.

A rate of alerts counts every card that is shown and may pass 100; it has no interval. A share counts orders, signed
orders or patients that met an alert, so it is a proportion, with its Wilson 95% interval.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cards.wilson import wilson
from service.replay.ledger import Ledger
from service.replay.measure import CALLS, DENOMINATORS, ORDERS, PATIENTS
from service.replay.partial import NEW, OLD, SIDES, Count, bucket_end

PER = 100
_TOP_REASONS = 5


@dataclass(frozen=True, slots=True)
class Burden:
    """What the tables of a report are made of, all of it counts, rates per 100 and intervals; ready for JSON."""

    totals: Mapping[str, int]
    rows: tuple[Mapping[str, Any], ...]
    quality: tuple[Mapping[str, Any], ...]
    paired: Mapping[str, Any]
    feedback: tuple[Mapping[str, Any], ...]

    @property
    def orders(self) -> int:
        """Return the number of orders."""
        return self.totals[ORDERS]

    def net_per_100_orders(self) -> float:
        """Return by how many alerts per 100 orders the new side has more."""
        row = next(row for row in self.rows if row["of"] == "all" and row["what"] == "any card")
        old, new = (row[side]["alerts"] for side in SIDES)
        return PER * (new - old) / self.orders if self.orders else 0.0


def burden(ledger: Ledger) -> Burden:
    """Work out the burden from the sums."""
    counts, distinct = ledger.counts(), ledger.distinct()
    calls = {name[1]: n for name, n in counts.items() if name[0] == CALLS}
    totals = {CALLS: sum(calls.values()), **{name: distinct.get((name,), 0) for name in DENOMINATORS}}
    return Burden(
        totals={**totals, **{f"{CALLS} of {hook}": n for hook, n in calls.items()}},
        rows=tuple(_rows(counts, distinct, totals)),
        quality=tuple(_quality(counts, totals, ledger)),
        paired=_paired(counts),
        feedback=tuple(_feedback(counts)),
    )


def share(events: int, of: int) -> dict[str, Any]:
    """Return a proportion in per cent with its Wilson interval; without a denominator there is none."""
    if of == 0:
        return {"n": events, "of": of, "percent": None, "low": None, "high": None}
    interval = wilson(events, of)
    percents = (round(PER * value, 3) for value in (events / of, interval.low, interval.high))
    return {"n": events, "of": of, **dict(zip(("percent", "low", "high"), percents, strict=True))}


def _rows(
    counts: Mapping[Count, int], distinct: Mapping[Count, int], totals: Mapping[str, int]
) -> list[dict[str, Any]]:
    dimensions = sorted({(name[2], name[3]) for name in distinct if name[0] == "alerted"}, key=_dimension_order)
    always = [("all", "any card"), ("all", "warning or critical")]
    listed = [*always, *(item for item in dimensions if item not in always)]
    return [
        {"of": of, "what": what, **{side: _row(side, of, what, counts, distinct, totals) for side in SIDES}}
        for of, what in listed
    ]


def _dimension_order(item: tuple[str, str]) -> tuple[int, int, str]:
    kinds, indicators = ("all", "indicator", "rule", "hook"), ("critical", "warning", "info")
    return kinds.index(item[0]), indicators.index(item[1]) if item[1] in indicators else 0, item[1]


def _row(
    side: str,
    of: str,
    what: str,
    counts: Mapping[Count, int],
    distinct: Mapping[Count, int],
    totals: Mapping[str, int],
) -> dict[str, Any]:
    alerts = sum(n for name, n in counts.items() if name[:2] == ("cards", side) and _counts_for(name, of, what))
    signing = sum(
        n
        for name, n in counts.items()
        if name[:2] == ("cards", side) and name[4] == "order-sign" and _counts_for(name, of, what)
    )
    numerators = {ORDERS: alerts, "signed orders": signing, PATIENTS: alerts}
    return {
        "alerts": alerts,
        "per100": {name: _rate(numerators[name], totals[name]) for name in DENOMINATORS},
        "share": {
            name: share(distinct.get(("alerted", side, of, what, name), 0), totals[name]) for name in DENOMINATORS
        },
    }


def _counts_for(name: Count, of: str, what: str) -> bool:
    _, _, indicator, topic, hook = name
    if of == "all":
        return what == "any card" or indicator in ("warning", "critical")
    return {"indicator": indicator, "rule": topic, "hook": hook}[of] == what


def _rate(n: int, of: int) -> float | None:
    return round(PER * n / of, 3) if of else None


def _quality(counts: Mapping[Count, int], totals: Mapping[str, int], ledger: Ledger) -> list[dict[str, Any]]:
    calls = totals[CALLS]
    repeats = {side: ledger.repeats(side) for side in SIDES}

    def both(what: str, figures: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        return {"what": what, **{side: share(*figures[side]) for side in SIDES}}

    return [
        both(
            "calls with a warning or critical card",
            {side: (counts.get(("interrupting", side), 0), calls) for side in SIDES},
        ),
        both("calls not evaluated", {side: (counts.get(("not evaluated", side), 0), calls) for side in SIDES}),
        both(
            "calls with a medicine that nothing names",
            {
                side: (counts.get(("unidentified", side), 0), counts.get(("unidentified known", side), 0))
                for side in SIDES
            },
        ),
        both(
            "showings of a pair to whom it was shown before",
            {side: (repeats[side][0] - repeats[side][1], repeats[side][0]) for side in SIDES},
        ),
        both(
            "pairs shown at signing that were shown at selecting",
            {side: (repeats[side][3], repeats[side][2]) for side in SIDES},
        ),
    ]


def _paired(counts: Mapping[Count, int]) -> dict[str, Any]:
    """Compare the calls themselves: an interrupting card on one side only."""
    cells = {name[1:]: n for name, n in counts.items() if name[0] == "paired"}
    calls = sum(cells.values())
    gained, gone = cells.get(("false", "true"), 0), cells.get(("true", "false"), 0)
    return {
        "calls": calls,
        "onlyNew": share(gained, calls),
        "onlyOld": share(gone, calls),
        "netPer100Calls": _rate(gained - gone, calls),
    }


def _feedback(counts: Mapping[Count, int]) -> list[dict[str, Any]]:
    topics = sorted({name[1] for name in counts if name[0] == "feedback"})
    return [_judged(topic, counts) for topic in topics]


def _judged(topic: str, counts: Mapping[Count, int]) -> dict[str, Any]:
    outcomes = {name[2]: n for name, n in counts.items() if name[:2] == ("feedback", topic)}
    reasons = {name[2]: n for name, n in counts.items() if name[:2] == ("override reason", topic)}
    told = sum(outcomes.values())
    top = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:_TOP_REASONS]
    return {
        "rule": topic,
        "answered": share(told, counts.get(("feedback shown", topic), 0)),
        "accepted": share(outcomes.get("accepted", 0), told),
        "overridden": share(outcomes.get("overridden", 0), told),
        "reasons": [{"code": code, "n": n} for code, n in top],
    }


def percentile(buckets: Mapping[int, int], share_: float) -> float | None:
    """Return the latency, in milliseconds, that a share of the calls stayed within; at most 5% too high."""
    whole, passed = sum(buckets.values()), 0
    for number, n in sorted(buckets.items()):
        passed += n
        if passed >= share_ * whole:
            return bucket_end(number)
    return None


__all__ = ["NEW", "OLD", "Burden", "burden", "percentile", "share"]
