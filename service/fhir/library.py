"""Which drug a resource names: concepts, references, and the Medication resources that references lead to."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from cards.model import Code, System
from cards.recognise import Recogniser
from service.fhir import systems
from service.fhir.scan import (
    Concept,
    Dosage,
    EitherMedication,
    MedicationScan,
    Package,
    Product,
    Reference,
    Resource,
    Scan,
    bent,
    decode,
)
from service.wire import last_two

LONGEST_TEXT = 300
# "Take one tablet by mouth; stop the ointment" must not make the tablet an ointment.
_SYSTEMIC = re.compile(
    r"\b(mouth|oral|orally|po|swallow|take|tablets?|capsules?|pills?|under the skin|subcutaneous\w*|subq|sc|sq"
    r"|intravenous\w*|iv|intramuscular\w*|im|inject\w*|infus\w*)\b",
    re.IGNORECASE,
)
_SERVICES = frozenset({"ServiceRequest", "ProcedureRequest"})
# What an item of a Medication may refer to, in every version.
_MADE_OF = frozenset({"Medication", "Substance"})
# A kit, its products, what these are made of, and a substance of that.
_DEEPEST = 4
_SERVICE_SYSTEMS = frozenset({System.HCPCS, System.RXNORM, System.LOCAL})


class Drug(msgspec.Struct, frozen=True):
    """Everything a resource says about which drug it means and where it goes.

    `chosen` is false where no drug has been picked yet: there is no word, no code and no reference. `identified` is
    false where nothing names the drug, neither words nor a code of a system that we know; `unresolved` where all there
    is is a reference that leads to nothing that was delivered, or to a Medication that names nothing.
    `modified` marks a Medication that carries a modifier we do not know. `missing` are the references that lead to
    nothing that was delivered. `forms` and `dosages` say where it goes, which hardly any drug is asked.
    """

    codes: tuple[Code, ...] = ()
    names: tuple[str, ...] = ()
    forms: tuple[Concept, ...] = ()
    dosages: tuple[Dosage, ...] = ()
    text: str = ""
    chosen: bool = False
    identified: bool = False
    unresolved: bool = False
    modified: bool = False
    missing: tuple[str, ...] = ()

    def goes(self) -> "Place":
        """Return the forms, routes and sites; words of a dosage only where none of these says where the drug goes."""
        found = (item for dosage in self.dosages for item in (dosage.route, dosage.site, dosage.site_codeable_concept))
        concepts = (*self.forms, *(concept for concept in found if concept is not None))
        places = [code for concept in concepts for code in systems.concept_codes(concept)]
        texts = [text for concept in concepts for text in _words_of(concept)]
        if not places and not texts:
            told = [dosage.text for dosage in self.dosages if dosage.text]
            texts = told if not any(_SYSTEMIC.search(text) for text in told) else []
        return Place(tuple(dict.fromkeys(places)), tuple(dict.fromkeys(texts)))


class Place(msgspec.Struct, frozen=True):
    """Where a drug goes, by codes and by words."""

    codes: tuple[Code, ...]
    texts: tuple[str, ...]


def _words_of(concept: Concept) -> Iterator[str]:
    for coding in concept.coding or ():
        if coding.display:
            yield coding.display
    if concept.text:
        yield concept.text


Inside = Mapping[str, MedicationScan]
"""What a resource contains, by the id that it is referred to by."""
_NOTHING_INSIDE: Inside = MappingProxyType({})


def _inside(contained: Sequence[MedicationScan] | None) -> Inside:
    # The first of an id counts.
    return {item.id.lstrip("#"): item for item in reversed(contained) if item.id} if contained else _NOTHING_INSIDE


class MedicationLibrary:
    """The Medications and Substances that came with a call, by every name that a reference can use."""

    def __init__(
        self, known: Mapping[str, MedicationScan] | None = None, *, local: frozenset[str] = frozenset()
    ) -> None:
        """Start from what another library knows. `local` are codes of the site's own, each as `address|code`."""
        self._known = dict(known or {})
        self.local = local

    @classmethod
    def of_drafts(
        cls,
        drafts: Sequence[Mapping[str, Any]],
        urls: Sequence[str | None] = (),
        *,
        local: frozenset[str] = frozenset(),
    ) -> "MedicationLibrary":
        """Collect the sibling Medications of `draftOrders`; `urls` are the addresses that the Bundle gave them."""
        library = cls(local=local)
        for index, resource in enumerate(drafts):
            if resource.get("resourceType") in _MADE_OF:
                library._add(bent(resource, MedicationScan), urls[index] if index < len(urls) else None)
        return library

    def extended(self, resources: Iterable[Resource]) -> "MedicationLibrary":
        """Return a library that also knows the Medications among delivered resources; what is known stays."""
        library = MedicationLibrary()
        for resource in [item for item in resources if item.kind in _MADE_OF]:
            library._add(decode(resource.raw, MedicationScan), resource.url)
        return MedicationLibrary({**library._known, **self._known}, local=self.local)

    def _add(self, medication: MedicationScan | None, url: str | None) -> None:
        if medication is None:
            return
        names = [f"{medication.resource_type}/{medication.id}"] if medication.id else []
        if url:
            names += [url] if url.startswith("urn:") else [url, last_two(url)]
        for name in names:
            self._known.setdefault(name, medication)

    def find(self, reference: str, inside: Inside) -> MedicationScan | None:
        """Find the Medication of a reference: among what is contained, by urn, by address, or by type and id."""
        text = reference.strip()
        if text.startswith("#"):
            return inside.get(text[1:])
        return self._known.get(text) or self._known.get(last_two(text))

    def drug(self, scan: Scan) -> Drug:
        """Say which drug a medication resource or a ServiceRequest names."""
        if scan.resource_type in _SERVICES:
            return _service_drug(self, scan)
        naming, inside = _Naming(self), _inside(scan.contained)
        naming.concept(scan.medication_codeable_concept)
        if scan.medication is not None:
            naming.either(scan.medication, inside)
        naming.reference(scan.medication_reference, inside)
        return naming.drug((*(scan.dosage_instruction or ()), *_listed(scan.dosage)))


def _service_drug(library: MedicationLibrary, scan: Scan) -> Drug:
    """Read a ServiceRequest: only a drug code makes it an order of a drug; its words name procedures and reasons."""
    naming = _Naming(library)
    naming.either(scan.code)
    codes = tuple(code for code in naming.codes if code.system in _SERVICE_SYSTEMS)
    return Drug(codes=codes, text=naming.text(), chosen=True, identified=True)


def is_other_drug(concept: Concept, recogniser: Recogniser) -> bool:
    """Say at a glance that a concept names a drug, and none of the catalogue; what is left open is False."""
    names: list[str] = [concept.text or ""]
    found: list[Code] = []
    for coding in concept.coding or ():
        names.append(coding.display or "")
        found += systems.codes(coding.system, coding.code, recogniser.local)
    text = "\n".join(names)
    return bool(found or text.strip()) and not recogniser.may_know(found, text)


def is_modified(medication: MedicationScan) -> bool:
    """Say whether a Medication carries a modifier that we do not know."""
    return bool(medication.modifier_extension or medication.implicit_rules)


class _Naming(msgspec.Struct):
    """What is said of one drug so far. `inside` is what the resource contains that is being read."""

    library: MedicationLibrary
    codes: list[Code] = msgspec.field(default_factory=list)
    names: list[str] = msgspec.field(default_factory=list)
    forms: list[Concept] = msgspec.field(default_factory=list)
    picked: bool = False
    coded: bool = False
    referred: bool = False
    modified: bool = False
    missing: list[str] = msgspec.field(default_factory=list)
    parts: list[str] = msgspec.field(default_factory=list)
    # A Medication that many items refer to, or that refers to itself, is read once; what it is contained in is held.
    seen: dict[tuple[str, int], Inside] = msgspec.field(default_factory=dict)

    def drug(self, dosages: tuple[Dosage, ...]) -> Drug:
        identified = self.coded or bool(self.names)
        return Drug(
            tuple(dict.fromkeys(self.codes)),
            tuple(dict.fromkeys(self.names)),
            tuple(self.forms),
            dosages,
            self.text(),
            identified or self.picked or self.referred,
            identified,
            self.referred and not identified,
            self.modified,
            tuple(dict.fromkeys(self.missing)),
        )

    def text(self) -> str:
        # What has no name of its own is called by its parts: the first alone may be the pad for the skin.
        return (" + ".join(dict.fromkeys(self.parts)) or "".join(self.names[:1]))[:LONGEST_TEXT]

    def concept(self, concept: Concept | EitherMedication | None) -> None:
        if concept is None:
            return
        self._name(concept.text)
        for coding in concept.coding or ():
            # A code of a local list, without a word beside it, may be anything.
            if coding.code:
                self.picked = True
                if coding.system:
                    found = systems.codes(coding.system, coding.code, self.library.local)
                    self.coded = self.coded or bool(found or systems.system_of(coding.system))
                    self.codes += found
            self._name(coding.display)

    def either(self, medication: EitherMedication | None, inside: Inside = _NOTHING_INSIDE, level: int = 0) -> None:
        if medication is None:
            return
        self.concept(medication)
        self.concept(medication.concept)
        if isinstance(medication.reference, Reference):
            self.reference(medication.reference, inside, level)
            self._name(medication.display)
        else:
            self.reference(Reference(medication.reference, medication.display), inside, level)

    def reference(self, reference: Reference | None, inside: Inside = _NOTHING_INSIDE, level: int = 0) -> None:
        if reference is None:
            return
        self._name(reference.display)
        if not reference.reference:
            return
        self.referred = True
        text = reference.reference.strip()
        found = self.library.find(text, inside)
        if found is None:
            self.missing.append(text)
            return
        # What is contained contains nothing and refers to its neighbours (FHIR R4, References, Contained Resources).
        neighbours = inside if text.startswith("#") else _NOTHING_INSIDE
        key = (last_two(text), id(neighbours))
        if level < _DEEPEST and key not in self.seen:
            self.seen[key] = neighbours
            self._medication(found, _inside(found.contained) or neighbours, level)

    def _medication(self, medication: MedicationScan, inside: Inside, level: int) -> None:
        self.modified = self.modified or is_modified(medication)
        self.either(medication.code, inside, level + 1)
        product, package = medication.product or Product(), medication.package or Package()
        self.forms += [form for form in (medication.form, medication.dose_form, product.form) if form is not None]
        items = (*(medication.ingredient or ()), *(product.ingredient or ()), *(package.content or ()))
        nameless, parts = not self.names, []
        for item in items:
            before = len(self.names)
            self.concept(item.item_codeable_concept)
            self.reference(item.item_reference, inside, level + 1)
            self.either(item.item, inside, level + 1)
            parts += self.names[before : before + 1]
        if nameless:
            self.parts = parts

    def _name(self, name: str | None) -> None:
        if name and name.strip():
            self.names.append(name.strip())


def _listed(dosage: "list[Dosage] | Dosage | None") -> "list[Dosage]":
    return dosage if isinstance(dosage, list) else [dosage] if dosage else []
