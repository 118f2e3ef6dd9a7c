from collections.abc import Callable
from typing import Any

import pytest

from cards import KnowledgeError
from service import __version__
from tests.databases import own_database
from tests.fakes import SELECT, Shell


@pytest.fixture
def broken(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    def refuse(settings: Any) -> None:
        raise KnowledgeError(("rules.yaml: rules.0.id: missing; give the rule an id",))

    monkeypatch.setattr("service.site.build_engine", refuse)
    return shell


def test_a_running_process_is_alive(shell: Shell) -> None:
    response = shell.client().get("/livez")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})


def test_readiness_says_what_is_served(shell: Shell) -> None:
    client = shell.client(
        disabled_rules=["upadacitinib-jak"],
        indicator_ceiling={"upadacitinib-biologic": "info"},
        silent_rules=["upadacitinib-biologic"],
        clients=[{"id": "pilot", "silent": True}, {"id": "ehr"}],
    )
    response = client.get("/readyz")
    assert response.status_code == 200
    assert next(iter(response.get_json())) == "status"
    assert response.get_json() == {
        "status": "ready",
        "clientsWithKeys": 0,
        "version": __version__,
        "knowledge": {"version": "1.0.0", "sha256": "ab" * 32},
        "jurisdiction": "us",
        "disabledRules": ["upadacitinib-jak"],
        "loweredIndicators": {"upadacitinib-biologic": "info"},
        "silentRules": ["upadacitinib-biologic"],
        "silentClients": ["pilot"],
        "feedback": {"database": "not set up", "waiting": 0},
        "exceptions": {"rememberedDays": 0},
        "calls": {"atOnce": 32, "underWay": 0, "shed": 0},
        "fhirServersPaused": 0,
        "deviations": {},
    }


def test_readiness_shows_how_long_exceptions_are_remembered(shell: Shell) -> None:
    said = shell.client(remember_exceptions_days=90).get("/readyz").get_json()
    assert said["exceptions"] == {"rememberedDays": 90}


def test_readiness_shows_a_database_that_can_be_used(shell: Shell) -> None:
    own_database(shell.settings.data_dir)
    assert shell.client().get("/readyz").get_json()["feedback"] == {"database": "usable", "waiting": 0}


def test_readiness_shows_the_options_that_a_site_chose(shell: Shell) -> None:
    assert shell.client(options=("infliximab",)).get("/readyz").get_json()["options"] == ["infliximab"]
    assert shell.client(options=()).get("/readyz").get_json()["options"] == []
    assert "options" not in shell.client().get("/readyz").get_json()


def test_deviations_of_callers_are_counted_by_name(shell: Shell, answer_with: Callable[..., None]) -> None:
    answer_with(deviations=("hook-instance-not-uuid",))
    client = shell.client()
    client.post(SELECT, json={})
    client.post(SELECT, data=b"{}")
    counted = client.get("/readyz").get_json()["deviations"]
    assert counted == {"content-type-missing": 1, "hook-instance-not-uuid": 2}


@pytest.mark.fault(30)
def test_without_knowledge_the_service_lives_but_is_not_ready(broken: Shell) -> None:
    client = broken.client()
    assert client.get("/livez").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["status"] == "not ready"


@pytest.mark.fault(30)
def test_without_knowledge_a_call_is_refused_and_never_answered_with_no_cards(broken: Shell) -> None:
    response = broken.client().post(SELECT, json={})
    assert response.status_code == 503
    assert response.get_json()["issue"][0]["code"] == "transient"
    assert broken.asked == []


def test_the_log_names_every_problem_of_the_knowledge(broken: Shell, log_lines: Callable[[], list[Any]]) -> None:
    broken.client()
    (line,) = log_lines()
    assert line["event"] == "knowledge-unusable"
    assert line["problems"] == ["rules.yaml: rules.0.id: missing; give the rule an id"]
