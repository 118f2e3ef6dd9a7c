"""References: whose a resource is, and which resource is meant."""

from typing import Any

from service.fhir.scan import Scan
from service.wire import last_two

_URN = ("urn:uuid:", "urn:oid:")


def target(reference: Any) -> str | None:
    """Return `Type/id` of a reference (a scan or a model) that names a resource of a server; None for any other."""
    text = str(getattr(reference, "reference", None) or "").strip()
    if not text or text.startswith(("#", *_URN)):
        return None
    short = last_two(text)
    return short if "/" in short else None


def is_of_other_patient(scan: Scan, patient: str) -> bool:
    """Say whether a resource names a subject that is not this patient.

    A missing subject, and one that cannot be compared (contained, or a urn of another form), is this patient: what we
    do not know must not silence a warning.
    """
    subject = scan.subject if scan.subject is not None else scan.patient
    text = (subject.reference or "").strip() if subject else ""
    if not text or text.startswith(("#", *_URN)):
        return False
    kind, _, own = last_two(text).rpartition("/")
    return own != patient or kind not in ("Patient", "")


def subject_is_unclear(scan: Scan, patient: str) -> bool:
    """Say whether the subject is a reference that cannot be compared with the patient of the call."""
    subject = scan.subject if scan.subject is not None else scan.patient
    text = (subject.reference or "").strip() if subject else ""
    return text.startswith(_URN) and text.rpartition(":")[2] != patient
