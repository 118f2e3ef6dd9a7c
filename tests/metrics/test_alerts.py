"""The alert rules speak of metrics and labels that there are. `promtool` says whether they fire when they should."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from cards import load_catalogue
from service.commands.audit import INTACT, VERIFIED_AT
from service.metrics.families import families
from tests.service.test_serve import ROOT

DEPLOY = ROOT / "service" / "deploy"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
# Written by Prometheus itself, or by `upa-cds audit verify`.
ELSEWHERE = {"up": {"job", "instance"}, INTACT: {"instance"}, VERIFIED_AT: {"instance"}}


def _known() -> dict[str, set[str]]:
    """Return the samples that there are, with their labels and those that Prometheus adds."""
    made, found = families(CollectorRegistry()), dict(ELSEWHERE)
    for field in fields(made):
        metric = getattr(made, field.name)
        assert isinstance(metric, MetricWrapperBase)
        labels = {*metric._labelnames, "instance", "job"}
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[str(metric._type)]
        found |= {metric._name + suffix: labels | {"le"} for suffix in suffixes}
    return found


KNOWN = _known()
IDS = [alert["alert"] for alert in ALERTS]


@pytest.mark.parametrize("alert", ALERTS, ids=IDS)
def test_every_metric_and_label_of_an_alert_exists(alert: dict[str, Any]) -> None:
    named = re.findall(r"\b(upa_cds_\w+|up)\b(?:\{([^}]*)\})?", alert["expr"])
    assert named
    for metric, selected in named:
        assert metric in KNOWN
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selected)) <= KNOWN[metric]
    grouped = {label for listed in re.findall(r"by \(([^)]*)\)", alert["expr"]) for label in listed.split(", ")}
    told = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]))
    assert grouped | told <= set().union(*(KNOWN[metric] for metric, _ in named))


@pytest.mark.parametrize("alert", ALERTS, ids=IDS)
def test_every_alert_says_how_urgent_it_is_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["runbook"] == f"#{alert['alert'].lower()}"
    assert alert["annotations"]["summary"].endswith(".")


def test_every_alert_is_there_once_and_in_the_table_of_the_page() -> None:
    assert len(IDS) == len(set(IDS))
    page = (ROOT / "service" / "metrics" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(UpaCds\w+)` \|", page, flags=re.MULTILINE) == IDS


def test_every_metric_is_in_the_table_of_the_page() -> None:
    page = (ROOT / "service" / "metrics" / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(upa_cds_\w+)` \|", page, flags=re.MULTILINE))
    assert told == {name for name in KNOWN if not name.endswith(("_bucket", "_sum", "_count"))} - {"up"} | {
        "upa_cds_request_duration_seconds",
        "upa_cds_fhir_duration_seconds",
    }


def test_outcomes_and_statuses_that_the_alerts_select_are_those_of_the_service() -> None:
    chosen = set(re.findall(r'outcome=~?"([^"]+)"', "\n".join(alert["expr"] for alert in ALERTS)))
    assert {word for one in chosen for word in one.split("|")} == {"complete", "incomplete"}


def test_no_rule_of_the_knowledge_is_too_odd_for_a_label() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", rule) for rule in load_catalogue().rules)


def test_the_tests_of_the_alerts_are_run_by_continuous_integration() -> None:
    assert "promtool test rules service/deploy/alerts.test.yaml" in (ROOT / ".ci" / "run").read_text()
    assert Path(DEPLOY / "alerts.test.yaml").exists()
