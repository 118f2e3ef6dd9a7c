"""The FHIR versions, and what a call says of its own: CDS Hooks has no member for it.

Epic sends an extension; elsewhere the address of the FHIR server often names the version.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

EPIC_EXTENSION = "com.epic.cdshooks.request.fhir-version"


class FhirVersion(StrEnum):
    """The FHIR versions that are read and written; R4 stands for R4B too, which differs in no element used here."""

    DSTU2 = "DSTU2"
    STU3 = "STU3"
    R4 = "R4"
    R5 = "R5"


_WORDS: Mapping[str, FhirVersion] = {
    "dstu2": FhirVersion.DSTU2,
    "r2": FhirVersion.DSTU2,
    "stu3": FhirVersion.STU3,
    "r3": FhirVersion.STU3,
    "r4": FhirVersion.R4,
    "r4b": FhirVersion.R4,
    "r5": FhirVersion.R5,
}


def hinted_version(envelope: Mapping[str, Any]) -> FhirVersion | None:
    """Return the FHIR version that a hook request names, in Epic's extension or in a segment of `fhirServer`."""
    extension, server = envelope.get("extension"), envelope.get("fhirServer")
    stated = extension.get(EPIC_EXTENSION) if isinstance(extension, dict) else None
    if isinstance(stated, str) and (known := _WORDS.get(stated.strip().casefold())):
        return known
    segments = server.casefold().split("/") if isinstance(server, str) else []
    return next((_WORDS[segment] for segment in reversed(segments) if segment in _WORDS), None)
