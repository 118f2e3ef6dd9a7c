"""What is missing from a call, and that nothing else is asked for."""

import json
from typing import Any

import msgspec
import pytest

from service.discovery import SERVICES
from service.fhir import open_value
from service.fhir_access.chart_reads import MOST_MEDICATIONS, ChartReads, missing
from service.fhir_access.fetch import FhirAccess, Refusal
from service.fhir_server import FhirServer
from service.prefetch import Prefetched
from service.wire import FhirOffer, FhirVersion, read_request
from tests import builders as make
from tests.fakes import FakeFhir

ALL = (
    "patient conditions medicationRequests medicationStatements medicationAdministrations medicationDispenses allergies"
).split()
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
ORDER = make.medication_request("o1", "adalimumab")
PAGED = make.bundle(ORDER) | {"link": [{"relation": "next", "url": "?page=2"}]}


def asked(prefetch: Any, unsupported: frozenset[str] = frozenset()) -> list[str]:
    opened = {key: open_value(msgspec.Raw(json.dumps(value).encode())) for key, value in prefetch.items()}
    return [query.key if query.url else f"more of {query.key}" for query in missing(opened, "p1", unsupported)]


def whole(**changed: Any) -> dict[str, Any]:
    return make.prefetch([make.patient()]) | changed


@pytest.mark.parametrize(
    ("prefetch", "expected"),
    [
        ({}, ALL),
        (whole(), []),
        (whole(medicationRequests=None), []),
        (whole(patient=None, conditions=None), []),
        (make.prefetch(without=["allergies", "conditions"]), ["conditions", "allergies"]),
        (whole(medicationRequests=OUTCOME), ["medicationRequests"]),
        (whole(medicationRequests="<html>"), ["medicationRequests"]),
        (whole(medicationRequests={}), ["medicationRequests"]),
        (whole(medicationRequests=[]), ["medicationRequests"]),
        (whole(medicationRequests={"response": {"status": "404"}}), ["medicationRequests"]),
        (whole(medicationRequests={"response": {"status": "200"}, "resource": make.bundle()}), []),
        (whole(medicationRequests=ORDER), []),
        (whole(medicationRequests=PAGED), ["more of medicationRequests"]),
        (whole(allergies=make.bundle() | {"link": PAGED["link"]}), ["more of allergies"]),
        (whole(other=OUTCOME), []),
        (whole(other=make.bundle() | {"link": PAGED["link"]}), []),
        (make.prefetch(without=["medicationRequests"]) | {"orders": make.bundle(ORDER)}, []),
        (make.prefetch(without=["medicationRequests"]) | {"orders": PAGED}, ["more of orders"]),
        (make.prefetch(without=["medicationRequests"]) | {"orders": make.bundle()}, ["medicationRequests"]),
        (make.prefetch(without=["medicationRequests"]) | {"orders": OUTCOME}, ["medicationRequests"]),
        (whole(medicationRequests=OUTCOME, orders=make.bundle(ORDER)), ["medicationRequests"]),
    ],
)
def test_only_what_is_missing_is_asked_for(prefetch: Any, expected: list[str]) -> None:
    assert asked(prefetch) == expected


def test_what_the_server_does_not_offer_is_not_asked_for() -> None:
    assert asked({}, frozenset({"Patient", "MedicationStatement"})) == [
        key for key in ALL if key not in ("patient", "medicationStatements")
    ]


DSTU2_ORDER = {"resourceType": "MedicationOrder", "id": "o1", "patient": {"reference": "Patient/p1"}}


def orders_asked_for(version: FhirVersion | None = None, *, unsupported: str = "", **prefetch: Any) -> list[str | None]:
    opened = {key: open_value(msgspec.Raw(json.dumps(value).encode())) for key, value in prefetch.items()}
    queries = missing(opened, "p1", frozenset({unsupported}), version)
    return [query.url for query in queries if query.key == "medicationRequests"]


def test_a_dstu2_server_is_asked_for_orders_by_the_name_that_they_have_there_and_no_other_server() -> None:
    older, newer = ["MedicationOrder?patient=p1&_count=200"], ["MedicationRequest?patient=p1&_count=200"]
    assert orders_asked_for(FhirVersion.DSTU2) == older
    assert [orders_asked_for(version) for version in (None, *list(FhirVersion)[1:])] == [newer] * 4
    assert orders_asked_for(FhirVersion.DSTU2, medicationRequests=OUTCOME) == older
    assert orders_asked_for(FhirVersion.DSTU2, orders=make.bundle(DSTU2_ORDER)) == []
    for lacking in ("MedicationOrder", "MedicationRequest"):
        assert orders_asked_for(FhirVersion.DSTU2, unsupported=lacking) == []


def test_delivered_resources_that_only_dstu2_has_show_the_version_where_nothing_else_does() -> None:
    older, newer = ["MedicationOrder?patient=p1&_count=200"], ["MedicationRequest?patient=p1&_count=200"]
    delivered = make.bundle({"resourceType": "MedicationStatement", "id": "s1"}, DSTU2_ORDER)
    assert orders_asked_for(medicationStatements=delivered, medicationRequests=OUTCOME) == older
    assert orders_asked_for(FhirVersion.R4, medicationStatements=delivered) == newer


@pytest.mark.parametrize(
    ("of_site", "of_call", "asked_for"),
    [
        (None, None, "MedicationRequest"),
        (None, FhirVersion.DSTU2, "MedicationOrder"),
        ("DSTU2", FhirVersion.R4, "MedicationOrder"),
        ("R4", FhirVersion.DSTU2, "MedicationRequest"),
    ],
)
def test_what_the_site_says_of_its_server_counts_before_what_a_call_shows(
    of_site: Any, of_call: FhirVersion | None, asked_for: str
) -> None:
    server = FakeFhir()
    listed = FhirServer(base=make.SERVER, version=of_site)
    access = FhirAccess(FhirOffer(make.SERVER, "token"), "patient-1", (listed,), 1.0, of_call)
    with ChartReads(server, access) as chart:
        chart.completed(Prefetched())
    assert {url.partition("?")[0] for url in server.asked} & {"MedicationOrder", "MedicationRequest"} == {asked_for}


@pytest.mark.parametrize(
    ("kind", "server", "version"),
    [
        ("MedicationOrder", "https://ehr.example.org/r4", FhirVersion.DSTU2),
        ("MedicationRequest", "https://ehr.example.org/api/FHIR/DSTU2", FhirVersion.DSTU2),
        ("MedicationRequest", "https://ehr.example.org/r4", FhirVersion.R4),
        ("MedicationRequest", "https://ehr.example.org/fhir", None),
    ],
)
def test_a_call_shows_the_version_of_its_server_by_its_drafts_and_by_the_address(
    kind: str, server: str, version: FhirVersion | None
) -> None:
    call = make.order_sign([make.draft("d1", "upadacitinib") | {"resourceType": kind}]) | {"fhirServer": server}
    service = next(item for item in SERVICES if item.hook == "order-sign")
    assert read_request(json.dumps(call).encode(), service).server_version is version


def test_the_patient_is_written_into_the_query_and_cannot_change_it() -> None:
    queries = missing({}, "a/b?c&d=e f")
    assert [query.url for query in queries[:2]] == [
        "Patient/a%2Fb%3Fc%26d%3De%20f",
        "Condition?patient=a%2Fb%3Fc%26d%3De%20f&_count=200",
    ]


def reads(server: FakeFhir, base: str | None = make.SERVER) -> ChartReads:
    offer = FhirOffer(base, "token")
    return ChartReads(server, FhirAccess(offer, "patient-1", (FhirServer(base=make.SERVER),), 1.0))


def test_nothing_is_opened_where_nothing_is_missing() -> None:
    server = FakeFhir()
    with reads(server) as chart:
        chart.completed(Prefetched(deliveries={key: open_value(msgspec.Raw(b"null")) for key in ALL}))
        chart.medications([])
    assert (server.opened, server.closed, chart.tried) == ([], 0, False)


def test_a_session_is_opened_once_and_closed_also_after_a_failure() -> None:
    server = FakeFhir()
    with pytest.raises(KeyError):
        _read_and_fail(server)
    assert (len(server.opened), server.closed) == (1, 1)


def _read_and_fail(server: FakeFhir) -> None:
    with reads(server) as chart:
        chart.completed(Prefetched())
        chart.medications(["Medication/1"])
        raise KeyError


def test_a_refusal_is_remembered_and_not_asked_for_again() -> None:
    server = FakeFhir()
    with reads(server, "https://evil.example.org") as chart:
        chart.completed(Prefetched())
        chart.medications(["Medication/1"])
    assert (chart.trace.refusal, chart.tried, server.asked) == (Refusal.NOT_LISTED, False, [])


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("Medication/m1", "Medication/m1"),
        (" Medication/m1", None),
        ("Medication/m1/_history/2", "Medication/m1"),
        (f"{make.SERVER}/Medication/m1", "Medication/m1"),
        (f"{make.SERVER}/Medication/m1/_history/2", "Medication/m1"),
        ("https://evil.example.org/fhir/Medication/m1", None),
        ("//evil.example.org/fhir/Medication/m1", None),
        ("Substance/s1", None),
        ("Medication?code=x", None),
        ("Medication/m1?x=y", None),
        ("Medication/m1/$everything", None),
        ("Medication/../Patient", None),
        ("#m1", None),
        ("urn:uuid:3a1c8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01", None),
        ("m1", None),
        ("", None),
    ],
)
def test_a_medication_is_read_by_its_id_inside_the_base_only(reference: str, url: str | None) -> None:
    server = FakeFhir({"Medication/m1": {"resourceType": "Medication", "id": "m1"}})
    with reads(server) as chart:
        found = chart.medications([reference, reference])
    assert server.asked == ([url] if url else [])
    assert [(item.kind, item.id, item.url) for item in found] == ([("Medication", "m1", url)] if url else [])


def test_medications_are_read_once_each_and_so_many_of_them() -> None:
    server = FakeFhir()
    with reads(server) as chart:
        chart.medications([f"Medication/{n}" for n in range(30)])
        chart.medications([f"Medication/{n}" for n in range(100)])
    assert sorted(server.asked, key=lambda url: int(url[11:])) == [f"Medication/{n}" for n in range(MOST_MEDICATIONS)]


def test_the_calls_come_in_the_order_of_the_queries_whichever_ends_first() -> None:
    server = FakeFhir()
    with reads(server) as chart:
        chart.completed(Prefetched())
        chart.medications(["Medication/b", "Medication/a"])
    kinds = [call.url.replace("?", "/").partition("/")[0] for call in chart.calls]
    assert kinds == [
        "Patient",
        "Condition",
        "MedicationRequest",
        "MedicationStatement",
        "MedicationAdministration",
        "MedicationDispense",
        "AllergyIntolerance",
        "Medication",
        "Medication",
    ]
