"""The lines of a trail for somebody to read: decisions, feedback and losses of some days, as NDJSON or CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from service.audit.chain import read_line
from service.audit.index import SEGMENTS
from service.audit.verify import segment_lines

KINDS = ("decision", "feedback", "lost")
COLUMNS = (
    "time", "kind", "request", "service", "hook", "client", "patient", "outcome", "status", "knowledge", "sha256",
    "rules", "gaps", "cards", "card", "feedback", "reason", "entries",
)  # fmt: skip


def exported(folder: Path, zone: tzinfo, since: date | None = None, until: date | None = None) -> list[dict[str, Any]]:
    """Return what was said on the days from `since` to `until`, both included, in the order of time."""
    said = [line for path in sorted(folder.glob(SEGMENTS)) for line in _said(path) if line["kind"] in KINDS]
    days = ((line, datetime.fromisoformat(line["time"]).astimezone(zone).date()) for line in said)
    kept = [line for line, day in days if (since is None or since <= day) and (until is None or day <= until)]
    return sorted(kept, key=lambda line: datetime.fromisoformat(line["time"]))


def as_ndjson(lines: Iterable[Mapping[str, Any]]) -> str:
    """Write one object a line."""
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def as_csv(lines: Iterable[Mapping[str, Any]]) -> str:
    """Write a table with a header (RFC 4180); lists are separated by blanks, a card is `rule:indicator:uuid`."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in _flat(line).items()} for line in lines)
    return text.getvalue()


def _said(path: Path) -> Iterator[dict[str, Any]]:
    return (line.said for raw in segment_lines(path)[0] if (line := read_line(raw)))


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    known = line.get("knowledge") or {}
    cards = [f"{card['rule']}:{card['indicator']}:{card['uuid']}" for card in line.get("cards", ())]
    flat = {**line, "knowledge": known.get("version"), "sha256": known.get("sha256"), "cards": cards}
    return {name: flat.get(name) for name in COLUMNS}


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value
