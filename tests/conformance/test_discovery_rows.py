"""The discovery document against the numbered requirements of the CDS Hooks reference, one test per row.

Rows 9 to 22 are the whole of Discovery; rows 3 and 4 (empty values) and 44 to 48 (prefetch templates) bind it too.
"""

import re
import sys
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.conformance.values import empty_values, is_text
from tests.fakes import Shell

ROWS = frozenset(range(9, 23))
NOT_APPLICABLE = {
    11: "The service always announces three services, so the empty list never arises (pinned by row 10).",
}

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
TOKEN = re.compile(r"\{\{(.*?)\}\}")
READ = re.compile(r"[A-Z][A-Za-z]+/\{\{context\.patientId\}\}")
SEARCH = re.compile(r"[A-Z][A-Za-z]+\?(?P<query>[^?#]+)")


@pytest.fixture
def document(shell: Shell) -> Any:
    return shell.client().get("/cds-services").get_json()


@pytest.fixture
def announced(document: Any) -> list[dict[str, Any]]:
    services: list[dict[str, Any]] = document["services"]
    assert services
    return services


@pytest.fixture
def templates(announced: list[dict[str, Any]]) -> list[str]:
    found = [template for service in announced for template in service["prefetch"].values()]
    assert found
    return found


def test_every_row_is_tested_or_said_not_to_apply() -> None:
    names = (re.match(r"test_row_(\d+)_", name) for name in vars(sys.modules[__name__]))
    tested = {int(match[1]) for match in names if match} & ROWS
    assert tested | set(NOT_APPLICABLE) == ROWS
    assert not tested & set(NOT_APPLICABLE)


def test_row_3_no_value_is_null_or_empty(document: Any) -> None:
    assert list(empty_values(document)) == []


def test_row_4_an_optional_attribute_is_there_with_a_value_or_not_at_all(announced: list[dict[str, Any]]) -> None:
    for service in announced:
        for key in ("title", "prefetch", "usageRequirements", "version", "hookVersion", "extension"):
            assert key not in service or service[key]


def test_row_9_discovery_is_served_at_cds_services(shell: Shell) -> None:
    assert shell.client().get("/cds-services").is_json


def test_row_10_the_body_is_an_object_with_the_array_services(document: Any) -> None:
    assert isinstance(document, dict)
    assert isinstance(document["services"], list)
    assert len(document["services"]) == 3


def test_row_12_each_service_names_its_hook(announced: list[dict[str, Any]]) -> None:
    assert [service["hook"] for service in announced] == ["order-select", "order-sign", "patient-view"]


def test_row_13_each_service_has_a_title(announced: list[dict[str, Any]]) -> None:
    assert all(is_text(service["title"]) for service in announced)


def test_row_14_each_service_has_a_description(announced: list[dict[str, Any]]) -> None:
    assert all(is_text(service["description"]) for service in announced)


def test_row_15_the_id_is_the_last_segment_of_the_address(announced: list[dict[str, Any]], shell: Shell) -> None:
    client = shell.client()
    for service in announced:
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", service["id"])
        assert client.post(f"/cds-services/{service['id']}", json={}).status_code == 200
    assert [service.id for _, service, _ in shell.asked] == [service["id"] for service in announced]
    assert client.post("/cds-services/another", json={}).status_code == 404


def test_row_16_prefetch_maps_a_key_to_a_query_string(announced: list[dict[str, Any]]) -> None:
    for service in announced:
        assert isinstance(service["prefetch"], dict)
        assert service["prefetch"]
        assert all(is_text(key) and is_text(template) for key, template in service["prefetch"].items())


def test_row_17_usage_requirements_are_readable_text(announced: list[dict[str, Any]]) -> None:
    assert all(is_text(service["usageRequirements"]) for service in announced)


@pytest.mark.parametrize("version", ["2.0.1", "3.0.0"])
def test_row_18_the_version_of_cds_hooks_is_a_semantic_version_where_it_is_announced(
    version: str, shell: Shell
) -> None:
    body = shell.client(announce_version=version).get("/cds-services").get_json()
    assert SEMVER.fullmatch(version)
    assert {service["version"] for service in body["services"]} == {version}


def test_row_18_a_client_of_2_0_meets_no_attribute_of_3_0(announced: list[dict[str, Any]]) -> None:
    assert all("version" not in service for service in announced)


def test_row_19_no_hook_version_is_claimed(announced: list[dict[str, Any]]) -> None:
    assert all("hookVersion" not in service for service in announced)


def test_row_20_no_id_serves_two_hooks(announced: list[dict[str, Any]]) -> None:
    assert len({service["id"] for service in announced}) == len(announced)


def test_row_21_success_is_200(shell: Shell) -> None:
    assert shell.client().get("/cds-services").status_code == 200


def test_row_22_no_extension_is_announced(announced: list[dict[str, Any]]) -> None:
    assert all("extension" not in service for service in announced)


def test_row_44_tokens_stand_in_double_braces(templates: list[str]) -> None:
    for template in templates:
        assert TOKEN.search(template)
        assert not set(TOKEN.sub("", template)) & set("{}")


def test_row_45_a_token_is_a_qualified_path_and_nothing_else(templates: list[str]) -> None:
    for template in templates:
        assert all(re.fullmatch(r"context(\.[A-Za-z]+)+", token) for token in TOKEN.findall(template))


def test_row_46_a_token_is_context_and_the_name_of_the_field(templates: list[str]) -> None:
    for template in templates:
        assert all(re.fullmatch(r"context\.[A-Za-z]+", token) for token in TOKEN.findall(template))


def test_row_47_the_only_token_is_the_patient_id(templates: list[str]) -> None:
    for template in templates:
        assert TOKEN.findall(template) == ["context.patientId"]


def test_row_48_templates_are_reads_or_plain_searches_without_dates_or_modifiers(templates: list[str]) -> None:
    searches = [template for template in templates if not READ.fullmatch(template)]
    assert 0 < len(searches) < len(templates)
    for template in searches:
        search = SEARCH.fullmatch(template)
        assert search
        assert parse_qsl(search["query"], strict_parsing=True) == [("patient", "{{context.patientId}}")]
    assert not any(re.search(r"\d|today\(", template) for template in templates)
