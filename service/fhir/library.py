"""Which drug a resource names: concepts, references, and the Medication resources that references lead to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cards.model import Code, System
from cards.recognise import Recogniser
from service.fhir import systems
from service.fhir.scan import (
    Concept,
    Dosage,
    EitherMedication,
    MedicationScan,
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
_SERVICE_SYSTEMS = frozenset({System.HCPCS, System.RXNORM, System.LOCAL})


@dataclass(frozen=True, slots=True)
class Drug:
    """Everything a resource says about which drug it means and where it goes.

    `chosen` is false where no drug has been picked yet: there is no word, no code and no reference. `identified` is
    false where nothing names the drug, neither words nor a code of a system that we know; `unresolved` where all there
    is is a reference that leads to nothing that was delivered, or to a Medication that names nothing.
    `modified` marks a Medication that carries a modifier we do not know. `missing` are the references that lead to
    nothing that was delivered.
    """

    codes: tuple[Code, ...] = ()
    names: tuple[str, ...] = ()
    places: tuple[Code, ...] = ()
    place_texts: tuple[str, ...] = ()
    text: str = ""
    chosen: bool = False
    identified: bool = False
    unresolved: bool = False
    modified: bool = False
    missing: tuple[str, ...] = ()


class MedicationLibrary:
    """The Medication resources that came with a call, by every name that a reference can use."""

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
            if resource.get("resourceType") == "Medication":
                library._add(bent(resource, MedicationScan), urls[index] if index < len(urls) else None)
        return library

    def extended(self, resources: Iterable[Resource]) -> "MedicationLibrary":
        """Return a library that also knows the Medications among delivered resources; what is known stays."""
        library = MedicationLibrary()
        for resource in resources:
            if resource.kind == "Medication":
                library._add(decode(resource.raw, MedicationScan), resource.url)
        return MedicationLibrary({**library._known, **self._known}, local=self.local)

    def _add(self, medication: MedicationScan | None, url: str | None) -> None:
        if medication is None:
            return
        names = [f"Medication/{medication.id}"] if medication.id else []
        if url:
            names += [url] if url.startswith("urn:") else [url, last_two(url)]
        for name in names:
            self._known.setdefault(name, medication)

    def find(self, reference: str, contained: Sequence[MedicationScan]) -> MedicationScan | None:
        """Find the Medication of a reference: contained, by urn, by address, or by type and id."""
        text = reference.strip()
        if text.startswith("#"):
            return next((item for item in contained if item.id and item.id.lstrip("#") == text[1:]), None)
        return self._known.get(text) or self._known.get(last_two(text))

    def drug(self, scan: Scan) -> Drug:
        """Say which drug a medication resource or a ServiceRequest names."""
        if scan.resource_type in _SERVICES:
            return _service_drug(self, scan)
        return _Naming(self, scan).drug()


def _service_drug(library: MedicationLibrary, scan: Scan) -> Drug:
    """Read a ServiceRequest: only a drug code makes it an order of a drug; its words name procedures and reasons."""
    naming = _Naming(library, scan)
    naming.either(scan.code)
    codes = tuple(code for code in naming.codes if code.system in _SERVICE_SYSTEMS)
    return Drug(codes=codes, text=naming.text(), chosen=True, identified=True)


def is_other_drug(concept: Concept, recogniser: Recogniser) -> bool:
    """Say at a glance that a concept names a drug, and none of the catalogue; what is left open is False."""
    names = [concept.text or "", *(coding.display or "" for coding in concept.coding or ())]
    found = [
        code for coding in concept.coding or () for code in systems.codes(coding.system, coding.code, recogniser.local)
    ]
    return bool(found or any(map(str.strip, names))) and not recogniser.may_know(found, names)


def is_modified(medication: MedicationScan) -> bool:
    """Say whether a Medication carries a modifier that we do not know."""
    return bool(medication.modifier_extension or medication.implicit_rules)


@dataclass(slots=True)
class _Naming:
    library: MedicationLibrary
    scan: Scan
    codes: list[Code] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[Code] = field(default_factory=list)
    place_texts: list[str] = field(default_factory=list)
    picked: bool = False
    coded: bool = False
    referred: bool = False
    modified: bool = False
    missing: list[str] = field(default_factory=list)

    def drug(self) -> Drug:
        scan = self.scan
        self.concept(scan.medication_codeable_concept)
        self.either(scan.medication)
        self.reference(scan.medication_reference)
        self.dosages([*(scan.dosage_instruction or ()), *_listed(scan.dosage)])
        identified = self.coded or bool(self.names)
        return Drug(
            tuple(dict.fromkeys(self.codes)),
            tuple(dict.fromkeys(self.names)),
            tuple(dict.fromkeys(self.places)),
            tuple(dict.fromkeys(self.place_texts)),
            self.text(),
            identified or self.picked or self.referred,
            identified,
            self.referred and not identified,
            self.modified,
            tuple(dict.fromkeys(self.missing)),
        )

    def text(self) -> str:
        return self.names[0][:LONGEST_TEXT] if self.names else ""

    def concept(self, concept: Concept | EitherMedication | None) -> None:
        if concept is None:
            return
        self._name(concept.text)
        for coding in concept.coding or ():
            # A code of a local list, without a word beside it, may be anything.
            self.picked = self.picked or bool(coding.code)
            found = systems.codes(coding.system, coding.code, self.library.local)
            known = found or (coding.code and coding.system and systems.system_of(coding.system))
            self.coded = self.coded or bool(known)
            self.codes += found
            self._name(coding.display)

    def either(self, medication: EitherMedication | None, level: int = 0) -> None:
        if medication is None:
            return
        self.concept(medication)
        self.concept(medication.concept)
        if isinstance(medication.reference, Reference):
            self.reference(medication.reference, level)
            self._name(medication.display)
        else:
            self.reference(Reference(medication.reference, medication.display), level)

    def reference(self, reference: Reference | None, level: int = 0) -> None:
        if reference is None:
            return
        self._name(reference.display)
        if not reference.reference:
            return
        self.referred = True
        found = self.library.find(reference.reference, self.scan.contained or ())
        if found is None:
            self.missing.append(reference.reference.strip())
        elif level < 2:
            self._medication(found, level)

    def _medication(self, medication: MedicationScan, level: int) -> None:
        self.modified = self.modified or is_modified(medication)
        self.either(medication.code, level + 1)
        product = medication.product or Product()
        for form in (medication.form, medication.dose_form, product.form):
            self.place(form)
        for ingredient in (*(medication.ingredient or ()), *(product.ingredient or ())):
            self.concept(ingredient.item_codeable_concept)
            self.reference(ingredient.item_reference, level + 1)
            self.either(ingredient.item, level + 1)

    def dosages(self, dosages: "list[Dosage]") -> None:
        """Take routes and sites; words only where neither these nor a form say where the drug goes."""
        for dosage in dosages:
            self.place(dosage.route)
            self.place(dosage.site)
            self.place(dosage.site_codeable_concept)
        if not self.places and not self.place_texts:
            texts = [dosage.text for dosage in dosages if dosage.text]
            self.place_texts += texts if not any(_SYSTEMIC.search(text) for text in texts) else []

    def place(self, concept: Concept | None) -> None:
        for coding in (concept.coding or ()) if concept else ():
            self.places += systems.codes(coding.system, coding.code)
            if coding.display:
                self.place_texts.append(coding.display)
        if concept and concept.text:
            self.place_texts.append(concept.text)

    def _name(self, name: str | None) -> None:
        if name and name.strip():
            self.names.append(name.strip())


def _listed(dosage: "list[Dosage] | Dosage | None") -> "list[Dosage]":
    return dosage if isinstance(dosage, list) else [dosage] if dosage else []
