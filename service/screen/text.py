"""The result of a screening for a reader, and as a table of CSV."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

from service.screen.result import POLICY

SUPPRESSED = "suppressed"
_JURISDICTIONS = {"us": "US", "eu": "EU", "au": "AU"}
_WHY = {
    "medication-unidentified": "a medicine that nothing names, and that may count",
    "medication-unreadable": "a medication entry that cannot be read",
    "failed": "an error of this program",
}
_NOT_HELD = {
    "conditions-absent": "no problems (Condition): indications and active serious infections are not known",
    "allergies-absent": "no allergies (AllergyIntolerance)",
}
COLUMNS = ("count", "rule", "subject", "partner", "indicator", "patients", "of", "share", "low", "high")


def as_text(result: Mapping[str, Any]) -> str:
    """Write the result for a pharmacist."""
    return "\n".join(_lines(result))


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    label = _JURISDICTIONS[result["jurisdiction"]]
    knowledge = result["knowledge"]
    yield f"Combinations in force on {result['on']} ({label} label, knowledge {knowledge['version']})"
    yield ""
    yield from _patients(result)
    yield ""
    yield from _rows(result)
    yield ""
    yield from _read(result["export"])
    yield ""
    yield from _remarks(result)


def _patients(result: Mapping[str, Any]) -> Iterator[str]:
    patients = result["patients"]
    met = patients["withCombination"]
    told = [
        ("Patients in the export", patients["inExport"], ""),
        *((f"  on {item['name']}", item["patients"], "") for item in result["subjects"]),
        ("  with a combination", met["patients"], _share(met)),
        ("  fully checked", patients["fullyChecked"], ""),
        ("  not fully checked", patients["notFullyChecked"], ""),
        *((f"    {_WHY.get(key, key)}", count, "") for key, count in patients["why"].items()),
    ]
    yield from _aligned([(name, _number(count), more) for name, count, more in told])


def _rows(result: Mapping[str, Any]) -> Iterator[str]:
    table: list[tuple[str, ...]] = [
        ("Rule and pair", "Indicator", "Patients", "Share of the first drug's patients (95% CI)")
    ]
    for rule in result["rules"]:
        silent = " (silent at this site)" if rule["silent"] else ""
        table.append((f"{rule['rule']}{silent}", "", _number(rule["patients"]), ""))
        table += [
            (f"  {' + '.join(pair['names'])}", pair["indicator"], _number(pair["patients"]), _share(pair))
            for pair in result["pairs"]
            if pair["rule"] == rule["rule"]
        ]
    yield from _aligned(table, left=(0, 1, 3))


def _read(export: Mapping[str, Any]) -> Iterator[str]:
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in export["resources"].items())
    yield f"Read: {export['files']:,} files, {export['lines']:,} lines. {kinds or 'No resource'}."
    if export["leftOut"]:
        yield "Left out: " + ", ".join(f"{kind} ({count} files)" for kind, count in export["leftOut"].items()) + "."
    for gap in export["notHeld"]:
        yield f"The export holds {_NOT_HELD[gap]}."
    for note in export["notes"]:
        yield f"Not whole: {note}."
    for fault in export["faults"]:
        numbers = ", ".join(f"{number:,}" for number in fault["lines"])
        more = ", ..." if fault["count"] > len(fault["lines"]) else ""
        where = f"{fault['file']}, {fault['count']:,} line(s)"
        yield f"Not read as it should be: {where}, each {fault['fault']}: {numbers}{more}"
    if export["faults"]:
        yield "A line that could not be read may belong to any patient: with it, more patients may be on a combination."


def _remarks(result: Mapping[str, Any]) -> Iterator[str]:
    if (smallest := result["smallestCount"]) > 1:
        yield (
            f"Counts of 1 to {smallest - 1} patients, and counts from which one could be worked out, are suppressed "
            f"(convention of the {POLICY})."
        )
    yield "A combination is in force as the record has it. Whoever has two partners is in two rows, and once in totals."
    yield "Indicators are those of an opened chart: info, or warning with an active serious infection. 95% CI: Wilson."


def _number(count: int | None) -> str:
    return SUPPRESSED if count is None else f"{count:,}"


def _share(told: Mapping[str, Any]) -> str:
    if told["share"] is None:
        return ""
    share, low, high = (f"{told[key] * 100:.1f}" for key in ("share", "low", "high"))
    return f"{share}% ({low}-{high}) of {told['of']:,}"


def _aligned(rows: Sequence[tuple[str, ...]], left: Sequence[int] = (0, 2)) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def as_csv(result: Mapping[str, Any]) -> str:
    """Write the result as CSV: one line for each count; what is suppressed is empty, zero is 0."""
    written = StringIO()
    writer = csv.DictWriter(written, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    patients = result["patients"]
    writer.writerow({"count": "in-export", "patients": patients["inExport"]})
    for item in result["subjects"]:
        writer.writerow({"count": "on-subject", "subject": item["ingredient"], "patients": item["patients"]})
    writer.writerow({"count": "with-combination", **patients["withCombination"]})
    writer.writerow({"count": "fully-checked", "patients": patients["fullyChecked"]})
    writer.writerow({"count": "not-fully-checked", "patients": patients["notFullyChecked"]})
    for name, rows in (("rule", result["rules"]), ("pair", result["pairs"])):
        for row in rows:
            writer.writerow({"count": name, **{key: row[key] for key in COLUMNS if key in row}})
    return written.getvalue()
