"""Coding systems as FHIR writes them, by URL or OID, to the code systems of the knowledge.

URLs and OIDs are those of the HL7 Terminology registry (terminology.hl7.org: NamingSystem icd10CM, icd10,
ICD-9CM-diagnosiscodes, icd9cm, UNII, v3-WC, hcpcs-Level-II; FHIR R5, terminologies-systems and
namingsystem-terminologies, for the others). Added are addresses that senders of real data use: the older ones of HCPCS
that CMS itself used, and NCI codes of routes under the Metathesaurus.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from cards.model import Code, System
from service.fhir.scan import Concept, EitherMedication

_SYSTEMS: dict[System, tuple[str, ...]] = {
    System.RXNORM: ("http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88"),
    System.SNOMED: ("http://snomed.info/sct", "2.16.840.1.113883.6.96"),
    System.NDC: ("http://hl7.org/fhir/sid/ndc", "2.16.840.1.113883.6.69"),
    System.ATC: ("http://www.whocc.no/atc", "2.16.840.1.113883.6.73"),
    System.UNII: ("http://fdasis.nlm.nih.gov", "2.16.840.1.113883.4.9"),
    System.HCPCS: (
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "http://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo",
        "http://www.cms.gov/Medicare/Coding/MedHCPCSGenInfo/index.html",
        "2.16.840.1.113883.6.285",
        "2.16.840.1.113883.6.14",
    ),
    System.ICD10CM: (
        "http://hl7.org/fhir/sid/icd-10-cm",
        "http://terminology.hl7.org/CodeSystem/icd10CM",
        "2.16.840.1.113883.6.90",
    ),
    System.ICD10: (
        "http://hl7.org/fhir/sid/icd-10",
        "http://terminology.hl7.org/CodeSystem/icd10",
        "2.16.840.1.113883.6.3",
    ),
    System.ICD9CM: (
        "http://hl7.org/fhir/sid/icd-9-cm",
        "http://hl7.org/fhir/sid/icd-9-cm/diagnosis",
        "http://terminology.hl7.org/CodeSystem/icd9cm",
        "2.16.840.1.113883.6.103",
        "2.16.840.1.113883.6.42",
        "2.16.840.1.113883.6.2",
    ),
    System.STATUS_REASON: ("http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason",),
    System.NCIT: (
        "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
        "http://ncimeta.nci.nih.gov",
        "2.16.840.1.113883.3.26.1.1",
        "2.16.840.1.113883.3.26.1.2",
    ),
}
ADDRESSES = tuple(address for addresses in _SYSTEMS.values() for address in addresses)
_LETTERED = frozenset({System.ATC, System.HCPCS, System.UNII, System.NCIT})
_LONGEST_REMEMBERED = 200
_OID_PREFIX = "urn:oid:"
_SNOMED_EDITION = "http://snomed.info/sct/"


def address_of(system: System) -> str:
    """Return the address that FHIR gives a code system."""
    return _SYSTEMS[system][0]


def _folded(system: str) -> str:
    folded = system.strip().rstrip("/").lower().removeprefix(_OID_PREFIX)
    return "http://" + folded.removeprefix("https://") if folded.startswith("https://") else folded


_BY_ADDRESS = {_folded(address): system for system, addresses in _SYSTEMS.items() for address in addresses}
# Their codes are written in one way.
_PLAIN: Mapping[str | None, System] = {
    address: system for address, system in _BY_ADDRESS.items() if system not in {*_LETTERED, System.NDC}
}


def system_of(address: str) -> System | None:
    """Find a code system by its URL or OID; case, `https`, `urn:oid:`, spaces and a last slash make no difference."""
    if known := _BY_ADDRESS.get(address):
        return known
    return _written_otherwise(address) if len(address) <= _LONGEST_REMEMBERED else _found(address)


def _found(address: str) -> System | None:
    folded = _folded(address)
    return System.SNOMED if folded.startswith(_SNOMED_EDITION) else _BY_ADDRESS.get(folded)


# A site's own lists have few addresses, and they come with every entry of a record.
_written_otherwise = lru_cache(maxsize=512)(_found)


def local_address(address: str) -> str:
    """Write the address of a site's own list as its codes have it; raises ValueError for a system of ours."""
    if known := system_of(address):
        raise ValueError(f"is the system {known.value}, and has to be written so")
    return _folded(address)


def codes(address: str | None, value: str | None, local: frozenset[str] = frozenset()) -> tuple[Code, ...]:
    """Read a Coding as codes of the knowledge; empty where the system is not one of ours.

    `local` are the codes of the site's own lists that its overlay names, each as `address|code`.

    An NDC becomes nine digits, labeller and product; ten digits without hyphens can be read in three ways, and give
    three.
    """
    text = value.strip() if value else ""
    if not text:
        return ()
    # Nearly all systems are written as they should be, and most of their codes too.
    if (system := _PLAIN.get(address)) is not None:
        return (Code(system, text),)
    system = system_of(address) if address else None
    if system is None:
        # Most systems are none of ours, and most sites have no list of theirs here.
        return _local(address, text, local) if local and address else ()
    if system is System.NDC:
        return tuple(Code(system, product) for product in ndc_products(text))
    return (Code(system, text.upper() if system in _LETTERED else text),)


def _local(address: str, text: str, local: frozenset[str]) -> tuple[Code, ...]:
    written = f"{_folded(address)}|{text}"
    return (Code(System.LOCAL, written),) if written in local else ()


def is_local(address: str, local: frozenset[str]) -> bool:
    """Say whether an address is that of a list of which the overlay names a code."""
    return bool(local) and _folded(address) in {code.partition("|")[0] for code in local}


_PARTED = re.compile(r"^(\d{4,5})-(\d{3,4})(?:-\d{1,2})?$")


def ndc_products(value: str) -> tuple[str, ...]:
    """Return the labeller and product of an NDC in the 5-4 padding of HIPAA, every possible reading of it."""
    if parted := _PARTED.match(value):
        return (parted[1].zfill(5) + parted[2].zfill(4),)
    if not (value.isascii() and value.isdigit()):
        return ()
    if len(value) in (9, 11):
        return (value[:9],)
    if len(value) == 10:
        readings = ("0" + value[:8], value[:5] + "0" + value[5:8], value[:9])
        return tuple(dict.fromkeys(readings))
    return ()


def concept_codes(concept: Concept | EitherMedication | None, local: frozenset[str] = frozenset()) -> tuple[Code, ...]:
    """Return the codes of a concept, or of the concept in a CodeableReference."""
    if concept is None:
        return ()
    if isinstance(concept, EitherMedication) and concept.concept is not None:
        return concept_codes(concept.concept, local)
    found: list[Code] = []
    for item in concept.coding or ():
        found += codes(item.system, item.code, local)
    return tuple(found)
