"""What all artifacts of one export have alike: canonical address, version, date, status, and our extensions.

FHIR R4: metadata of ValueSet, Library and PlanDefinition (CanonicalResource, MetadataResource).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from cards import Catalogue
from cards.schema.part import Approval

Json = dict[str, Any]

URN = "urn:upadacitinib-cds"
LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """The knowledge that is exported, the day that decides about approvals, and where the artifacts are published.

    `base` is the canonical address below which they stand, without a slash at its end; None: URNs.
    """

    catalogue: Catalogue
    on: date
    base: str | None = None

    def canonical(self, kind: str, name: str) -> str:
        """Give the canonical address of an artifact."""
        return f"{self.base}/{kind}/{name}" if self.base else f"{URN}:{kind}:{name}"

    def versioned(self, kind: str, name: str) -> str:
        """Give the canonical address of an artifact in the version of this export."""
        return f"{self.canonical(kind, name)}|{self.catalogue.version}"

    def artifact(self, resource: str, name: str, title: str, approval: Approval, **more: Any) -> Json:
        """Write an artifact: active where its content is approved on the day, else a draft. Empty members go."""
        held = approval.holds(self.on)
        written: Json = {
            "resourceType": resource,
            "id": name,
            "url": self.canonical(resource, name),
            "version": self.catalogue.version,
            "name": _computable(name),
            "title": title,
            "status": "active" if held else "draft",
            "experimental": False,
            "date": self.catalogue.manifest.released.isoformat(),
        }
        if held and approval.date and resource in ("Library", "PlanDefinition"):
            written["approvalDate"] = approval.date.isoformat()
            written["endorser"] = [{"name": approval.role}]
        return {key: value for key, value in (written | more).items() if value not in (None, "", [], {})}

    def extension(self, name: str, **parts: Any) -> Json:
        """Write an extension of ours from its parts, named as in `EXTENSIONS`; a part that is None is left out."""
        inner = [
            {"url": part, EXTENSIONS[name].parts[part]: value} for part, value in parts.items() if value is not None
        ]
        return {"url": self.canonical("StructureDefinition", name), "extension": inner}


def resource_id(*parts: str) -> str:
    """Make the id of an artifact (FHIR R4, id: at most 64 letters, digits, dashes, dots); a long one ends in a hash."""
    whole = re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(parts))
    return whole if len(whole) <= LONGEST_ID else f"{whole[: LONGEST_ID - 9]}-{sha256(whole.encode()).hexdigest()[:8]}"


def parts_of(item: Mapping[str, Any], name: str) -> list[Json]:
    """Read the extensions of ours with this name back, part by part; wherever they were published."""
    known = EXTENSIONS[name].parts
    return [
        {part["url"]: part[known[part["url"]]] for part in found["extension"]}
        for found in item.get("extension", ())
        if re.search(rf"[/:]StructureDefinition[/:]{name}$", found["url"])
    ]


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of ours: what it says, where it may stand, and the type of each of its parts, as `value[x]`."""

    says: str
    contexts: tuple[str, ...]
    parts: Mapping[str, str]


EXTENSIONS: Mapping[str, Extension] = {
    "recognised-text": Extension(
        "A name or word by which a text is recognised, and what kind of text it is.",
        ("ValueSet", "Library"),
        {"kind": "valueCode", "text": "valueString"},
    ),
    "ingredient": Extension(
        "Class of an ingredient, and whether it acts on the whole body unless product, form or route say otherwise.",
        ("ValueSet",),
        {"class": "valueCode", "systemic": "valueBoolean"},
    ),
    "exposure-window": Extension(
        "For how many days after the last dose an ingredient counts: as current therapy (dosing), or for overlap "
        "(washout).",
        ("ValueSet",),
        {
            "kind": "valueCode",
            "days": "valueInteger",
            "basis": "valueCode",
            "source": "valueString",
            "verification": "valueCode",
        },
    ),
    "regimen": Extension(
        "A regimen with a dosing window of its own, also known by route or dosing interval (days).",
        ("ValueSet",),
        {"route": "valueCode", "interval": "valueInteger"},
    ),
    "strength": Extension(
        "What one unit of the listed products contains, in milligrams.", ("ValueSet",), {"mg": "valueDecimal"}
    ),
    "condition-group": Extension(
        "What a group of problems is for, whether it counts only while it is recent, and how far it was verified.",
        ("ValueSet",),
        {"role": "valueCode", "acute": "valueBoolean", "verification": "valueCode"},
    ),
    "stop-reason": Extension(
        "How far the codes and phrases of a stop reason were verified.", ("ValueSet",), {"verification": "valueCode"}
    ),
    "minimum-information": Extension(
        "An element of the minimum information model of the HL7 guide on potential drug-drug interactions.",
        ("PlanDefinition",),
        {"element": "valueCode", "text": "valueMarkdown"},
    ),
    "evidence-state": Extension(
        "Certainty of an evidence entry, and how far what it says was checked against its source.",
        ("RelatedArtifact",),
        {"certainty": "valueString", "verification": "valueCode"},
    ),
}


def definitions(frame: Frame) -> Iterable[Json]:
    """Define each of our extensions, so that a validator knows them."""
    approval = frame.catalogue.manifest.approval
    for name, item in EXTENSIONS.items():
        yield frame.artifact(
            "StructureDefinition",
            name,
            _computable(name),
            approval,
            description=item.says,
            fhirVersion="4.0.1",
            kind="complex-type",
            abstract=False,
            context=[{"type": "element", "expression": place} for place in item.contexts],
            type="Extension",
            baseDefinition="http://hl7.org/fhir/StructureDefinition/Extension",
            derivation="constraint",
            differential={"element": list(_elements(frame, name, item))},
        )


def _elements(frame: Frame, name: str, item: Extension) -> Iterable[Json]:
    yield {"id": "Extension", "path": "Extension", "short": item.says}
    for part, kind in item.parts.items():
        place = f"Extension.extension:{part}"
        yield {"id": place, "path": "Extension.extension", "sliceName": part, "min": 0, "max": "1"}
        yield {"id": f"{place}.url", "path": "Extension.extension.url", "fixedUri": part}
        code = kind.removeprefix("value")
        types = [{"code": code[0].lower() + code[1:]}]
        yield {"id": f"{place}.value[x]", "path": "Extension.extension.value[x]", "type": types}
    yield {"id": "Extension.url", "path": "Extension.url", "fixedUri": frame.canonical("StructureDefinition", name)}
    yield {"id": "Extension.value[x]", "path": "Extension.value[x]", "max": "0"}


def _computable(name: str) -> str:
    """Write a name that a program can take (FHIR R4, invariant 0 of these resources)."""
    joined = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))
    return joined if joined[:1].isalpha() else f"N{joined}"
