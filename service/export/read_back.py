"""What recognises a medicine, a problem or a stop reason, read back from an export and from nothing else.

It holds the export to its promise: an engine that has these files knows the same things by the same codes and names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cards.model import Outcome, System
from cards.recognise import Vocabulary
from cards.schema.conditions import ConditionGroup
from cards.schema.ingredients import Ingredient, Recognition, Regimen, Strength
from cards.schema.outcomes import StatedReason
from service.export.frame import URN, Json, parts_of
from service.export.value_sets import codes_in
from service.fhir.systems import address_of

_SYSTEMS = {address_of(system): system for system in System if system is not System.LOCAL}
_Sets = Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class ReadVocabulary:
    """What `cards.Recogniser` needs (its `Vocabulary`), as an export says it."""

    recognition: Recognition
    ingredients: Mapping[str, Ingredient]
    conditions: Mapping[str, ConditionGroup]
    outcomes: Mapping[Outcome, StatedReason]
    dismissing: tuple[str, ...]


def read_vocabulary(artifacts: Iterable[Json]) -> ReadVocabulary:
    """Read the vocabulary from the ValueSets and the Library of an export, given in their order."""
    given = tuple(artifacts)
    (library,) = (item for item in given if item["resourceType"] == "Library")
    sets = _by_kind(item for item in given if item["resourceType"] == "ValueSet")
    return ReadVocabulary(
        _recognition(sets["place"], library),
        {key: _ingredient(key, item, sets) for key, item in sets["ingredient"].items()},
        {key: _condition(key, item, sets) for key, item in sets["condition"].items()},
        {Outcome(key): _stop_reason(item) for key, item in sets["stop-reason"].items()},
        _texts(library, "dismissing"),
    )


def lost(catalogue: Vocabulary, artifacts: Iterable[Json]) -> tuple[str, ...]:
    """Name what the artifacts would recognise otherwise than the knowledge that they were written from."""
    again = read_vocabulary(artifacts)
    pairs: list[tuple[Mapping[Any, Any], Mapping[Any, Any], Callable[[Any], Json]]] = [
        (catalogue.ingredients, again.ingredients, _recognised_by),
        (catalogue.conditions, again.conditions, _counted_by),
        (catalogue.outcomes, again.outcomes, _recognised_by),
    ]
    found = [
        key
        for ours, theirs, parts in pairs
        for key, item in ours.items()
        if key not in theirs or parts(item) != parts(theirs[key])
    ]
    whole = (again.recognition, again.dismissing) == (catalogue.recognition, catalogue.dismissing)
    return (*found, *(() if whole else ("words and routes",)))


def _recognised_by(item: Any) -> Json:
    """Give what names an ingredient or states an outcome; its windows, uses and notes recognise nothing."""
    found: Json = item.model_dump(
        exclude={"windows", "used_for", "branded_codes_only", "note", "sources", "verification"}
    )
    return found


def _counted_by(group: Any) -> Json:
    """Give what makes a problem count: an excepted code is excepted in every edition of ICD."""
    beginnings = tuple(value for values in group.prefixes.values() for value in values)
    excepted = [value for lists in (group.except_, group.history) for values in lists.values() for value in values]
    exact = {value for values in group.codes.values() for value in values}
    return {
        "codes": {system: set(values) for system, values in group.codes.items()},
        "prefixes": {system: set(values) for system, values in group.prefixes.items()},
        "excepted": {value for value in excepted if value.startswith(beginnings)} - exact,
    }


def _by_kind(value_sets: Iterable[Json]) -> _Sets:
    found: dict[str, dict[str, Json]] = {}
    for item in value_sets:
        (identifier,) = item["identifier"]
        kind = identifier["system"].removeprefix(f"{URN}:")
        found.setdefault(kind, {})[identifier["value"]] = item
    return found


def _texts(item: Json, kind: str) -> tuple[str, ...]:
    return tuple(said["text"] for said in parts_of(item, "recognised-text") if said["kind"] == kind)


def _codes(item: Json | None, clause: str = "include") -> tuple[Any, Any]:
    return codes_in((item or {}).get("compose", {}).get(clause, ()), _SYSTEMS)


def _ingredient(key: str, item: Json, sets: _Sets) -> Ingredient:
    (said,) = parts_of(item, "ingredient")
    elsewhere = sets.get("ingredient-non-systemic", {}).get(key)
    return Ingredient.model_validate(
        {
            "name": item["title"],
            "class": said["class"],
            "systemic": said["systemic"],
            "names": _texts(item, "name"),
            "brands": _texts(item, "brand"),
            "non_systemic_brands": _texts(elsewhere or {}, "brand"),
            "regimens": {name: _regimen(one) for name, one in _of(key, sets.get("regimen", {}))},
            "strengths": tuple(_strength(one) for _, one in _of(key, sets.get("strength", {}))),
        }
        # Codes of a site's own lists are none of the schema: an overlay adds them.
    ).model_copy(update={"codes": _codes(item)[0], "non_systemic_codes": _codes(elsewhere)[0]})


def _of(key: str, sets: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Give the sets that belong to an ingredient, each by its own name."""
    for value, item in sets.items():
        owner, _, name = value.partition("/")
        if owner == key:
            yield name, item


def _regimen(item: Json) -> Regimen:
    said: Json = next(iter(parts_of(item, "regimen")), {})
    (window,) = parts_of(item, "exposure-window")
    return Regimen(
        dosing=window["days"],
        codes=_codes(item)[0],
        brands=_texts(item, "brand"),
        route=said.get("route"),
        interval_days=said.get("interval"),
        source=window["source"],
        verification=window["verification"],
    )


def _strength(item: Json) -> Strength:
    (said,) = parts_of(item, "strength")
    return Strength(mg=said["mg"], codes=_codes(item)[0])


def _condition(key: str, item: Json, sets: _Sets) -> ConditionGroup:
    (said,) = parts_of(item, "condition-group")
    codes, prefixes = _codes(item)
    history = _codes(sets.get("condition-history", {}).get(key))[0]
    excepted, _ = _codes(item, "exclude")
    return ConditionGroup.model_validate(
        {"name": item["title"], "codes": codes, "prefixes": prefixes, "except": excepted, "history": history, **said}
    )


def _stop_reason(item: Json) -> StatedReason:
    return StatedReason.model_validate(
        {
            "name": item["title"],
            "codes": _codes(item)[0],
            "phrases": _texts(item, "phrase"),
            "verification": parts_of(item, "stop-reason")[0]["verification"],
        }
    )


def _recognition(places: Mapping[str, Json], library: Json) -> Recognition:
    routes, forms, under_skin = (
        places[name] for name in ("non-systemic-routes", "non-systemic-forms", "subcutaneous-routes")
    )
    return Recognition(
        other_drug_after=_texts(library, "other-drug-after"),
        non_systemic_words=_texts(forms, "word"),
        non_systemic_routes=_codes(routes)[0],
        non_systemic_forms=_codes(forms)[0],
        subcutaneous_routes=_codes(under_skin)[0],
        subcutaneous_words=_texts(under_skin, "word"),
    )
