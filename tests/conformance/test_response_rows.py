"""The answers to all recorded cases against the numbered requirements of the CDS Hooks reference, one test per row.

Rows 57 to 91 are the whole of Response; rows 3 and 4 (empty values) and the invariants of the logical model bind
it too.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from markdown_it import MarkdownIt

from service.app import create_app
from service.cases import Case, case_names, read_case
from service.replay import in_process, service_of
from service.settings import Settings
from service.wire import FhirVersion
from tests.conformance.values import empty_values, is_text, said
from tests.databases import own_database
from tests.fhir_models import model_of

ROWS = frozenset(range(57, 92))
NOT_APPLICABLE = {
    75: "A suggestion of 3.0 (trial use): the override reasons have a code system of their own, as row 91 allows.",
    89: "No link asks to be launched by itself (pinned by row 87).",
}

BESIDE = {"UPADACITINIBOPTIONS", "UPADACITINIBMONITORING"}
# A case about another FHIR version says so at the start of its name; its suggestions are in the version of its drafts.
OTHER_VERSION = re.compile(r"__(?:versions-(?:drafts-of-)?)?(dstu2|stu3|r5)-")
SECOND_SENTENCE = re.compile(r"[.!?]\s+[A-Z]")


@dataclass(frozen=True)
class Given:
    """One case and its real answer."""

    case: Case
    status: int
    body: Any


@cache
def _answers() -> tuple[Given, ...]:
    cases = [read_case(name) for name in case_names()]
    return tuple(Given(case, *in_process(case)) for case in cases)


def _successes() -> list[Given]:
    found = [given for given in _answers() if given.status == 200]
    assert found
    return found


def _failures() -> list[Given]:
    found = [given for given in _answers() if given.status != 200]
    assert found
    return found


def _cards() -> list[dict[str, Any]]:
    found = [card for given in _successes() for card in given.body["cards"]]
    assert found
    return found


def _cards_with(key: str) -> list[dict[str, Any]]:
    found = [card for card in _cards() if key in card]
    assert found, f"no card has {key}, so nothing was checked"
    return found


def _suggestions() -> list[dict[str, Any]]:
    return [suggestion for card in _cards_with("suggestions") for suggestion in card["suggestions"]]


def _actions() -> list[dict[str, Any]]:
    found = [action for suggestion in _suggestions() for action in suggestion.get("actions", [])]
    assert found
    return found


def _actions_of(body: Any) -> list[dict[str, Any]]:
    suggestions = (item for card in body["cards"] for item in card.get("suggestions", []))
    return [action for item in suggestions for action in item.get("actions", [])]


def _topic(card: Mapping[str, Any]) -> str:
    return str(card["source"]["topic"]["code"])


def _override_reasons() -> list[dict[str, Any]]:
    return [reason for card in _cards_with("overrideReasons") for reason in card["overrideReasons"]]


def _topics() -> list[dict[str, Any]]:
    found = [card["source"]["topic"] for card in _cards() if "topic" in card["source"]]
    assert found
    return found


def _is_plain_uuid(value: object) -> bool:
    """Say whether this is a UUID as RFC 9562 writes it, without `urn:uuid:` or braces."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def _is_absolute_url(value: object) -> bool:
    parts = urlsplit(value) if isinstance(value, str) else None
    return parts is not None and parts.scheme == "https" and bool(parts.netloc)


def _is_coding(value: Mapping[str, Any]) -> bool:
    return is_text(value.get("code")) and is_text(value.get("system"))


def _context(case: Case) -> Any:
    """Return the context; one recorded client wraps it in a list."""
    context = case.request["context"]
    return context[0] if isinstance(context, list) else context


def _drafts(value: Any) -> Iterator[str]:
    """Yield `Type/id` of every resource of `draftOrders`, whatever the client wrapped it in."""
    if isinstance(value, dict) and value.get("resourceType", "Bundle") != "Bundle":
        yield f"{value['resourceType']}/{value.get('id')}"
    elif isinstance(value, dict):
        for item in value.values():
            yield from _drafts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _drafts(item)


def _link_is_complete(link: Mapping[str, Any]) -> bool:
    return (
        is_text(link.get("label")) and _is_absolute_url(link.get("url")) and link.get("type") in ("absolute", "smart")
    )


def _link_context_is_allowed(link: Mapping[str, Any]) -> bool:
    return "appContext" not in link or link.get("type") == "smart"


def _links() -> list[dict[str, Any]]:
    return [link for card in _cards() for link in card.get("links", [])]


def test_every_row_is_tested_or_said_not_to_apply() -> None:
    names = (re.match(r"test_row_(\d+)_", name) for name in vars(sys.modules[__name__]))
    tested = {int(match[1]) for match in names if match} & ROWS
    assert tested | set(NOT_APPLICABLE) == ROWS
    assert not tested & set(NOT_APPLICABLE)


def test_row_3_no_value_is_null_or_empty_but_cards() -> None:
    for given in _answers():
        assert set(empty_values(given.body)) <= {"$.cards"}, given.case.name
        assert isinstance(given.body.get("cards", []), list), given.case.name


def test_row_4_an_optional_attribute_is_there_with_a_value_or_not_at_all() -> None:
    optional = ("uuid", "detail", "suggestions", "selectionBehavior", "overrideReasons", "links")
    left_out = set()
    for card in _cards():
        assert all(card[key] for key in optional if key in card)
        left_out |= {key for key in optional if key not in card}
    assert {"suggestions", "selectionBehavior", "links"} <= left_out


def test_row_57_success_is_200_with_the_array_cards() -> None:
    for given in _successes():
        assert set(given.body) <= {"cards", "systemActions"}
        assert isinstance(given.body["cards"], list)


def test_row_57_the_answers_checked_here_are_those_served_over_http(site: Settings) -> None:
    now = datetime.now(UTC)
    own_database(site.data_dir)
    client = create_app(site, clock=lambda: now, ready=True).test_client()
    served = [given for given in _answers() if not given.case.settings and not given.case.exceptions]
    assert {given.status for given in served} >= {200, 400, 412}
    for given in served:
        now = datetime.combine(given.case.on, time(12), UTC)
        url = f"/cds-services/{service_of(given.case).id}"
        response = client.post(url, data=given.case.body, content_type="application/json")
        assert response.mimetype == "application/json"
        assert (response.status_code, response.get_json()) == (given.status, given.body), given.case.name


def test_row_58_nothing_to_say_is_200_with_no_cards() -> None:
    silent = [given.body for given in _successes() if not given.body["cards"]]
    assert silent
    assert all(body == {"cards": []} for body in silent)


def test_row_59_every_other_status_is_a_4xx_or_5xx() -> None:
    assert {given.status for given in _failures()} == {400, 412}


def test_row_60_every_other_status_comes_with_an_operation_outcome() -> None:
    for given in _failures():
        assert given.body["resourceType"] == "OperationOutcome"
        assert all(issue["severity"] and issue["code"] for issue in given.body["issue"])


def test_row_61_the_uuid_of_a_card_is_a_plain_uuid_unique_in_its_response() -> None:
    assert all(_is_plain_uuid(card["uuid"]) and UUID(card["uuid"]) for card in _cards())
    several = 0
    for given in _successes():
        cards = given.body["cards"]
        uuids = [card["uuid"] for card in cards]
        uuids += [suggestion["uuid"] for card in cards for suggestion in card.get("suggestions", [])]
        assert len(set(uuids)) == len(uuids), given.case.name
        several += len(cards) > 1
    assert several, "no response has several cards, so nothing was checked"


def test_row_62_summary_is_shorter_than_140_characters() -> None:
    for card in _cards():
        assert is_text(card["summary"])
        assert len(card["summary"]) < 140


def test_row_62_summary_is_one_sentence() -> None:
    for card in _cards():
        assert "\n" not in card["summary"]
        assert not SECOND_SENTENCE.search(card["summary"]), card["summary"]


def test_row_63_detail_is_github_flavoured_markdown_without_html() -> None:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    assert [token.type for token in markdown.parse("<p>")] == ["html_block"]
    tables = 0
    for card in _cards_with("detail"):
        assert is_text(card["detail"])
        blocks = markdown.parse(card["detail"])
        tokens = [token for block in blocks for token in (block, *(block.children or []))]
        assert not [token.content for token in tokens if token.type in ("html_block", "html_inline")]
        assert not [token.content for token in blocks if token.type == "inline" and token.content.startswith("|")]
        tables += any(token.type == "table_open" for token in tokens)
    assert tables, "no detail has a table, so none was parsed"


def test_row_64_indicator_is_info_warning_or_critical() -> None:
    assert {card["indicator"] for card in _cards()} == {"info", "warning", "critical"}


def test_row_65_each_card_has_a_source() -> None:
    assert all(isinstance(card["source"], dict) for card in _cards())


def test_row_66_each_source_has_a_label() -> None:
    assert all(is_text(card["source"]["label"]) for card in _cards())


def test_row_67_the_url_of_a_source_is_absolute() -> None:
    urls = [card["source"]["url"] for card in _cards() if "url" in card["source"]]
    assert urls
    assert all(_is_absolute_url(url) for url in urls)


def test_row_68_no_source_has_an_icon() -> None:
    assert all("icon" not in card["source"] for card in _cards())


def test_row_69_the_topic_of_a_source_is_a_coding() -> None:
    assert all(_is_coding(topic) for topic in _topics())


def test_row_70_suggestions_are_an_array() -> None:
    assert all(isinstance(card["suggestions"], list) for card in _cards_with("suggestions"))


def test_row_71_a_card_with_suggestions_has_a_selection_behavior() -> None:
    assert all("selectionBehavior" in card for card in _cards_with("suggestions"))


def test_row_72_any_may_be_chosen_of_the_monitoring_orders_and_one_at_most_of_everything_else() -> None:
    # What the profiles of clients make of it is tested in tests/clients.
    spec = [card for given in _successes() if "-profile-" not in given.case.name for card in given.body["cards"]]
    assert {(_topic(card), card["selectionBehavior"]) for card in spec if "selectionBehavior" in card} == {
        ("UPADACITINIBBIOLOGIC", "at-most-one"),
        ("UPADACITINIBJAK", "at-most-one"),
        ("UPADACITINIBIMMUNOSUPPRESSANT", "at-most-one"),
        ("TOFACITINIBBIOLOGIC", "at-most-one"),
        ("TOFACITINIBIMMUNOSUPPRESSANT", "at-most-one"),
        ("UPADACITINIBOPTIONS", "at-most-one"),
        ("UPADACITINIBMONITORING", "any"),
    }


def test_row_73_override_reasons_are_an_array_of_codings() -> None:
    assert all(isinstance(card["overrideReasons"], list) for card in _cards_with("overrideReasons"))
    assert all(_is_coding(reason) for reason in _override_reasons())


def test_row_74_each_override_reason_has_a_display() -> None:
    assert all(is_text(reason["display"]) for reason in _override_reasons())


def test_row_76_a_card_has_links_only_where_a_site_has_addresses_for_them() -> None:
    linking = [given for given in _successes() if any("links" in card for card in given.body["cards"])]
    assert linking
    wanted = {"public_base_url", "report_problem_url"}
    assert all(wanted & given.case.settings.keys() for given in linking)


def test_row_77_each_suggestion_has_a_label() -> None:
    assert all(is_text(suggestion["label"]) for suggestion in _suggestions())


def test_row_78_each_suggestion_has_a_plain_uuid() -> None:
    assert all(_is_plain_uuid(suggestion["uuid"]) for suggestion in _suggestions())


def test_row_79_a_recommendation_is_risankizumab_alone_and_stands_on_an_options_card() -> None:
    recommended = [
        (_topic(card), item["label"])
        for card in _cards_with("suggestions")
        for item in card["suggestions"]
        if "isRecommended" in item
    ]
    assert recommended
    assert all(topic == "UPADACITINIBOPTIONS" and "risankizumab" in label.lower() for topic, label in recommended)
    assert all(item["isRecommended"] is True for item in _suggestions() if "isRecommended" in item)


def test_row_80_actions_of_one_suggestion_are_a_whole_switch_and_nothing_else() -> None:
    """Deletes, then at most one create; or updates alone: what a client processes together (all or nothing)."""
    switches = 0
    for suggestion in _suggestions():
        types = [action["type"] for action in suggestion.get("actions", [])]
        assert types == sorted(types, key=("delete", "create", "update").index)
        assert types.count("create") <= 1
        assert "update" not in types or set(types) == {"update"}
        switches += {"delete", "create"} <= set(types)
    assert switches


def test_row_80_each_suggestion_of_a_rule_has_one_action_and_no_two_of_a_card_the_same() -> None:
    several = 0
    for card in (item for item in _cards_with("suggestions") if _topic(item) not in BESIDE):
        targets = [action["resourceId"] for item in card["suggestions"] for action in item["actions"]]
        assert all(len(suggestion["actions"]) == 1 for suggestion in card["suggestions"])
        assert len(set(targets)) == len(targets)
        several += len(targets) > 1
    assert several, "no card has several suggestions, so nothing was compared"


def test_row_81_no_suggestion_has_an_action_selection_behavior() -> None:
    assert all("actionSelectionBehavior" not in suggestion for suggestion in _suggestions())


def test_row_82_each_action_is_a_delete_a_create_or_an_update() -> None:
    assert {action["type"] for action in _actions()} == {"delete", "create", "update"}


def test_row_84_a_create_has_a_whole_new_resource_without_an_id() -> None:
    kinds: set[tuple[FhirVersion, str]] = set()
    for given in _successes():
        for action in (item for item in _actions_of(given.body) if item["type"] == "create"):
            resource = action["resource"]
            assert "resourceId" not in action
            assert "id" not in resource
            version = _version(given.case)
            assert resource["status"] == "draft"
            assert resource.get("intent") == (None if version is FhirVersion.DSTU2 else "order")
            patient = _context(given.case)["patientId"].rpartition("/")[2]
            assert resource.get("subject", resource.get("patient")) == {"reference": f"Patient/{patient}"}
            model_of(version, resource["resourceType"]).model_validate(resource)
            kinds.add((version, resource["resourceType"]))
    assert kinds == {
        (FhirVersion.R4, "MedicationRequest"),
        (FhirVersion.R4, "ServiceRequest"),
        (FhirVersion.R5, "MedicationRequest"),
        (FhirVersion.R5, "ServiceRequest"),
        (FhirVersion.STU3, "MedicationRequest"),
        (FhirVersion.STU3, "ProcedureRequest"),
        (FhirVersion.DSTU2, "MedicationOrder"),
        (FhirVersion.DSTU2, "DiagnosticOrder"),
    }


def _version(case: Case) -> FhirVersion:
    named = OTHER_VERSION.search(case.name)
    return FhirVersion(named[1].upper()) if named else FhirVersion.R4


def test_row_85_an_update_is_the_draft_as_it_was_sent_and_the_order_whose_place_it_takes() -> None:
    updates = 0
    for given in _successes():
        for action in (item for item in _actions_of(given.body) if item["type"] == "update"):
            resource = dict(action["resource"])
            drug = resource.get("medicationCodeableConcept") or resource["medication"]["concept"]
            if " (instead of " in drug["text"]:
                continue  # the sandbox's switch, a new order in the place of its draft: tests/clients
            assert resource.pop("priorPrescription")["reference"].startswith(f"{resource['resourceType']}/")
            entries = _context(given.case)["draftOrders"]["entry"]
            assert said(resource) in [said(entry["resource"]) for entry in entries], given.case.name
            updates += 1
    assert updates


def test_row_83_each_action_has_a_description() -> None:
    assert all(is_text(action["description"]) for action in _actions())


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_row_86_a_delete_names_a_draft_of_its_request_and_carries_no_resource(hook: str) -> None:
    deletes = 0
    for given in _successes():
        if given.case.hook != hook or not given.body["cards"]:
            continue
        drafts = set(_drafts(_context(given.case)["draftOrders"]))
        for card in given.body["cards"]:
            for action in (action for item in card.get("suggestions", []) for action in item.get("actions", [])):
                if action["type"] != "delete":
                    continue
                assert action["resourceId"] in drafts, given.case.name
                assert "resource" not in action
                deletes += 1
    assert deletes


def test_row_87_each_link_has_a_label_a_url_and_a_known_type() -> None:
    complete = {"label": "RINVOQ label", "url": "https://example.org/label", "type": "absolute"}
    assert _link_is_complete(complete)
    assert not any(_link_is_complete({k: v for k, v in complete.items() if k != key}) for key in complete)
    assert _links()
    assert all(_link_is_complete(link) for link in _links())
    assert not any("autolaunchable" in link for link in _links())


def test_row_88_only_a_smart_link_has_an_app_context() -> None:
    assert _link_context_is_allowed({"type": "smart", "appContext": "x"})
    assert not _link_context_is_allowed({"type": "absolute", "appContext": "x"})
    assert all(_link_context_is_allowed(link) for link in _links())


def test_row_90_no_response_has_system_actions() -> None:
    assert all("systemActions" not in given.body for given in _answers())


def test_row_91_each_coding_has_a_code_and_a_system() -> None:
    assert all(_is_coding(coding) for coding in (*_topics(), *_override_reasons()))


def test_invariant_cds_resp_1_one_suggestion_at_most_is_recommended_unless_any_may_be_chosen() -> None:
    for card in _cards_with("suggestions"):
        recommended = [suggestion for suggestion in card["suggestions"] if suggestion.get("isRecommended")]
        assert len(recommended) <= 1 or card["selectionBehavior"] == "any"


def test_invariant_cds_resp_2_a_delete_has_a_resource_id() -> None:
    deletes = [action for action in _actions() if action["type"] == "delete"]
    assert deletes
    # The id is the client's own and goes back unchanged; real ones are longer than the 64 characters of FHIR.
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+", action["resourceId"]) for action in deletes)


def test_invariant_cds_resp_3_app_context_is_for_smart_links_only() -> None:
    assert all(_link_context_is_allowed(link) for link in _links())


def test_invariant_cds_resp_4_an_override_reason_has_a_display() -> None:
    assert all("display" in reason for reason in _override_reasons())


def test_invariant_cds_resp_5_an_action_of_a_suggestion_has_a_description() -> None:
    assert all("description" in action for action in _actions())


def test_invariant_cds_resp_6_suggestions_come_with_a_selection_behavior() -> None:
    assert all(is_text(card["selectionBehavior"]) for card in _cards_with("suggestions"))
