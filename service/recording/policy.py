"""The policy of de-identification, as `policy.yaml` states it: the elements a recording may hold, and their kinds."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import yaml

from cards.model import System
from service import yaml_loaders

# The name of a kind, or the members of an object.
Spec: TypeAlias = "str | Mapping[str, Spec]"
FILE = "policy.yaml"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may stand where. A `Spec` is a kind, or an object with its members; lists are not written."""

    version: str
    concept: Mapping[str, Spec]
    entry: Mapping[str, Spec]
    resources: Mapping[str, Mapping[str, Spec]]
    request: Mapping[str, Spec]
    response: Mapping[str, Spec]
    feedback: Mapping[str, Spec]
    codes: frozenset[str]
    types: frozenset[str]
    parameters: frozenset[str]
    systems: frozenset[str]
    shape_of_code: Mapping[System, re.Pattern[str]]
    words: frozenset[str]
    own_words: frozenset[str]
    elements: frozenset[str]


@cache
def load_policy() -> Policy:
    """Read the packaged policy."""
    said = yaml.load(files(__package__).joinpath(FILE).read_bytes(), Loader=yaml_loaders.TEXT)  # noqa: S506 - all text
    shapes = _Shapes(said["shapes"])
    resources = {kind: shapes.members(spec) for kind, spec in said["resources"].items()}
    bodies = [shapes.members(said[name]) for name in ("request", "response", "feedback")]
    return Policy(
        version=said["version"],
        concept=shapes.members(said["shapes"]["concept"]),
        entry=shapes.members(said["shapes"]["entry"]),
        resources=resources,
        request=bodies[0],
        response=bodies[1],
        feedback=bodies[2],
        codes=_words(said["codes"]),
        types=_words(said["types"]) | resources.keys(),
        parameters=_words(said["parameters"]),
        systems=_words(said["systems"]),
        shape_of_code={System(name): re.compile(shape) for name, shape in said["shape-of-code"].items()},
        words=_words(said["words"]),
        own_words=_words(said["own-words"]) | frozenset(name.casefold() for name in _names(resources)),
        elements=frozenset(name for part in (resources, *bodies, shapes.named) for name in _names(part)),
    )


def _names(spec: Spec) -> Iterator[str]:
    """Name every element, as our texts name one that cannot be read."""
    if isinstance(spec, Mapping):
        for name, part in spec.items():
            yield name
            yield from _names(part)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class _Shapes:
    named: Mapping[str, Any]

    def members(self, spec: Mapping[str, Any]) -> Mapping[str, Spec]:
        shared = {name: part for shape in spec.get("of", ()) for name, part in self.members(self.named[shape]).items()}
        return shared | {name: self._spec(part) for name, part in spec.items() if name != "of"}

    def _spec(self, part: str | Mapping[str, Any]) -> Spec:
        if isinstance(part, Mapping):
            return self.members(part)
        return self.members(self.named[part]) if part in self.named else part
