"""What a narrow model accepts, the whole model of fhir.resources accepts, and reads the same."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from service.cases import case_names, read_case
from service.fhir.parse import narrow_class, parse_whole
from service.fhir.projection import Shape, kind_of, project
from service.fhir.versions import SHAPES, writing_of
from service.wire import FhirVersion

ODD: tuple[Any, ...] = (
    *(None, "", " ", "x y", " x", "two  blanks", "line\nbreak", "active", "true", "Infinity", "1e5", "#a"),
    *("2026", "2026-02", "2026-02-30", "2026-02-03", "2026-02-03T10:00", "2026-02-03T10:00:00Z", "0002-01-01"),
    *(True, False, 0, 1, -1, 1.5, 1e300, 10**30, [], {}, [None], [{}], ["x"], {"a": 1}, [[]], {"extension": []}),
    *({"reference": "Patient/x"}, {"coding": [{"code": "x"}]}, [{"text": "x"}], {"value": "1"}, {"start": "2026"}),
)
VERSIONS = (FhirVersion.R4, FhirVersion.R5, FhirVersion.STU3)


def read_alike(resource: Mapping[str, Any], shape: Shape) -> bool:
    """Say whether the narrow model accepts a resource, and hold what it read against the whole model."""
    kind = kind_of(resource, shape)
    try:
        model = narrow_class(shape, kind).model_validate(shape.placed(resource, kind))
    except (ValueError, TypeError, ArithmeticError):
        return False
    whole = parse_whole(project(resource, shape))
    assert (whole.doubts, whole.filled, whole.reshaped) == ((), frozenset(), False)
    assert_same(model, whole.model, shape.specs[kind])
    return True


def assert_same(narrow: Any, whole: Any, spec: Any) -> None:
    if isinstance(spec, list) and narrow is not None and spec != [None]:
        assert len(narrow) == len(whole)
        for one, other in zip(narrow, whole, strict=True):
            assert_same(one, other, spec[0])
    elif isinstance(spec, Mapping) and narrow is not None:
        assert whole is not None
        for name, inner in spec.items():
            assert_same(getattr(narrow, name), getattr(whole, name), inner)
    else:
        assert (type(narrow), narrow) == (type(whole), whole)


@cache
def recorded() -> tuple[Mapping[str, Any], ...]:
    """Return each resource of the recorded cases that is read through a model, once."""
    kinds = {kind for shape in SHAPES.values() for kind in shape.specs}
    found: dict[str, Mapping[str, Any]] = {}
    for name in case_names():
        try:
            request = json.loads(read_case(name).body)
        except ValueError:
            continue
        found |= {json.dumps(item): item for item in _resources(request) if item.get("resourceType") in kinds}
    return tuple(found.values())


def _resources(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _resources(part)


def fullest(version: FhirVersion) -> Mapping[str, Mapping[str, Any]]:
    """Return the longest recorded resource of each type that is read in a version."""
    found: dict[str, Mapping[str, Any]] = {}
    for item in sorted(recorded(), key=lambda item: len(json.dumps(item))):
        writing = writing_of(item)
        kind = item["resourceType"]
        if version in writing.possible and kind in SHAPES[version].specs and read_alike(item, SHAPES[version]):
            found[kind] = item
    return found


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each holder and key in a resource."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_resources_are_read_alike(version: FhirVersion) -> None:
    shape = SHAPES[version]
    known = [item for item in recorded() if kind_of(item, shape) in shape.specs]
    accepted = [read_alike(item, shape) for item in known]
    assert len(known) > sum(accepted) > len(known) / 10


@pytest.mark.parametrize("version", VERSIONS)
def test_no_odd_value_in_any_place_is_read_otherwise(version: FhirVersion) -> None:
    examples = fullest(version)
    assert {"Condition", "MedicationStatement", "MedicationAdministration", "Patient"} <= examples.keys()
    for item in examples.values():
        resource = copy.deepcopy(item)
        for holder, key in list(places(resource)):
            before = holder[key]
            for value in (*ODD, [before], before[:1] if isinstance(before, list) else before):
                holder[key] = value
                read_alike(resource, SHAPES[version])
            holder[key] = before


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_missing_or_given_twice_is_left_to_the_whole_model(version: FhirVersion) -> None:
    shape = SHAPES[version]
    item = fullest(version)["MedicationStatement"]
    without = {key: value for key, value in item.items() if key != "status"}
    assert not read_alike(without, shape)
    twice = {**item, "effectiveDateTime": "2026-01-01", "effectivePeriod": {"start": "2026-01-01"}}
    assert not read_alike(twice, shape)
