"""The orders that a suggestion writes: resources of actions, in the FHIR version of the client's own drafts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cards.model import Action, Order, ServiceOrder, System

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_SYSTEMS = {System.RXNORM: _RXNORM}


class FhirVersion(StrEnum):
    """The FHIR versions that are read and written; R4B is R4 in every element that is used here."""

    DSTU2 = "DSTU2"
    STU3 = "STU3"
    R4 = "R4"
    R5 = "R5"


@dataclass(frozen=True, slots=True)
class Session:
    """What actions are written from: whose orders they are, and the drafts as sent, by `Type/id`, of one `version`."""

    patient: str = ""
    drafts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: FhirVersion = FhirVersion.R4


def updated(action: Action, session: Session) -> dict[str, Any] | None:
    """Return the client's own draft with the order whose place it takes (FHIR R4, priorPrescription)."""
    if action.order is None or action.resource_id is None:
        return None
    return {**session.drafts[action.resource_id], "priorPrescription": {"reference": action.order.replaces}}


def created(action: Action, session: Session) -> dict[str, Any] | None:
    """Write the new order of a create."""
    if action.order:
        return _medication_request(action.order, session.patient)
    return _service_request(action.service, session.patient) if action.service else None


def exchanged(action: Action, session: Session) -> dict[str, Any] | None:
    """Write the new order in the place of a draft, under its id: a dose of the old drug never stays."""
    if action.order is None or action.resource_id is None:
        return None
    order = _medication_request(action.order, session.patient)
    return {"resourceType": order["resourceType"], "id": action.resource_id.rpartition("/")[2]} | order


def _medication_request(order: Order, patient: str) -> dict[str, Any]:
    """Write a new order by ingredient, with no dose: the prescriber completes it (FHIR R4, MedicationRequest)."""
    coding = {"system": _SYSTEMS[order.code.system], "code": order.code.value, "display": order.display}
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [coding], "text": order.text or order.display},
        "subject": {"reference": f"Patient/{patient}"},
        "priorPrescription": {"reference": order.replaces},
    }


def _service_request(order: ServiceOrder, patient: str) -> dict[str, Any]:
    """Write a laboratory or screening order by text (FHIR R4, ServiceRequest)."""
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": {"text": order.text},
        "subject": {"reference": f"Patient/{patient}"},
    }
