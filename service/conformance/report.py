"""The report: for a reader at a terminal, as JSON, and as JUnit."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.conformance.model import Check, Part, Result, Verdict
from service.junit import Reported, junit_report

LONGEST_LIST = 5
_STYLES = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.WARNED: "yellow",
    Verdict.NOTED: "cyan",
    Verdict.NOT_EXERCISED: "dim",
}


def failed(results: Sequence[Result], *, strict: bool) -> bool:
    """Say whether the service fails: a SHALL that does not hold; when strict, a SHOULD too."""
    bad = {Verdict.FAILED, Verdict.WARNED} if strict else {Verdict.FAILED}
    return any(result.verdict in bad for result in results)


def show(results: Sequence[Result], base: str, console: Console) -> None:
    """Write a table per group; under each check that does not hold, what was expected, what came, and where."""
    console.print(Text(f"CDS Hooks conformance of {base}", style="bold"))
    for group in Part:
        members = [result for result in results if result.check.group is group]
        if members:
            console.print(_table(group, members))
    console.print(Text(summary(results), style="bold"))


def summary(results: Sequence[Result]) -> str:
    """Count the verdicts in one line."""
    counted = Counter(result.verdict for result in results)
    return f"{len(results)} checks: " + ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict)


def as_json(results: Sequence[Result], base: str, *, strict: bool) -> str:
    """Return the report as JSON."""
    counted = Counter(result.verdict for result in results)
    report = {
        "service": base,
        "conforms": not failed(results, strict=strict),
        "counts": {verdict.value: counted[verdict] for verdict in Verdict},
        "checks": [_described(result) for result in results],
    }
    return json.dumps(report, indent=2, ensure_ascii=True)


def as_junit(results: Sequence[Result], *, strict: bool) -> bytes:
    """Return the report as JUnit; what is only a warning or a note is printed beside a passed test."""
    return junit_report("conformance", [_tested(result, strict=strict) for result in results])


def listed(checks: Sequence[Check], not_checked: Mapping[str, tuple[int, ...]], console: Console) -> None:
    """Write every check with its requirements, and the rows that are not checked with the reasons."""
    table = Table("Check", "Level", "Requirements", "What has to hold", box=None, pad_edge=False)
    for check in checks:
        table.add_row(check.name, check.level.value, check.requirements, check.title)
    console.print(table)
    console.print("\nNot checked, since no caller can:")
    for reason, rows in not_checked.items():
        console.print(Text(f"  row{'s' * (len(rows) > 1)} {', '.join(map(str, rows))}: {reason}"))


def _table(group: Part, members: Sequence[Result]) -> Table:
    table = Table(title=group.value, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=True)
    table.add_column("Verdict", no_wrap=True, min_width=13)
    table.add_column("Check", ratio=5)
    table.add_column("Requirements", ratio=2)
    for result in members:
        style = _STYLES[result.verdict]
        table.add_row(Text(result.verdict.value, style=style), _body(result), Text(_weight(result.check), style="dim"))
    return table


def _body(result: Result) -> Group:
    style = _STYLES[result.verdict]
    lines = list(departures(result))
    if result.verdict is Verdict.NOT_EXERCISED:
        lines.append(f"needs {result.check.needs}")
    below = (Padding(Text(line, style=style), (0, 0, 0, 2)) for line in lines)
    return Group(Text(f"{result.check.title} [{result.check.name}]"), *below)


def departures(result: Result) -> Iterator[str]:
    """Yield a line per kind of departure, up to a few: what was expected, what came, and where."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for item in result.departures:
        kinds.setdefault((item.expected, item.came or ""), []).append(item.where)
    for (expected, came), places in list(kinds.items())[:LONGEST_LIST]:
        others = len(places) - 1
        more = f" and {others} more place{'s' * (others > 1)}" if others else ""
        yield _one_line(f"expected {expected}; came {came}; at {places[0]}{more}")
    rest = len(kinds) - LONGEST_LIST
    if rest > 0:
        yield f"and {rest} more kinds, of {len(result.observed)} places looked at"


def _weight(check: Check) -> str:
    return f"{check.level.value}: {check.requirements}"


def _described(result: Result) -> dict[str, Any]:
    check = result.check
    described: dict[str, Any] = {
        "check": check.name,
        "title": check.title,
        "level": check.level.value,
        "rows": list(check.rows),
        "inferno": list(check.inferno_ids),
        "verdict": result.verdict.value,
        "looked_at": len(result.observed),
    }
    if result.departures:
        described["departures"] = [
            {"where": item.where, "expected": item.expected, "came": item.came} for item in result.departures
        ]
    if result.verdict is Verdict.NOT_EXERCISED:
        described["needs"] = check.needs
    return described


def _tested(result: Result, *, strict: bool) -> Reported:
    lines = tuple(departures(result))
    name = f"{result.check.name}: {result.check.title} [{_weight(result.check)}]"
    left_out = f"not exercised: it needs {result.check.needs}" if result.verdict is Verdict.NOT_EXERCISED else None
    if failed([result], strict=strict):
        return Reported(result.check.group.value, name, lines)
    notes = (f"{result.verdict.value}:", *lines) if lines else ()
    return Reported(result.check.group.value, name, skipped=left_out, notes=notes)


def _one_line(text: str) -> str:
    """Return text of the service as one printable line: a terminal obeys control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)
