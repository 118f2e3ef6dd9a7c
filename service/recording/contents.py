"""What a recording holds, in numbers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.recording.format import read_recording


def contents(file: Path) -> dict[str, Any]:
    """Count what a file holds; raises RecordingError."""
    exchanges = read_recording(file)
    header = exchanges.header
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("hooks", "statuses", "knowledge", "profiles", "jurisdictions")
    }
    days = []
    reads = 0
    for exchange in exchanges:
        counts["hooks"][exchange.hook] += 1
        counts["statuses"][str(exchange.status) if exchange.status else "none on record"] += 1
        counts["knowledge"][exchange.knowledge_version or "not on record"] += 1
        counts["profiles"][exchange.profile] += 1
        counts["jurisdictions"][exchange.jurisdiction] += 1
        days.append(exchange.on.isoformat())
        reads += len(exchange.fhir_calls)
    return {
        "file": str(file),
        "schema": header.schema,
        "madeBy": header.made_by,
        "deidentified": header.deidentified,
        "policy": header.policy,
        "keyId": header.key_id,
        "calls": len(days),
        "fhirCalls": reads,
        "firstDay": min(days, default=None),
        "lastDay": max(days, default=None),
        "truncated": exchanges.truncated,
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
    }


def as_lines(said: Mapping[str, Any]) -> Iterator[str]:
    """Write the counts for a reader."""
    made = "de-identified" if said["deidentified"] else "NOT de-identified"
    yield f"{said['file']}: {said['calls']} calls, {made}"
    yield f"  made by {said['madeBy']}, schema {said['schema']}, policy {said['policy']}, key {said['keyId'] or 'none'}"
    if said["calls"]:
        yield f"  days {said['firstDay']} to {said['lastDay']}, moved by the offset of each patient"
    for name in ("hooks", "statuses", "knowledge", "profiles", "jurisdictions"):
        if said[name]:
            yield f"  {name}: {', '.join(f'{key} {count}' for key, count in said[name].items())}"
    if said["fhirCalls"]:
        yield f"  reads of FHIR servers: {said['fhirCalls']}"
    if said["truncated"]:
        yield "  the end is missing: the file is still being written, or its writer was killed"
