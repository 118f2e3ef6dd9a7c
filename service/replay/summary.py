"""The result of a replay as data: for `summary.json`, the report and the terminal, which all tell the same."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from service.junit import Reported, junit_report
from service.replay.burden import Burden, burden, percentile
from service.replay.calls import Corpus
from service.replay.chunk import Plan, sides
from service.replay.compare import Change, Kind
from service.replay.expect import Allowance, Expected, Judged, judge, unused
from service.replay.gates import MEANING, Exit, Gate, Limits, exit_code, gates
from service.replay.ledger import Ledger
from service.replay.partial import NEW, SIDES, Found

SCHEMA = 1
P50, P95, P99 = 0.5, 0.95, 0.99


@dataclass(frozen=True)
class Result:
    """Everything a reader may ask of a replay; the long lists stay in the ledger."""

    corpus: Corpus
    plan: Plan
    ledger: Ledger
    judged: tuple[Judged, ...]
    unused: tuple[Allowance, ...]
    burden: Burden
    gates: tuple[Gate, ...]
    code: Exit
    knowledge: tuple[str | None, str | None]
    titles: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """Say the exit code in words."""
        return MEANING[self.code]

    @property
    def counts(self) -> Mapping[tuple[str, ...], int]:
        """Return every count of the ledger."""
        return self.ledger.counts()

    @property
    def left_out(self) -> dict[str, int]:
        """Return how many calls were left out, by reason."""
        return {name[1]: n for name, n in self.counts.items() if name[0] == "left out"}

    @property
    def days(self) -> tuple[str, str]:
        """Return the first and the last day of the calls."""
        days = [name[1] for name in self.counts if name[0] == "day"]
        return (min(days), max(days)) if days else ("", "")

    def failed(self) -> list[dict[str, Any]]:
        """Return the calls that failed, by side, status and problem."""
        return [
            {"side": name[1], "status": int(name[2]), "problem": " ".join(name[3:]), "calls": n}
            for name, n in self.counts.items()
            if name[0] == "failed"
        ]

    def latency(self) -> dict[str, dict[str, float | None]]:
        """Return the latency of both sides in milliseconds."""
        buckets = {side: self.ledger.latency(side) for side in SIDES}
        return {
            side: {f"p{share * 100:.0f}": percentile(buckets[side], share) for share in (P50, P95, P99)}
            for side in SIDES
        }


def result(corpus: Corpus, plan: Plan, ledger: Ledger, expected: Expected | None, limits: Limits) -> Result:
    """Judge what a replay found."""
    old, new = sides(plan)
    judged = judge(ledger.groups(), expected, {**old.names.topics.rules, **new.names.topics.rules})
    found = burden(ledger)
    asked = gates(judged, found, percentile(ledger.latency(NEW), P95), limits)
    return Result(
        corpus,
        plan,
        ledger,
        judged,
        unused(judged, expected),
        found,
        asked,
        exit_code(asked, judged),
        (old.knowledge, new.knowledge),
        {**old.names.topics.titles, **new.names.topics.titles},
    )


def by_class(judged: tuple[Judged, ...]) -> dict[Kind, dict[str, int]]:
    """Return how often each class of change was found, by rule; the weightiest class first."""
    found: dict[Kind, dict[str, int]] = {}
    for item in judged:
        rules = found.setdefault(item.change.kind, {})
        rules[item.change.topic] = rules.get(item.change.topic, 0) + item.n
    return {kind: found[kind] for kind in Kind if kind in found}


def summary(found: Result) -> dict[str, Any]:
    """Return the summary, without what is lost one by one; nothing in it depends on when or how fast it ran."""
    return {
        "schema": SCHEMA,
        "verdict": {
            "exitCode": int(found.code),
            "meaning": found.verdict,
            "gates": [
                {"gate": gate.name, "holds": gate.holds, "told": gate.told}
                for gate in found.gates
                if gate.code is not Exit.LATENCY
            ],
        },
        "sides": {
            side: {"is": spec.told, "knowledge": known}
            for side, spec, known in zip(SIDES, (found.plan.old, found.plan.new), found.knowledge, strict=True)
        },
        "recording": {
            "files": [file.name for file in found.corpus.files],
            "calls": found.ledger.calls,
            "leftOut": found.left_out,
            "cutOff": sorted(found.corpus.cut_off),
            "days": list(found.days),
            "policies": sorted({header.policy for header in found.corpus.headers}),
            "knowledge": sorted({header.knowledge_version or "unknown" for header in found.corpus.headers}),
        },
        "classes": {kind.value: rules for kind, rules in by_class(found.judged).items()},
        "changes": [_judged(item) for item in found.judged],
        "unusedAllowances": [_allowance(item) for item in found.unused],
        "burden": {
            "totals": found.burden.totals,
            "rows": found.burden.rows,
            "quality": found.burden.quality,
            "pairedCalls": found.burden.paired,
            "netAlertsPer100Orders": round(found.burden.net_per_100_orders(), 3),
        },
        "feedback": found.burden.feedback,
        "failed": found.failed(),
    }


def _judged(item: Judged) -> dict[str, Any]:
    return {
        **_change(item.change),
        "calls": item.n,
        "allowed": item.why is None,
        **({"why": item.why} if item.why else {}),
        **({"reason": item.by.reason, "reviewer": item.by.reviewer} if item.by else {}),
    }


def _allowance(item: Allowance) -> dict[str, Any]:
    return item.model_dump(mode="json", exclude_none=True)


def change_line(item: Found) -> dict[str, Any]:
    """Return one change for a line of `changes.ndjson`, or of the list of what is lost."""
    return {
        **_change(item.change),
        "exchange": item.exchange,
        "file": item.file,
        "line": item.line,
        "hook": item.hook,
        "on": item.day,
        "was": item.change.told[0],
        "is": item.change.told[1],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "class": change.kind.value,
        "rule": change.topic,
        "pair": change.pair,
        "before": change.before,
        "after": change.after,
    }


def write_summary(found: Result, file: TextIO) -> None:
    """Write the summary and at its end, as a stream, each loud card that is lost."""
    text = json.dumps(summary(found), indent=2, ensure_ascii=False)
    file.write(text.removesuffix("\n}") + ',\n  "lost": [')
    # The place in the file says nothing of the change, and another order of the calls must not show.
    lines = ({key: value for key, value in change_line(item).items() if key != "line"} for item in found.ledger.lost())
    file.writelines(
        ("," if index else "") + "\n    " + json.dumps(line, ensure_ascii=False) for index, line in enumerate(lines)
    )
    file.write("\n  ]\n}\n")


def write_changes(found: Result, file: TextIO) -> None:
    """Write every change, one a line, with its place in the recording."""
    file.writelines(json.dumps(change_line(item), ensure_ascii=False) + "\n" for item in found.ledger.changes())


def timing(found: Result) -> dict[str, Any]:
    """Return what differs from run to run: the latency of the sides."""
    limits = [{"gate": gate.name, "holds": gate.holds, "told": gate.told} for gate in found.gates]
    return {"milliseconds": found.latency(), "gates": [item for item in limits if item["gate"] == "latency"]}


def junit(found: Result) -> bytes:
    """Return a JUnit report: a test for each class of change of each rule, and one for each gate."""
    return junit_report("replay", [*_changes_as_tests(found), *_gates_as_tests(found)])


def _changes_as_tests(found: Result) -> Iterator[Reported]:
    for kind in Kind:
        items = [item for item in found.judged if item.change.kind is kind]
        if not items:
            yield Reported("replay.changes", kind.value)
        for topic in dict.fromkeys(item.change.topic for item in items):
            told = [item for item in items if item.change.topic == topic]
            failure = tuple(_line(item) for item in told if item.why)
            notes = tuple(_line(item) for item in told if not item.why)
            yield Reported("replay.changes", f"{kind.value} {topic}".strip(), failure, notes=notes)


def _gates_as_tests(found: Result) -> Iterator[Reported]:
    for gate in found.gates:
        yield Reported("replay.gates", gate.name, () if gate.holds else (gate.told,), notes=(gate.told,))


def _line(item: Judged) -> str:
    change = item.change
    steps = " -> ".join(step for step in (change.before, change.after) if step)
    why = f": {item.why}" if item.why else f": {item.by.reason} ({item.by.reviewer})" if item.by else ""
    return f"{item.n} x {change.kind.value} {change.topic} {change.pair} {steps}".rstrip() + why
