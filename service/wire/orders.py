"""The orders that a suggestion writes: resources of actions, in the FHIR version of the client's own drafts.

Nothing is invented: an order has its ingredient, its patient, what it replaces, and what its version requires.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cards.model import Action, Code, Order, ServiceOrder, System
from service.wire.fhir_version import FhirVersion
from service.wire.nulls import without_nulls

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_SYSTEMS = {System.RXNORM: _RXNORM}


@dataclass(frozen=True, slots=True)
class Session:
    """What actions are written from: whose orders they are, and the drafts as the client sent them, by `Type/id`.

    `version` is the FHIR version of the drafts.
    """

    patient: str = ""
    drafts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: FhirVersion = FhirVersion.R4


def updated(action: Action, session: Session) -> dict[str, Any] | None:
    """Return the client's own draft, without its nulls, with the order whose place it takes.

    `priorPrescription` is a Reference in MedicationRequest of STU3, R4 and R5 and in MedicationOrder of DSTU2.
    """
    if action.order is None or action.resource_id is None:
        return None
    draft = without_nulls(session.drafts[action.resource_id])
    return {**draft, "priorPrescription": {"reference": action.order.replaces}}


def created(action: Action, session: Session) -> dict[str, Any] | None:
    """Write the new order of a create."""
    if action.order:
        return _medication(action.order, session)
    return _service(action.service, session) if action.service else None


def exchanged(action: Action, session: Session) -> dict[str, Any] | None:
    """Write the new order in the place of a draft, under its type and id: a dose of the old drug never stays."""
    if action.order is None or action.resource_id is None:
        return None
    kind, _, own = action.resource_id.rpartition("/")
    version = FhirVersion.DSTU2 if kind == "MedicationOrder" else session.version
    if kind != "MedicationOrder" and version is FhirVersion.DSTU2:
        version = FhirVersion.R4
    order = _medication(action.order, replace(session, version=version))
    return {"resourceType": order["resourceType"], "id": own} | order


def new_medication_request(name: str, code: Code, patient: str) -> dict[str, Any]:
    """Write an order (R4) that replaces nothing: a drug by name and code, no dose. The code's display is not known."""
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": _SYSTEMS[code.system], "code": code.value}], "text": name},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _medication(order: Order, session: Session) -> dict[str, Any]:
    return _MEDICATION[session.version](order, {"reference": f"Patient/{session.patient}"})


def _service(order: ServiceOrder, session: Session) -> dict[str, Any]:
    return _SERVICE[session.version]({"text": order.text}, {"reference": f"Patient/{session.patient}"})


_Reference = Mapping[str, str]
_Concept = Mapping[str, Any]


def _drug(order: Order) -> _Concept:
    """Name a drug by ingredient: no dose, the prescriber completes the order."""
    coding = {"system": _SYSTEMS[order.code.system], "code": order.code.value, "display": order.display}
    return {"coding": [coding], "text": order.text or order.display}


def _medication_order(order: Order, patient: _Reference) -> dict[str, Any]:
    """Write an order of DSTU2, which has no intent."""
    return {
        "resourceType": "MedicationOrder",
        "status": "draft",
        "medicationCodeableConcept": _drug(order),
        "patient": patient,
        "priorPrescription": {"reference": order.replaces},
    }


def _medication_request(order: Order, patient: _Reference) -> dict[str, Any]:
    """Write an order of STU3 and R4, which are alike in what is written here."""
    return _request(order, patient, {"medicationCodeableConcept": _drug(order)})


def _medication_request_r5(order: Order, patient: _Reference) -> dict[str, Any]:
    """Write an order of R5, whose medication is a CodeableReference."""
    return _request(order, patient, {"medication": {"concept": _drug(order)}})


def _request(order: Order, patient: _Reference, medication: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        **medication,
        "subject": patient,
        "priorPrescription": {"reference": order.replaces},
    }


def _diagnostic_order(what: _Concept, patient: _Reference) -> dict[str, Any]:
    """Write a laboratory test of DSTU2, where a ProcedureRequest is for what is done to the patient."""
    return {"resourceType": "DiagnosticOrder", "status": "draft", "subject": patient, "item": [{"code": what}]}


def _service_request(
    kind: str, code: Callable[[_Concept], _Concept]
) -> Callable[[_Concept, _Reference], dict[str, Any]]:
    def write(what: _Concept, patient: _Reference) -> dict[str, Any]:
        return {"resourceType": kind, "status": "draft", "intent": "order", "code": code(what), "subject": patient}

    return write


_MEDICATION: Mapping[FhirVersion, Callable[[Order, _Reference], dict[str, Any]]] = {
    FhirVersion.DSTU2: _medication_order,
    FhirVersion.STU3: _medication_request,
    FhirVersion.R4: _medication_request,
    FhirVersion.R5: _medication_request_r5,
}
# Laboratory and screening orders are texts. A ServiceRequest is a ProcedureRequest in STU3.
_SERVICE: Mapping[FhirVersion, Callable[[_Concept, _Reference], dict[str, Any]]] = {
    FhirVersion.DSTU2: _diagnostic_order,
    FhirVersion.STU3: _service_request("ProcedureRequest", lambda what: what),
    FhirVersion.R4: _service_request("ServiceRequest", lambda what: what),
    FhirVersion.R5: _service_request("ServiceRequest", lambda what: {"concept": what}),
}
