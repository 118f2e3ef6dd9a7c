"""The call as it came: the rules of the site that it met, its drafts, and what was sent or read with it."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from cards.model import Recognised
from service.answer import Answer, DraftTrace, Engine, Trace
from service.discovery import PREFETCH
from service.explain.written import Section
from service.fhir_access.chart_reads import FhirTrace
from service.fhir_access.fetch import Refusal
from service.overlay import applied, summarised


def call(given: Answer, engine: Engine, on: date) -> dict[str, Any]:
    """Say what was asked, under which knowledge and rules of the site, and what came with it."""
    catalogue, trace = engine.catalogue, given.trace
    options = engine.options
    return {
        "on": on.isoformat(),
        "hook": trace.hook,
        "service": trace.service,
        "knowledge": {"version": catalogue.version, "sha256": catalogue.sha256},
        **({} if engine.overlaid is None else {"overlay": _overlay(given, engine, on)}),
        "jurisdiction": options.jurisdiction,
        "policy": {
            "disabledRules": sorted(options.policy.disabled),
            "ceilings": {rule: indicator.value for rule, indicator in options.policy.ceilings},
            "options": None if options.policy.options is None else list(options.policy.options),
            "silentRules": sorted(options.policy.silent),
            "silentClient": given.silent,
        },
        "profile": {"name": given.profile, "changes": {kind.value: count for kind, count in given.reshaped.items()}},
        "outcome": given.outcome,
        "drafts": [_draft(item) for item in trace.drafts],
        "prefetch": _prefetch(trace),
        "fhir": _fhir(trace.fhir),
        "read": dict(trace.read),
        "fhirVersions": {
            "record": dict(trace.versions),
            "actions": trace.answered_in,
        },
        "deviations": list(given.deviations),
    }


def _overlay(given: Answer, engine: Engine, on: date) -> dict[str, Any]:
    """Say what the site's overlay changes, and which of its parts bore on this answer."""
    if engine.overlaid is None:
        return {}
    took_effect = applied(engine.overlaid, engine.catalogue, given.assessment, on)
    return {**summarised(engine.overlaid), "file": engine.overlaid.file, "tookEffect": took_effect}


def _draft(item: DraftTrace) -> dict[str, Any]:
    return {
        "resource": item.ref,
        "fhirVersion": item.look.writing.version,
        "asked": item.asked,
        "orders": item.orders,
        "recognised": [_recognised(each) for each in item.recognised],
        "unresolved": item.unresolved,
        "unidentified": item.unidentified,
    }


def _recognised(item: Recognised) -> dict[str, Any]:
    return {"ingredient": item.ingredient, "by": str(item.by), "systemic": item.systemic, "regimen": item.regimen}


def _prefetch(trace: Trace) -> dict[str, str]:
    """Say of every prefetch key of ours whether it came, and name those that are not ours."""
    known = {key: "delivered" if key in trace.prefetch else "absent" for key in PREFETCH}
    return known | {key: "delivered, not one of ours" for key in trace.prefetch if key not in PREFETCH}


def _fhir(trace: FhirTrace) -> dict[str, Any]:
    return {
        "refusal": trace.refusal,
        "reads": [
            {
                "query": item.query,
                "pages": item.pages,
                "resources": item.resources,
                "status": item.status,
                "problem": item.problem,
            }
            for item in trace.reads
        ],
    }


def head_lines(said: Mapping[str, Any]) -> Iterator[str]:
    """Write what stands above all sections: the outcome, and the rules of the site that the call met."""
    knowledge = said["knowledge"]
    yield f"{said['service']} on {said['on']}: {said['outcome']}"
    yield f"knowledge {knowledge['version']} (sha256 {knowledge['sha256'][:12]}), jurisdiction {said['jurisdiction']}"
    yield from _overlay_lines(said.get("overlay"))
    policy = said["policy"]
    if policy["disabledRules"]:
        yield f"rules switched off: {', '.join(policy['disabledRules'])}"
    for rule, indicator in policy["ceilings"].items():
        yield f"rule {rule} shows {indicator} at most"
    if policy["silentRules"]:
        yield f"rules evaluated and not shown: {', '.join(policy['silentRules'])}"
    if policy["silentClient"]:
        yield "the client is kept silent: no card is shown"
    changes = ", ".join(f"{what}: {count}" for what, count in said["profile"]["changes"].items())
    yield f"profile {said['profile']['name']}{f': {changes}' if changes else ''}"


def _overlay_lines(overlay: Mapping[str, Any] | None) -> Iterator[str]:
    if overlay is None:
        return
    yield f"overlay {overlay['id']}.{overlay['version']} ({overlay['file']}, sha256 {overlay['sha256'][:12]})"
    yield from (f"  {item['at']}: {item['does']}" for item in overlay["tookEffect"])


def call_sections(said: Mapping[str, Any]) -> Iterator[Section]:
    """Write the drafts, and what was sent and read."""
    yield "Drafts", [_draft_line(item) for item in said["drafts"]]
    yield "Prefetch", [f"{key}: {state}" for key, state in said["prefetch"].items()]
    yield "FHIR server", list(_fhir_lines(said["fhir"]))
    yield "Read from the record", [f"{kind}: {count}" for kind, count in said["read"].items()]
    yield "FHIR versions", _version_lines(said["fhirVersions"])


def _draft_line(item: Mapping[str, Any]) -> str:
    names = [f"{each['ingredient']} by {each['by']}{_place(each)}" for each in item["recognised"]]
    what = ", ".join(names) or _unnamed(item)
    return f"{item['resource']} in {item['fhirVersion']}{'' if item['asked'] else ' (not selected)'}: {what}"


def _unnamed(item: Mapping[str, Any]) -> str:
    if item["unresolved"]:
        return "Medication reference not resolved"
    return "a code of an unknown list, and no name" if item["unidentified"] else "no medicine of ours"


def _place(item: Mapping[str, Any]) -> str:
    return "" if item["systemic"] else ", not systemic"


def _fhir_lines(fhir: Mapping[str, Any]) -> Iterator[str]:
    if fhir["refusal"] not in (None, Refusal.NOT_OFFERED):
        yield f"not read: {fhir['refusal']}"
    for item in fhir["reads"]:
        status = f", status {item['status']}" if item["problem"] and item["status"] else ""
        wrong = f"; {item['problem']}{status}" if item["problem"] else ""
        yield f"{item['query']}: pages {item['pages']}, resources {item['resources']}{wrong}"


def _version_lines(said: Mapping[str, Any]) -> list[str]:
    lines = [f"{version}: {count} of interest in the record" for version, count in said["record"].items()]
    return [*lines, f"actions are written in {said['actions']}"] if said["actions"] else lines
