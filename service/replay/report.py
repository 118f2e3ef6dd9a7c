"""The report of a replay: one page of HTML that a committee reads without a network."""

import json
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from importlib.resources import files
from itertools import islice
from typing import Any, TextIO

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from service.replay.compare import MEANING, Kind
from service.replay.gates import Exit
from service.replay.measure import ORDERS
from service.replay.partial import SIDES, Found
from service.replay.plots import Bar, Step, bars, latency, waterfall
from service.replay.summary import Result, by_class

_LISTED_CHANGES = 500
_TONE = {Exit.SAME: "same", Exit.EXPECTED: "expected"}


def write_report(found: Result, file: TextIO) -> None:
    """Write the page, piece by piece; every text of a card, of a recording or of a file is escaped."""
    source = files("service.replay").joinpath("templates", "replay.html").read_text(encoding="utf-8")
    style = files("service.replay").joinpath("templates", "replay.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = _figure
    template = environment.from_string(source)
    # The style is a file of ours.
    file.writelines(template.generate(style=Markup(style), **_said(found)))  # noqa: S704


def _said(found: Result) -> dict[str, Any]:
    titles = found.titles
    return {
        "found": found,
        "tone": _TONE.get(found.code, "stopped"),
        "titles": titles,
        "classes": [(kind, MEANING[kind], rules) for kind, rules in by_class(found.judged).items()],
        "lost": found.ledger.lost(),
        "lost_count": sum(1 for _ in found.ledger.lost()),
        "samples": list(_samples(found)),
        "changes": islice(found.ledger.changes(), _LISTED_CHANGES),
        "changes_count": sum(item.n for item in found.judged),
        "changes_listed": _LISTED_CHANGES,
        "sides": [("Old", found.plan.old.told, found.knowledge[0]), ("New", found.plan.new.told, found.knowledge[1])],
        "shares": _shares(found, titles),
        "waterfall": _steps(found, titles),
        "curve": latency("Share of calls answered within a time", {side: found.ledger.latency(side) for side in SIDES}),
        "speeds": found.latency(),
        "Kind": Kind,
    }


def _shares(found: Result, titles: Mapping[str, str]) -> Markup:
    rows = [
        (titles.get(row["what"], row["what"]), *(_bar(row[side]["share"][ORDERS]) for side in SIDES))
        for row in found.burden.rows
        if row["of"] != "hook"
    ]
    return bars("Share of orders that met an alert, old and new", rows, "% of orders")


def _bar(share: Mapping[str, Any]) -> Bar:
    return Bar(share["percent"], share["low"], share["high"])


def _steps(found: Result, titles: Mapping[str, str]) -> Markup:
    rates = {
        (row["of"], row["what"]): [row[side]["per100"][ORDERS] or 0.0 for side in SIDES] for row in found.burden.rows
    }
    old, new = rates["all", "any card"]
    moved = [
        Step(titles.get(what, what), after - before)
        for (of, what), (before, after) in rates.items()
        if of == "rule" and before != after
    ]
    return waterfall(
        "Alerts per 100 orders, from old to new by rule",
        [Step("old", old, total=True), *moved, Step("new", new, total=True)],
        "per 100 orders",
    )


_FIGURE = Markup(
    '<span class="figure">{percent:.2f}% ({low:.2f} to {high:.2f})</span> <span class="figure quiet">{n} of {of}</span>'
)


def _figure(share: Mapping[str, Any]) -> Markup:
    """Write a proportion with its interval: "12.50% (8.10 to 18.00) 25 of 200"."""
    return Markup("not known") if share["percent"] is None else _FIGURE.format(**share)


def _samples(found: Result) -> Iterator[dict[str, Any]]:
    for item, old, new in found.ledger.samples():
        before, after = (_card(text, item) for text in (old, new))
        details = [str(card.get("detail", "")) if card else "" for card in (before, after)]
        marked = _marked(*details) if before and after else (escape(details[0]), escape(details[1]))
        yield {"item": item, "cards": [("Old", before, marked[0]), ("New", after, marked[1])]}


def _card(text: str, item: Found) -> Mapping[str, Any] | None:
    """Return the card that a change is about, or the first where it is about the whole answer."""
    cards = json.loads(text)
    topics = [card for card in cards if card.get("source", {}).get("topic", {}).get("code") == item.change.topic]
    return next(iter(topics or ([] if item.change.topic else cards)), None)


def _marked(old: str, new: str) -> tuple[Markup, Markup]:
    """Mark what is on one side only, word by word."""
    before, after = _words(old), _words(new)
    left, right = Markup(), Markup()
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = "".join(before[a:b]), "".join(after[c:d])
        left += escape(gone) if tag == "equal" else Markup("<del>{}</del>").format(gone) if gone else Markup()
        right += escape(come) if tag == "equal" else Markup("<ins>{}</ins>").format(come) if come else Markup()
    return left, right


def _words(text: str) -> list[str]:
    """Split a text into words that keep the space behind them."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        parts = line.split(" ")
        found += [f"{part} " for part in parts[:-1]] + [parts[-1]]
    return found
