"""The vocabulary as ValueSets: ingredients, classes, problems, stop reasons, and where a medicine goes.

Codes stand alone, without display terms. A product of NDC and a chapter of ICD are written as a filter on the code.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cards.model import System
from cards.schema.conditions import ConditionGroup
from cards.schema.ingredients import Ingredient, Regimen, Strength, Window
from cards.schema.outcomes import StatedReason
from cards.schema.part import Approval, CodeLists
from cards.schema.rules import Rule
from service.export.frame import URN, Frame, Json, resource_id
from service.fhir.systems import address_of

_OID = "urn:oid:"
_NO_TERMS = (
    "Codes only: display terms of the code systems are not part of this knowledge, and have licences of their own."
)


def value_sets(frame: Frame) -> Iterator[Json]:
    """Write every ValueSet, in the order of the knowledge."""
    known = frame.catalogue
    for key, item in known.ingredients.items():
        yield from _ingredient(frame, key, item)
    for key in known.classes:
        yield _class(frame, key)
    for rule, each in known.rules.items():
        yield from _members(frame, rule, each)
    for key, group in known.conditions.items():
        yield from _condition(frame, key, group)
    for outcome, reason in known.outcomes.items():
        yield _stop_reason(frame, outcome, reason)
    yield from _places(frame)
    for rule, each in known.rules.items():
        yield _override_reasons(frame, rule, each)


def _value_set(frame: Frame, kind: str, value: str, title: str, **more: Any) -> Json:
    """Write a ValueSet. Kind and value are its identifier, and make its id."""
    name = resource_id(kind, value)
    identifier = [{"system": f"{URN}:{kind}", "value": value}]
    approval: Approval = frame.catalogue.manifest.approval
    return frame.artifact("ValueSet", name, title, approval, identifier=identifier, copyright=_NO_TERMS) | {
        key: item for key, item in more.items() if item
    }


def _ingredient(frame: Frame, key: str, item: Ingredient) -> Iterator[Json]:
    said = [
        frame.extension("ingredient", **{"class": item.class_id, "systemic": item.systemic}),
        *texts(frame, name=item.names, brand=item.brands),
        *_windows(frame, dosing=item.windows.dosing, washout=item.windows.washout),
    ]
    yield _value_set(frame, "ingredient", key, item.name, extension=said, compose=_compose(item.codes))
    if item.non_systemic_codes or item.non_systemic_brands:
        yield _value_set(
            frame,
            "ingredient-non-systemic",
            key,
            f"{item.name}, not acting on the whole body",
            extension=texts(frame, brand=item.non_systemic_brands),
            compose=_compose(item.non_systemic_codes),
        )
    for name, regimen in item.regimens.items():
        yield _regimen(frame, f"{key}/{name}", f"{item.name}, {name.replace('-', ' ')}", regimen)
    for strength in item.strengths:
        yield _strength(frame, key, item.name, strength)


def _regimen(frame: Frame, value: str, title: str, regimen: Regimen) -> Json:
    known_by = [frame.extension("regimen", route=regimen.route, interval=regimen.interval_days)]
    said = [
        *(known_by if regimen.route or regimen.interval_days else ()),
        *texts(frame, brand=regimen.brands),
        frame.extension(
            "exposure-window",
            kind="dosing",
            days=regimen.dosing,
            source=regimen.source,
            verification=regimen.verification.value,
        ),
    ]
    return _value_set(frame, "regimen", value, title, extension=said, compose=_compose(regimen.codes))


def _strength(frame: Frame, key: str, name: str, strength: Strength) -> Json:
    said = [frame.extension("strength", mg=strength.mg)]
    title = f"{name} {strength.mg:g} mg"
    return _value_set(
        frame, "strength", f"{key}/{strength.mg:g}", title, extension=said, compose=_compose(strength.codes)
    )


def _windows(frame: Frame, **windows: Window | None) -> Iterator[Json]:
    for kind, window in windows.items():
        if window is not None:
            yield frame.extension(
                "exposure-window",
                kind=kind,
                days=window.days,
                basis=window.basis,
                source=window.source,
                verification=window.verification.value,
            )


def texts(frame: Frame, **by_kind: Iterable[str]) -> list[Json]:
    """Write the texts by which a thing is recognised, by their kind."""
    return [
        frame.extension("recognised-text", kind=kind, text=text) for kind, texts in by_kind.items() for text in texts
    ]


def _class(frame: Frame, key: str) -> Json:
    item = frame.catalogue.classes[key]
    members = [name for name, one in frame.catalogue.ingredients.items() if one.class_id == key and one.systemic]
    said = [
        frame.extension("exposure-window", kind=kind, days=days, basis="convention")
        for kind, days in (("dosing", item.windows.dosing), ("washout", item.windows.washout))
    ]
    return _value_set(frame, "class", key, item.name, extension=said, compose=_of(frame, members))


def _members(frame: Frame, key: str, rule: Rule) -> Iterator[Json]:
    """Write subject and partners of a rule; partners that fire for one indication only have a set of their own."""
    known = frame.catalogue
    sets = {"subject": known.members(rule.subject), "partner": known.members(rule.partner)}
    sets |= {f"partner-{group}": known.members(members) for group, members in rule.only_if.items()}
    sets |= {"partner-quiet": known.members(rule.quiet)}
    for part, members in sets.items():
        if members:
            title = f"{rule.title}: {part.replace('-', ' ')}"
            ordered = [name for name in known.ingredients if name in members]
            yield _value_set(frame, "rule", f"{key}/{part}", title, compose=_of(frame, ordered))


def _of(frame: Frame, ingredients: Iterable[str]) -> Json:
    return {
        "include": [
            {"valueSet": [frame.versioned("ValueSet", resource_id("ingredient", name))]} for name in ingredients
        ]
    }


def _condition(frame: Frame, key: str, group: ConditionGroup) -> Iterator[Json]:
    said = [
        frame.extension(
            "condition-group", role=group.role.value, acute=group.acute, verification=group.verification.value
        )
    ]
    composed = _compose(group.codes, group.prefixes)
    if excluded := _included(_exclusions(group)):
        composed["exclude"] = excluded
    yield _value_set(frame, "condition", key, group.name, extension=said, compose=composed)
    if group.history:
        title = f"{group.name}: history or after-effects, which do not count"
        yield _value_set(frame, "condition-history", key, title, compose=_compose(group.history))


def _exclusions(group: ConditionGroup) -> CodeLists:
    """Give what a prefix reaches and must not, in each system: an excepted code is excepted in every edition of ICD."""
    written = [value for lists in (group.except_, group.history) for values in lists.values() for value in values]
    return {
        system: kept
        for system, prefixes in group.prefixes.items()
        if (
            kept := tuple(
                value
                for value in dict.fromkeys(written)
                if value.startswith(prefixes) and value not in group.codes.get(system, ())
            )
        )
    }


def _stop_reason(frame: Frame, outcome: str, reason: StatedReason) -> Json:
    said = [
        frame.extension("stop-reason", verification=reason.verification.value),
        *texts(frame, phrase=reason.phrases),
    ]
    return _value_set(frame, "stop-reason", outcome, reason.name, extension=said, compose=_compose(reason.codes))


def _places(frame: Frame) -> Iterator[Json]:
    words = frame.catalogue.recognition
    yield _place(frame, "non-systemic-routes", words.non_systemic_routes, ())
    yield _place(frame, "non-systemic-forms", words.non_systemic_forms, words.non_systemic_words)
    yield _place(frame, "subcutaneous-routes", words.subcutaneous_routes, words.subcutaneous_words)


def _place(frame: Frame, value: str, lists: CodeLists, words: Iterable[str]) -> Json:
    title = value.replace("-", " ").capitalize()
    return _value_set(frame, "place", value, title, extension=texts(frame, word=words), compose=_compose(lists))


def _override_reasons(frame: Frame, key: str, rule: Rule) -> Json:
    """List what a clinician can answer: codes of our own, with their words."""
    known = frame.catalogue
    concepts = [{"code": code, "display": known.override_reasons[code].display} for code in rule.override_reasons]
    composed = {"include": [{"system": known.override_system, "concept": concepts}]}
    return _value_set(frame, "override-reason", key, f"{rule.title}: reasons to go on", compose=composed)


def _compose(codes: CodeLists, prefixes: CodeLists | None = None) -> Json:
    included = [
        *_included(codes),
        *(_filtered(system, _beginning(values)) for system, values in (prefixes or {}).items()),
    ]
    return {"include": included} if included else {}


def _included(codes: CodeLists) -> list[Json]:
    return [clause for system, values in codes.items() if values for clause in _clauses(system, values)]


def _clauses(system: System, values: Iterable[str]) -> Iterator[Json]:
    match system:
        case System.NDC:
            yield _filtered(system, _product(values))
        case System.LOCAL:
            yield from _local(values)
        case _:
            yield {"system": address_of(system), "concept": [{"code": value} for value in values]}


def _local(values: Iterable[str]) -> Iterator[Json]:
    """Write the codes of a site's own lists, each `address|code`, by their list."""
    lists: dict[str, list[str]] = {}
    for value in values:
        address, _, code = value.partition("|")
        lists.setdefault(address, []).append(code)
    for address, found in lists.items():
        # An OID is kept as its number alone.
        system = f"{_OID}{address}" if address[:1].isdigit() else address
        yield {"system": system, "concept": [{"code": code} for code in found]}


def _filtered(system: System, pattern: str) -> Json:
    return {"system": address_of(system), "filter": [{"property": "code", "op": "regex", "value": pattern}]}


def _product(values: Iterable[str]) -> str:
    """Match every package (two digits) of products of labeller and product (nine digits): NDC of eleven digits."""
    return f"({'|'.join(values)})[0-9]{{2}}"


def _beginning(values: Iterable[str]) -> str:
    return f"({'|'.join(map(re.escape, values))}).*"


def codes_in(clauses: Iterable[Mapping[str, Any]], systems: Mapping[str, System]) -> tuple[CodeLists, CodeLists]:
    """Read clauses of a `compose` back: codes, and prefixes. `systems` are code systems by their address."""
    codes: dict[System, tuple[str, ...]] = {}
    prefixes: dict[System, tuple[str, ...]] = {}
    for clause in clauses:
        if "system" not in clause:
            continue
        system = systems.get(clause["system"], System.LOCAL)
        if "concept" in clause:
            place = f"{clause['system'].removeprefix(_OID)}|" if system is System.LOCAL else ""
            codes[system] = (*codes.get(system, ()), *(place + concept["code"] for concept in clause["concept"]))
            continue
        alternatives, _, rest = clause["filter"][0]["value"].removeprefix("(").rpartition(")")
        values = tuple(value.replace("\\", "") for value in alternatives.split("|"))
        (prefixes if rest == ".*" else codes)[system] = values
    return codes, prefixes
