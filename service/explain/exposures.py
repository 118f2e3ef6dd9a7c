"""The state of each medicine: the resources, dates and windows that decided it, and what was ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from cards.exposure import Contribution, Exposure, Exposures
from cards.model import MedicationFact
from service.explain.written import Section, day


def states(found: Exposures) -> dict[str, Any]:
    """Say the state of each ingredient with its reasons, and which resources were ignored and why."""
    return {
        "exposures": [_exposure(item) for item in found.by_ingredient.values()],
        "ignored": [
            {"resource": item.ref, "ingredient": item.ingredient, "reason": item.reason.value} for item in found.ignored
        ],
    }


def _exposure(exposure: Exposure) -> dict[str, Any]:
    return {
        "ingredient": exposure.ingredient,
        "state": exposure.state.value,
        "beforeThisSession": exposure.established.value,
        "because": [_contribution(item, exposure.ingredient) for item in exposure.contributions],
    }


def _contribution(item: Contribution, ingredient: str) -> dict[str, Any]:
    fact = item.fact
    by = next(each for each in fact.recognised if each.ingredient == ingredient)
    return {
        "resource": fact.ref,
        "origin": fact.origin.value,
        "status": fact.status,
        "recognisedBy": str(by.by),
        "state": item.state.value,
        "basis": item.basis.value,
        "dates": _dates(fact),
        "lastExposure": day(item.last),
        "until": day(item.until),
        "stop": day(item.stop),
        "cappedByStop": item.capped,
        "window": {
            "dosing": item.window.dosing,
            "dosingIsConvention": item.window.dosing_convention,
            "washout": item.window.washout,
            "washoutIsConvention": item.window.washout_convention,
            "regimen": by.regimen,
        },
        "disagreement": fact.disagreement,
        "doubts": list(fact.doubts),
    }


def _dates(fact: MedicationFact) -> dict[str, str]:
    named = {
        "authored": fact.authored,
        "asserted": fact.asserted,
        "start": fact.start,
        "end": fact.end,
        "validityEnd": fact.validity_end,
        "given": fact.given,
        "lastUpdated": fact.last_updated,
        "statusChanged": fact.status_changed,
    }
    return {name: value.isoformat() for name, value in named.items() if value}


def state_sections(said: Mapping[str, Any]) -> Iterator[Section]:
    """Write the states and what was ignored."""
    yield "Exposures", [line for item in said.get("exposures", ()) for line in _exposure_lines(item)]
    yield (
        "Ignored",
        [f"{item['resource']} ({item['ingredient']}): {item['reason']}" for item in said.get("ignored", ())],
    )


def _exposure_lines(item: Mapping[str, Any]) -> Iterator[str]:
    yield f"{item['ingredient']}: {item['state']} (before this session: {item['beforeThisSession']})"
    for each in item["because"]:
        yield f"  {each['resource']} ({each['status']}, by {each['recognisedBy']}): {_reason(each)}"
        for doubt in each["doubts"]:
            yield f"    not fully understood: {doubt}"
        if each["disagreement"]:
            yield f"    its text names {each['disagreement']}"


def _reason(item: Mapping[str, Any]) -> str:
    window = item["window"]
    parts = [f"{item['state']} by {item['basis']}"]
    parts += [f"{name} {value}" for name, value in item["dates"].items()]
    if item["lastExposure"]:
        parts.append(f"last exposure {item['lastExposure']}")
    if item["until"]:
        parts.append(f"until {item['until']}")
    if item["cappedByStop"]:
        parts.append(f"capped by the stop of {item['stop']}")
    dosing = "convention" if window["dosingIsConvention"] else window["regimen"] or "sourced"
    washout = "convention" if window["washoutIsConvention"] else "sourced"
    parts.append(f"windows {window['dosing']} d ({dosing}) / {window['washout']} d ({washout})")
    return ", ".join(parts)
