"""What says that a medicine was not taken, not given or not handed over, and status words of one meaning.

Versions say it in different places: a status (R4), a word beside it (STU3 `taken`, R5 `adherence`), a boolean (DSTU2
`wasNotTaken`, `wasNotGiven`; STU3 `notGiven`, `notDone`). It is read from the resource itself, so that it holds for
mixtures, and for a resource that its model refuses.
"""

from collections.abc import Mapping
from typing import Any

_NOT_TAKEN = frozenset({"not-taken", "not-taking", "n"})
# FHIR R5, CodeSystem medication-statement-adherence: these are kinds of "not-taking" there, and a status in R4.
_ADHERENCE = {
    **dict.fromkeys(("stopped", "stopped-as-directed", "stopped-not-as-directed"), "stopped"),
    **dict.fromkeys(("on-hold", "on-hold-as-directed", "on-hold-not-as-directed"), "on-hold"),
    "unknown": "unknown",
}
# An order of a service that was ended: R4 `revoked`, DSTU2 `aborted` and `rejected`; before R4 a hold was `suspended`.
_SERVICE_WORDS = {"revoked": "stopped", "aborted": "stopped", "rejected": "cancelled", "suspended": "on-hold"}
_SERVICES = frozenset({"ServiceRequest", "ProcedureRequest"})
_UNDONE = {
    "wasNotGiven": ("MedicationAdministration", "not-done"),
    "notGiven": ("MedicationAdministration", "not-done"),
    "notDone": ("MedicationDispense", "declined"),
}


def is_true(value: object) -> bool:
    """Say whether a FHIR boolean is true, also where it was sent as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def status_word(status: str | None, kind: str | None) -> str | None:
    """Return a status in the words of the R4 medication statuses."""
    return _SERVICE_WORDS.get(status or "", status) if kind in _SERVICES else status


def stated_status(resource: Mapping[str, Any], status: str | None) -> str | None:
    """Return the status of a resource in R4 words, with what other versions say beside it."""
    kind = resource.get("resourceType")
    for name, (where, word) in _UNDONE.items():
        if kind == where and is_true(resource.get(name)) and status != "entered-in-error":
            return word
    if kind == "MedicationStatement" and status == "recorded":
        return next((_ADHERENCE[code] for code in _adherence(resource) if code in _ADHERENCE), status)
    return status_word(status, kind if isinstance(kind, str) else None)


def is_not_taken(resource: Mapping[str, Any], status: str | None) -> bool:
    """Say whether a statement says that the medicine is not taken."""
    said = {status, *_adherence(resource)}
    taken = resource.get("taken")
    return (
        not said.isdisjoint(_NOT_TAKEN)
        or (isinstance(taken, str) and taken in _NOT_TAKEN)
        or is_true(resource.get("wasNotTaken"))
    )


def _adherence(resource: Mapping[str, Any]) -> list[str]:
    adherence = resource.get("adherence")
    concept = adherence.get("code") if isinstance(adherence, dict) else None
    codings = concept.get("coding") if isinstance(concept, dict) else None
    codes = [item.get("code") for item in codings if isinstance(item, dict)] if isinstance(codings, list) else []
    return [code for code in codes if isinstance(code, str)]
