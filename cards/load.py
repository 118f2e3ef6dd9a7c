"""Reads a knowledge folder, refuses anything doubtful, and reports every problem at once."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from cards.catalogue import Catalogue
from cards.check import problems_of
from cards.schema.conditions import ConditionsFile
from cards.schema.evidence import EvidenceEntry, EvidenceFile
from cards.schema.ingredients import IngredientsFile
from cards.schema.manifest import Manifest
from cards.schema.monitoring import MonitoringFile
from cards.schema.options import OptionsFile
from cards.schema.outcomes import OutcomesFile
from cards.schema.override_reasons import OverrideReasonsFile
from cards.schema.part import Approval, Strict
from cards.schema.rules import Rule, RulesFile
from cards.schema.wording import Wording

M = TypeVar("M", bound=Strict)
A = TypeVar("A", Rule, EvidenceEntry, OptionsFile, MonitoringFile)

SCHEMAS: Mapping[str, type[Strict]] = {
    "knowledge.yaml": Manifest,
    "ingredients.yaml": IngredientsFile,
    "conditions.yaml": ConditionsFile,
    "outcomes.yaml": OutcomesFile,
    "rules.yaml": RulesFile,
    "evidence.yaml": EvidenceFile,
    "wording.yaml": Wording,
    "override_reasons.yaml": OverrideReasonsFile,
    "options.yaml": OptionsFile,
    "monitoring.yaml": MonitoringFile,
}


class KnowledgeError(Exception):
    """A knowledge folder that cannot be used; `problems` has a line for each: file, key path, what, remedy."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems, one line each."""
        super().__init__(f"{len(problems)} problem(s) in the knowledge: {problems[0]}")
        self.problems = problems


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Return the catalogue of a folder, or of the knowledge that the package ships.

    Raises KnowledgeError with every problem found: unreadable file, duplicate key, unknown or missing key, wrong
    value, a code of two ingredients, a reference that leads nowhere.
    """
    place: Traversable = folder or resources.files("cards").joinpath("knowledge")
    problems: list[str] = []
    texts = {name: _bytes(place, name, problems) for name in SCHEMAS}
    read = {name: read_yaml(name, text, problems) for name, text in texts.items() if text is not None}
    files = {name: validated(name, data, SCHEMAS[name], problems) for name, data in read.items() if data is not None}
    if problems or None in files.values() or len(files) < len(SCHEMAS):
        raise KnowledgeError(tuple(problems))
    catalogue = _assemble({name: item for name, item in files.items() if item}, _digest(texts))
    if found := tuple(problems_of(catalogue)):
        raise KnowledgeError(found)
    return approved_as_a_whole(catalogue)


def _bytes(place: Traversable, name: str, problems: list[str]) -> bytes | None:
    try:
        return place.joinpath(name).read_bytes()
    except OSError:
        problems.append(f"{name}: cannot be read; the folder needs every one of {', '.join(SCHEMAS)}")
        return None


def _digest(texts: Mapping[str, bytes | None]) -> str:
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(name.encode() + b"\0" + (texts[name] or b"") + b"\0")
    return digest.hexdigest()


_Base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, which also refuses a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is no plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_yaml(name: str, text: bytes, problems: list[str]) -> Any:
    """Parse a YAML file whose keys stand once each; None where it cannot be, with a line added to `problems`."""
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problems.append(f"{name}:{line} {getattr(error, 'problem', None) or 'not YAML'}; mend the file")
        return None
    except ValueError as error:
        problems.append(f"{name}: a value cannot be read ({error}); correct or quote it")
        return None
    if data is None:
        problems.append(f"{name}: is empty; restore its content")
    return data


def validated(name: str, data: Any, schema: type[M], problems: list[str]) -> M | None:
    """Hold what a file says against its schema; None where it does not fit, with every fault added to `problems`."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        problems.extend(_lines(name, error))
        return None


def _lines(name: str, error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_context=False):
        path = ".".join(str(part) for part in item["loc"]) or "(whole file)"
        value = repr(item.get("input"))
        shown = value if len(value) <= 60 else f"{value[:57]}..."
        yield f"{name}: {path}: {item['msg']}; found {shown}; {_REMEDIES.get(item['type'], 'correct the value')}"


_REMEDIES = {
    "extra_forbidden": "remove the key or correct its spelling",
    "missing": "add the key",
    "string_type": "quote the value",
    "enum": "use one of the listed values",
}


def _assemble(files: Mapping[str, Strict], sha256: str) -> Catalogue:
    ingredients = _file(files, "ingredients.yaml", IngredientsFile)
    outcomes = _file(files, "outcomes.yaml", OutcomesFile)
    rules = _file(files, "rules.yaml", RulesFile)
    evidence = _file(files, "evidence.yaml", EvidenceFile)
    reasons = _file(files, "override_reasons.yaml", OverrideReasonsFile)
    return Catalogue(
        manifest=_file(files, "knowledge.yaml", Manifest),
        recognition=ingredients.recognition,
        classes=ingredients.classes,
        ingredients=ingredients.ingredients,
        conditions=_file(files, "conditions.yaml", ConditionsFile).groups,
        indication_order=rules.indication_order,
        jurisdictions=rules.jurisdictions,
        rules=rules.rules,
        evidence=evidence.evidence,
        statements=evidence.statements,
        wording=_file(files, "wording.yaml", Wording),
        override_system=reasons.system,
        override_reasons=reasons.reasons,
        sources=ingredients.sources,
        options=_file(files, "options.yaml", OptionsFile),
        monitoring=_file(files, "monitoring.yaml", MonitoringFile),
        outcomes=outcomes.outcomes,
        dismissing=outcomes.dismissing,
        sha256=sha256,
    )


def approved_as_a_whole(known: Catalogue) -> Catalogue:
    """Return the knowledge with the approval of all of it on each part that has none of its own."""
    whole, none = known.manifest.approval, Approval()
    if whole == none:
        return known

    def filled(item: A) -> A:
        return item.model_copy(update={"approval": whole}) if item.approval == none else item

    return replace(
        known,
        rules={key: filled(item) for key, item in known.rules.items()},
        evidence={key: filled(item) for key, item in known.evidence.items()},
        options=filled(known.options),
        monitoring=filled(known.monitoring),
    )


def _file(files: Mapping[str, Strict], name: str, schema: type[M]) -> M:
    item = files[name]
    if not isinstance(item, schema):
        raise TypeError(f"{name} was read with another schema")
    return item
