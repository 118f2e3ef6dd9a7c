"""The knowledge with a site's overlay on it: read, checked against the knowledge, and applied."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cards.catalogue import Catalogue
from cards.check import fields_of, forbidden_words, problems_of, sentence_problems
from cards.detect import Ceiling
from cards.load import KnowledgeError, approved_as_a_whole, load_catalogue, read_yaml, validated
from cards.model import Code, Indicator, System
from cards.overlay import GivenApproval, LocalCode, Lowered, Overlay
from cards.schema.ingredients import Ingredient
from cards.schema.part import Approval
from cards.schema.rules import GENERIC
from cards.sentences import PARTS

# How much longer than the sentence in its place a site's own may be: a card is cut where it gets too long.
MORE_CHARACTERS = 60
# What says that something was not checked, is not sure, or was lowered, is not for a site to reword.
KEPT: Mapping[str, frozenset[str]] = {
    "summary": frozenset({"incomplete", "not-named", "not-named-short"}),
    "lines": frozenset(
        {
            *("incomplete", "scope", "version", "not-approved", "lowered", "exception", "secondary", "gaps", "why"),
            *("convention", "disagreement", "doubt", "not-named", "overlap", "overlap-not-named", "infection"),
            *("action-transplant", "no-abrupt-stop", "problems-partial"),
        }
    ),
    "gaps": frozenset(PARTS["gaps"]),
    "options": frozenset({"secondary", "level", "level-label"}),
    "monitoring": frozenset({"secondary"}),
}
Localised = Callable[[str], str]
"""Gives the written form of a site's own code system; raises ValueError for one that the knowledge has a key for."""


@dataclass(frozen=True, slots=True)
class Overlaid:
    """An overlay that is in force, the file it came from, and the line of each of its parts by its path."""

    overlay: Overlay
    file: str
    sha256: str
    lines: Mapping[str, int]

    def at(self, path: str) -> str:
        """Say where a part stands, for a reader."""
        return f"{self.file} line {self.lines[path]}" if path in self.lines else self.file


def load_overlaid(folder: Path | None, file: Path, localised: Localised) -> tuple[Catalogue, Overlaid]:
    """Return the knowledge of a folder (None: the packaged one) with an overlay applied, and the overlay.

    Version and hash of the catalogue name both. Raises KnowledgeError with every problem of the knowledge or, where
    that has none, of the overlay.
    """
    return laid_on(load_catalogue(folder), file, localised)


def laid_on(known: Catalogue, file: Path, localised: Localised) -> tuple[Catalogue, Overlaid]:
    """Return a catalogue with the overlay of a file applied, and the overlay; see `load_overlaid`."""
    problems: list[str] = []
    try:
        text = file.read_bytes()
    except OSError as error:
        raise KnowledgeError((f"{file.name}: cannot be read ({error.strerror}); give a readable YAML file",)) from None
    data = read_yaml(file.name, text, problems)
    overlay = validated(file.name, data, Overlay, problems) if data is not None else None
    if overlay is None:
        raise KnowledgeError(tuple(problems))
    laid = Overlaid(overlay, file.name, hashlib.sha256(text).hexdigest(), _lines(text))
    if found := tuple(_Check(laid, known, localised).problems()):
        raise KnowledgeError(found)
    catalogue = _applied(known, laid, localised)
    # Whatever only shows once everything is together.
    if found := tuple(problems_of(catalogue)):
        raise KnowledgeError(tuple(f"{file.name}: with it, {problem}" for problem in found))
    return catalogue, laid


def local_code(item: LocalCode, localised: Localised) -> Code:
    """Return a site's code as the recogniser knows it; raises ValueError for a system that is written another way."""
    if item.system in {system.value for system in System} - {System.LOCAL}:
        return Code(System(item.system), item.code)
    if ":" not in item.system:
        raise ValueError("is neither a code system of ingredients.yaml nor a URI")
    return Code(System.LOCAL, f"{localised(item.system)}|{item.code}")


def _lines(text: bytes) -> dict[str, int]:
    """Return the line of each part of a YAML file, by its path."""
    found: dict[str, int] = {}

    def walk(node: yaml.Node | None, path: str) -> None:
        match node:
            case yaml.MappingNode():
                for key, value in node.value:
                    inner = f"{path}.{key.value}".lstrip(".")
                    found[inner] = key.start_mark.line + 1
                    walk(value, inner)
            case yaml.SequenceNode():
                for index, value in enumerate(node.value):
                    found[f"{path}.{index}"] = value.start_mark.line + 1
                    walk(value, f"{path}.{index}")

    walk(yaml.compose(text, Loader=yaml.SafeLoader), "")
    return found


@dataclass(frozen=True, slots=True)
class _Check:
    laid: Overlaid
    known: Catalogue
    localised: Localised

    def problems(self) -> Iterator[str]:
        overlay = self.laid.overlay
        if overlay.knowledge != self.known.version:
            yield self._told(
                "knowledge",
                f"it was written for knowledge {overlay.knowledge}, and this is {self.known.version}",
                "read what has changed, then write the new version here",
            )
        for index, lowered in enumerate(overlay.lower):
            yield from self._lowered(f"lower.{index}", lowered)
        yield from self._twice()
        for index, code in enumerate(overlay.codes):
            yield from self._code(f"codes.{index}", code)
        for part, sentences in overlay.wording.items():
            yield from self._wording(part, sentences)
        yield from self._unknown("approvals.rules", overlay.approvals.rules, self.known.rules, "rule")
        yield from self._unknown("approvals.evidence", overlay.approvals.evidence, self.known.evidence, "evidence")

    def _told(self, path: str, what: str, remedy: str) -> str:
        line = self.laid.lines.get(path)
        place = f"{self.laid.file}: line {line}, {path}" if line else f"{self.laid.file}: {path}"
        return f"{place}: {what}; {remedy}"

    def _unknown(self, path: str, keys: Mapping[str, Any], known: Mapping[str, Any], what: str) -> Iterator[str]:
        for key in keys:
            if key not in known:
                yield self._told(f"{path}.{key}", f"{key!r} is no {what} of the knowledge", "correct the spelling")

    def _lowered(self, path: str, item: Lowered) -> Iterator[str]:
        if item.rule not in self.known.rules:
            yield self._told(f"{path}.rule", f"{item.rule!r} is no rule of the knowledge", "correct the spelling")
            return
        if item.partner and item.partner not in self.known.roles[item.rule][1]:
            yield self._told(f"{path}.partner", f"{item.partner!r} is no partner of {item.rule}", "correct one of them")
        indications = (*self.known.indication_order, GENERIC)
        if item.indication and item.indication not in indications:
            remedy = f"use one of {', '.join(indications)}"
            yield self._told(f"{path}.indication", f"{item.indication!r} is no indication of a label", remedy)

    def _twice(self) -> Iterator[str]:
        seen: set[tuple[str, str | None, str | None]] = set()
        for index, item in enumerate(self.laid.overlay.lower):
            which = (item.rule, item.partner, item.indication)
            if which in seen:
                yield self._told(f"lower.{index}", "the same is lowered twice", "keep one of the two")
            seen.add(which)

    def _code(self, path: str, item: LocalCode) -> Iterator[str]:
        if item.ingredient not in self.known.ingredients:
            yield self._told(f"{path}.ingredient", f"{item.ingredient!r} is no ingredient", "correct the spelling")
        try:
            code = local_code(item, self.localised)
        except ValueError as error:
            yield self._told(f"{path}.system", f"{item.system!r} {error}", "write one that senders use")
            return
        if fault := _misshapen(code):
            yield self._told(f"{path}.code", f"{item.code!r} {fault}", "correct the code")
        if owner := next((owner for owner, known in _codes(self.known) if known == code), None):
            yield self._told(f"{path}.code", f"the knowledge has {item.code!r} already, for {owner}", "take it out")
        places = [index for index, other in enumerate(self.laid.overlay.codes) if _same(other, item)]
        if len(places) > 1 and path != f"codes.{places[0]}":
            yield self._told(f"{path}.code", f"{item.code!r} stands here twice", "a code belongs to one ingredient")

    def _wording(self, part: str, sentences: Mapping[str, str]) -> Iterator[str]:
        if part not in PARTS:
            remedy = f"use one of {', '.join(PARTS)}"
            yield self._told(f"wording.{part}", f"wording.yaml has no part {part!r} that can be changed", remedy)
            return
        texts: Mapping[str, str] = getattr(self.known.wording, part)
        for key, text in sentences.items():
            path = f"wording.{part}.{key}"
            if key not in texts:
                yield self._told(path, f"{key!r} is no sentence of {part}", "correct the spelling")
            elif key in KEPT.get(part, frozenset()):
                yield self._told(path, "this sentence says what a reader must not miss", "take it out; it stays")
            else:
                yield from self._sentence(path, text, texts[key], PARTS[part][key])

    def _sentence(self, path: str, text: str, known: str, fields: frozenset[str]) -> Iterator[str]:
        where = f"{self.laid.file}: line {self.laid.lines.get(path, 1)}, {path}"
        found = [*sentence_problems(where, text, fields), *forbidden_words(where, text, in_us=True)]
        yield from found
        if not found and (missing := fields_of(known) - fields_of(text)):
            told = ", ".join(f"{{{name}}}" for name in sorted(missing))
            yield self._told(path, f"{told} would no longer be said", "keep every field of the sentence")
        if len(text) > len(known) + MORE_CHARACTERS or "\n" in text:
            most = len(known) + MORE_CHARACTERS
            yield self._told(path, f"the sentence has {len(text)} characters", f"write one line of at most {most}")


def _misshapen(code: Code) -> str | None:
    """Say what is wrong with a code of a public system, which the service would never find."""
    if code.system is System.NDC and not (code.value.isdigit() and len(code.value) == 9):
        return "is no NDC as the knowledge writes it, nine digits of labeller and product"
    if code.system in {System.ATC, System.HCPCS, System.UNII, System.NCIT} and code.value != code.value.upper():
        return "is not in capital letters"
    return None


def _codes(known: Catalogue) -> Iterator[tuple[str, Code]]:
    for key, item in known.ingredients.items():
        for lists in (item.codes, item.non_systemic_codes):
            yield from ((key, Code(system, value)) for system, values in lists.items() for value in values)


def _same(one: LocalCode, other: LocalCode) -> bool:
    return (one.system, one.code) == (other.system, other.code)


def _applied(known: Catalogue, laid: Overlaid, localised: Localised) -> Catalogue:
    """Return the knowledge as the overlay changes it; `lower` is for whoever asks, see `Policy`."""
    overlay, given = laid.overlay, laid.overlay.approvals
    version = f"{known.version}+{overlay.id}.{overlay.version}"
    manifest: dict[str, object] = {"version": version}
    if given.knowledge:
        manifest |= {"approval": _approval(given.knowledge)}
    texts = {part: {**getattr(known.wording, part), **changed} for part, changed in overlay.wording.items()}
    return approved_as_a_whole(
        replace(
            known,
            manifest=known.manifest.model_copy(update=manifest),
            ingredients=_with_codes(known.ingredients, overlay.codes, localised),
            wording=known.wording.model_copy(update=texts),
            rules=_with_approvals(known.rules, given.rules),
            evidence=_with_approvals(known.evidence, given.evidence),
            options=_with_approvals({"": known.options}, {"": given.options})[""],
            monitoring=_with_approvals({"": known.monitoring}, {"": given.monitoring})[""],
            sha256=hashlib.sha256(f"{known.sha256} {laid.sha256}".encode()).hexdigest(),
        )
    )


def _approval(given: GivenApproval) -> Approval:
    return Approval(role=given.role, date=given.date, next_review=given.next_review)


def _with_approvals(items: Mapping[str, Any], given: Mapping[str, GivenApproval | None]) -> dict[str, Any]:
    return {
        key: item.model_copy(update={"approval": _approval(found)}) if (found := given.get(key)) else item
        for key, item in items.items()
    }


def _with_codes(
    ingredients: Mapping[str, Ingredient], codes: tuple[LocalCode, ...], localised: Localised
) -> Mapping[str, Ingredient]:
    changed = dict(ingredients)
    for item in codes:
        code, owner = local_code(item, localised), changed[item.ingredient]
        name = "codes" if item.systemic else "non_systemic_codes"
        lists = getattr(owner, name)
        more = {**lists, code.system: (*lists.get(code.system, ()), code.value)}
        changed[item.ingredient] = owner.model_copy(update={name: more})
    return changed


def ceilings(overlay: Overlay) -> tuple[Ceiling, ...]:
    """Return what an overlay lowers, as a policy has it."""
    return tuple(Ceiling(item.rule, Indicator(item.at_most), item.partner, item.indication) for item in overlay.lower)
