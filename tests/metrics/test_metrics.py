from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cards.model import Gap
from service.app import METRICS, SITE
from service.errors import DataUnavailable, StoreUnavailable, Unauthorized
from service.fhir_access.chart_reads import FhirTrace, Read
from service.issued import Issued
from service.metrics.metrics import Metrics, Watched
from service.telemetry import Counts
from tests.fakes import SELECT, Shell

SERVICE = "upadacitinib-combination-select"


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def metrics_of(shell: Shell) -> Callable[..., tuple[Any, Metrics]]:
    def made(**changed: Any) -> tuple[Any, Metrics]:
        client = shell.client(metrics_port=9090, **changed)
        return client, client.application.extensions[METRICS]

    return made


def card(rule: str, indicator: str, *, shown: bool = True) -> Issued:
    return Issued("0f0e0d0c-0000-5000-8000-000000000001", rule, indicator, (), {}, shown)


def ask(client: Any) -> Any:
    return client.post(SELECT, data=b"{}", content_type="application/json")


def test_without_a_port_nothing_is_counted_and_nothing_imported_for_it(shell: Shell) -> None:
    assert METRICS not in shell.client().application.extensions


def test_a_call_is_counted_by_service_status_and_outcome_and_timed_by_hook(
    metrics_of: Callable[..., tuple[Any, Metrics]],
) -> None:
    client, metrics = metrics_of()
    ask(client)
    ask(client)
    asked = {"service": SERVICE, "status": "200", "outcome": "complete"}
    assert value(metrics, "upa_cds_requests_total", **asked) == 2
    assert value(metrics, "upa_cds_request_duration_seconds_count", hook="order-select") == 2


def test_cards_are_counted_by_rule_and_indicator_also_those_kept_back(
    metrics_of: Callable[..., tuple[Any, Metrics]], answer_with: Callable[..., None]
) -> None:
    client, metrics = metrics_of()
    issued = (card("upadacitinib-biologic", "warning"), card("upadacitinib-jak", "info", shown=False))
    answer_with(issued=issued, patient="p-1")
    ask(client)
    assert value(metrics, "upa_cds_cards_total", rule="upadacitinib-biologic", indicator="warning", shown="yes") == 1
    assert value(metrics, "upa_cds_cards_total", rule="upadacitinib-jak", indicator="info", shown="no") == 1


def test_a_rule_that_never_fired_is_a_nought_unless_the_site_silenced_it(
    metrics_of: Callable[..., tuple[Any, Metrics]],
) -> None:
    _, metrics = metrics_of(silent_rules=["upadacitinib-jak"])
    assert value(metrics, "upa_cds_cards_total", rule="upadacitinib-biologic", indicator="warning", shown="yes") == 0
    assert value(metrics, "upa_cds_cards_total", rule="upadacitinib-jak", indicator="warning", shown="yes") is None


@dataclass(frozen=True)
class FakeAssessment:
    gaps: dict[Gap, int]


def test_what_could_not_be_checked_is_counted_by_what_was_missing(
    metrics_of: Callable[..., tuple[Any, Metrics]], answer_with: Callable[..., None], shell: Shell
) -> None:
    client, metrics = metrics_of()
    gaps = {Gap.MEDICATIONS_FAILED: 2, Gap.CONDITIONS_ABSENT: 1}
    answer_with(outcome="incomplete", assessment=FakeAssessment(gaps), unidentified=3)
    ask(client)
    assert value(metrics, "upa_cds_not_checked_total", gap="medications-failed") == 1
    assert value(metrics, "upa_cds_not_checked_total", gap="conditions-absent") == 1
    assert value(metrics, "upa_cds_unidentified_medications_total") == 3
    shell.fails = DataUnavailable("prefetch holds no medication list")
    assert ask(client).status_code == 412
    assert value(metrics, "upa_cds_not_checked_total", gap="not-obtainable") == 1
    assert value(metrics, "upa_cds_requests_total", service=SERVICE, status="412", outcome="refused") == 1


def test_reads_of_a_fhir_server_are_counted_by_what_became_of_them(
    metrics_of: Callable[..., tuple[Any, Metrics]], answer_with: Callable[..., None], shell: Shell
) -> None:
    client, metrics = metrics_of()
    reads = (Read("MedicationRequest", 1, 3), Read("Condition", 1, 0, "timeout"))
    answer_with(trace=replace(shell.gives.trace, fhir=FhirTrace(reads=reads)))
    ask(client)
    assert value(metrics, "upa_cds_fhir_reads_total", result="ok") == 1
    assert value(metrics, "upa_cds_fhir_reads_total", result="timeout") == 1


def test_a_refusal_is_counted_by_its_reason(
    metrics_of: Callable[..., tuple[Any, Metrics]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise Unauthorized("aud-wrong")

    monkeypatch.setattr("service.hooks.caller", refuse)
    client, metrics = metrics_of()
    assert ask(client).status_code == 401
    assert value(metrics, "upa_cds_auth_refusals_total", reason="aud-wrong") == 1


def test_a_fault_of_the_call_is_no_refusal_of_a_caller(metrics_of: Callable[..., tuple[Any, Metrics]]) -> None:
    client, metrics = metrics_of()
    assert client.post(SELECT, data=b"{", content_type="text/plain").status_code == 415
    assert value(metrics, "upa_cds_auth_refusals_total", reason="media-type-refused") is None


def watched(**changed: Any) -> Watched:
    quiet = Watched((), lambda: 0, lambda: None, lambda: (0, 32), dict)
    return replace(quiet, **changed)


def test_the_calls_under_way_stand_beside_the_most_there_may_be(metrics_of: Callable[..., tuple[Any, Metrics]]) -> None:
    client, metrics = metrics_of(max_calls_at_once=7)
    with client.application.extensions[SITE].in_flight.call():
        metrics.refresh()
    assert value(metrics, "upa_cds_calls_in_flight") == 1
    assert value(metrics, "upa_cds_calls_at_once") == 7
    metrics.refresh()
    assert value(metrics, "upa_cds_calls_in_flight") == 0


def test_a_fhir_server_that_is_left_alone_is_named_as_the_settings_have_it_until_it_answers(
    metrics_of: Callable[..., tuple[Any, Metrics]],
) -> None:
    paused, other = "https://ehr.example.org/fhir", "https://fhir.hospital.example.org/r4"
    standing = {paused: True, other: False}
    metrics = Metrics(watched(paused=lambda: standing))
    metrics.refresh()
    assert value(metrics, "upa_cds_fhir_server_paused", server=paused) == 1
    assert value(metrics, "upa_cds_fhir_server_paused", server=other) == 0
    standing[paused] = False
    metrics.refresh()
    assert value(metrics, "upa_cds_fhir_server_paused", server=paused) == 0


def test_what_others_count_is_carried_over_once() -> None:
    counts = Counts()
    metrics = Metrics(watched(counts=[("deviations", counts)], waiting=lambda: 4), ("1.0.0", "ab"))
    counts.add(["user-id-missing"] * 2)
    metrics.refresh()
    metrics.refresh()
    assert value(metrics, "upa_cds_deviations_total", deviation="user-id-missing") == 2
    counts.add(["user-id-missing"])
    metrics.refresh()
    assert value(metrics, "upa_cds_deviations_total", deviation="user-id-missing") == 3
    assert value(metrics, "upa_cds_cards_waiting") == 4
    assert value(metrics, "upa_cds_database_usable", database="feedback") == 1
    assert value(metrics, "upa_cds_knowledge_info", version="1.0.0", sha256="ab") == 1


def test_a_database_that_cannot_be_used_is_a_nought() -> None:
    def check() -> None:
        raise StoreUnavailable("cannot be used")

    metrics = Metrics(watched(check=check))
    metrics.refresh()
    assert value(metrics, "upa_cds_database_usable", database="feedback") == 0
