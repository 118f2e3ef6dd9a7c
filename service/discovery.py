"""The table of our services and the discovery document made from it (CDS Hooks 2.0.1, Discovery)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

PREFETCH: Mapping[str, str] = MappingProxyType(
    {
        "patient": "Patient/{{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}",
        "medicationRequests": "MedicationRequest?patient={{context.patientId}}",
        "medicationStatements": "MedicationStatement?patient={{context.patientId}}",
        "medicationAdministrations": "MedicationAdministration?patient={{context.patientId}}",
        "medicationDispenses": "MedicationDispense?patient={{context.patientId}}",
        "allergies": "AllergyIntolerance?patient={{context.patientId}}",
    }
)

SCOPE = (
    "Warns when upadacitinib is combined with a biologic, another JAK inhibitor or a potent immunosuppressant. "
    "Only combinations with upadacitinib are checked: not single-drug contraindications, doses, other drug "
    "interactions or other dual-biologic therapy."
)
NEEDS = (
    "Needs the draft orders and the patient's medication list: by prefetch, or from the fhirServer of the call with "
    "its fhirAuthorization, where the site has listed that server. Without any medication data an order in scope is "
    "answered with 412, or with a card that says so, as the site chooses."
)


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service as discovery announces it. `prefetch` maps a key to its query template."""

    id: str
    hook: str
    title: str
    description: str
    usage_requirements: str = NEEDS
    prefetch: Mapping[str, str] = field(default_factory=lambda: PREFETCH)


SERVICES: tuple[Service, ...] = (
    Service(
        id="upadacitinib-combination-select",
        hook="order-select",
        title="Upadacitinib combinations, while an order is picked",
        description=SCOPE,
    ),
    Service(
        id="upadacitinib-combination-sign",
        hook="order-sign",
        title="Upadacitinib combinations, before orders are signed",
        description=SCOPE,
    ),
    Service(
        id="upadacitinib-combination-view",
        hook="patient-view",
        title="Upadacitinib combinations on record, when a chart is opened",
        description=f"{SCOPE} When a chart is opened, only combinations already in force are named.",
    ),
)


ORDER_HELPER = Service(
    id="order-helper",
    hook="order-select",
    title="Order helper, a test tool",
    description="Puts drugs of the catalogue into the draft order, one click each, in clients whose picker lacks them.",
    usage_requirements="For testing on one machine. It checks nothing.",
    prefetch={},
)


def service_by_id(service_id: str) -> Service | None:
    """Find the service with this id, the last segment of its address."""
    return next((service for service in SERVICES if service.id == service_id), None)


def discovery_document(version: str | None = None, *, order_helper: bool = False) -> dict[str, Any]:
    """Announce every service of the table, in its order; each with the version of CDS Hooks, if one is given.

    The attribute is of CDS Hooks 3.0 (Discovery, `services[].version`): a client of 2.0 ignores it.
    """
    said = {} if version is None else {"version": version}
    services = (*SERVICES, ORDER_HELPER) if order_helper else SERVICES
    return {"services": [_announced(service) | said for service in services]}


def _announced(service: Service) -> dict[str, Any]:
    announced = {
        "hook": service.hook,
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "usageRequirements": service.usage_requirements,
    }
    return announced | ({"prefetch": dict(service.prefetch)} if service.prefetch else {})
