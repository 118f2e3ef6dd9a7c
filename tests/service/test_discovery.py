import re

from flask.testing import FlaskClient

from service.discovery import SERVICES, discovery_document, service_by_id
from tests.fakes import Shell


def test_the_three_services_are_announced() -> None:
    announced = [(service["id"], service["hook"]) for service in discovery_document()["services"]]
    assert announced == [
        ("upadacitinib-combination-select", "order-select"),
        ("upadacitinib-combination-sign", "order-sign"),
        ("upadacitinib-combination-view", "patient-view"),
    ]


def test_prefetch_uses_the_patient_id_alone_and_no_search_modifier() -> None:
    for service in SERVICES:
        assert list(service.prefetch) == [
            "patient",
            "conditions",
            "medicationRequests",
            "medicationStatements",
            "medicationAdministrations",
            "medicationDispenses",
            "allergies",
        ]
        for template in service.prefetch.values():
            assert re.fullmatch(r"[A-Za-z]+(\?patient=|/)\{\{context\.patientId\}\}", template)


def test_a_service_is_found_by_its_id_and_by_nothing_else() -> None:
    assert service_by_id("upadacitinib-combination-sign") is SERVICES[1]
    assert service_by_id("order-sign") is None


def test_discovery_is_served_as_json_with_and_without_a_trailing_slash(shell: Shell) -> None:
    client: FlaskClient = shell.client()
    for path in ("/cds-services", "/cds-services/"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        assert response.get_json() == discovery_document()


def test_head_is_answered_like_get_without_a_body(shell: Shell) -> None:
    response = shell.client().head("/cds-services")
    assert response.status_code == 200
    assert response.data == b""
