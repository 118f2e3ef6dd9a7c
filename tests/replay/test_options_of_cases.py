"""In every recorded case the cards of options and of monitoring are there where they belong, and nowhere else.

Where they belong is said here a second time, from the warning card, the hook and the settings of the case.
"""

import json
from functools import cache
from typing import Any

import pytest

from service.answer import Answer, Engine, answer, build_engine
from service.cases import Case, case_names, read_case
from service.errors import ServiceError
from service.replay import service_of
from service.settings import Settings
from tests.packaged import CATALOGUE

BOWEL = {"crohns-disease", "ulcerative-colitis"}


def _cards(case: Case) -> dict[str, Any]:
    found = {card["source"]["topic"]["code"]: card for card in case.expected.get("cards", [])}
    assert len(found) == len(case.expected.get("cards", []))
    return found


@cache
def _engine(settings: str) -> Engine:
    return build_engine(Settings.model_validate(json.loads(settings)))


def _answered(case: Case) -> Answer | None:
    try:
        engine = _engine(json.dumps(dict(case.settings), sort_keys=True))
        return answer(case.body, service_of(case), engine=engine, on=case.on, fhir=case.fhir)
    except ServiceError:
        return None


def _has_all_monitoring(case: Case) -> bool:
    """Say whether every monitoring order is among the drafts already."""
    wanted = {item.order for item in CATALOGUE.monitoring.items.values()}
    drafts = case.request["context"]["draftOrders"]
    entries = drafts.get("entry", ()) if isinstance(drafts, dict) else ()
    tests = (
        entry["resource"] for entry in entries if entry.get("resource", {}).get("resourceType") == "ServiceRequest"
    )
    return wanted <= {test["code"].get("text") for test in tests}


@pytest.mark.parametrize("name", case_names())
def test_monitoring_is_there_exactly_where_a_loud_biologic_pair_is_signed(name: str) -> None:
    case = read_case(name)
    cards = _cards(case)
    loud = cards.get("UPADACITINIBBIOLOGIC", {}).get("indicator") in {"warning", "critical"}
    belongs = loud and case.hook == "order-sign" and not _has_all_monitoring(case)
    assert ("UPADACITINIBMONITORING" in cards) is belongs


@pytest.mark.parametrize("name", case_names())
def test_options_are_there_only_beside_a_warning_in_bowel_disease_without_infection(name: str) -> None:
    case = read_case(name)
    cards = _cards(case)
    warned = cards.get("UPADACITINIBBIOLOGIC", {}).get("indicator") == "warning"
    assert warned or "UPADACITINIBOPTIONS" not in cards
    if not warned or case.settings.get("options") == []:
        assert "UPADACITINIBOPTIONS" not in cards
        return
    given = _answered(case)
    assert given
    assert given.assessment
    finding = next(item for item in given.assessment.findings if item.rule == "upadacitinib-biologic")
    belongs = finding.pairs[0].indication in BOWEL and not given.assessment.problems.infections
    assert ("UPADACITINIBOPTIONS" in cards) is belongs


def test_each_option_of_the_knowledge_is_offered_by_a_recorded_case() -> None:
    offered = set()
    for case in map(read_case, case_names()):
        if "UPADACITINIBOPTIONS" not in _cards(case):
            continue
        given = _answered(case)
        assert given
        assert given.assessment
        assert given.assessment.options
        chosen = given.assessment.options
        offered |= {(chosen.indication, chosen.named_for, item.ingredient) for item in chosen.offers if item.option}
    for indication, listed in CATALOGUE.options.indications.items():
        named = [(key, item.candidates) for key, item in listed.named_for.items()]
        for named_for, candidates in ((None, listed.candidates), *named):
            missing = {
                item.ingredient for item in candidates if (indication, named_for, item.ingredient) not in offered
            }
            assert not missing, f"no case offers {sorted(missing)} in {indication}"


def _ordered(resource: dict[str, Any]) -> str:
    """Return the text of what is ordered; DSTU2 and R5 have it in places of their own."""
    (item,) = resource.get("item", [resource])
    return str(item["code"].get("concept", item["code"])["text"])


def test_each_order_of_the_monitoring_card_is_suggested_by_a_recorded_case() -> None:
    shown = {
        _ordered(action["resource"])
        for case in map(read_case, case_names())
        for suggestion in _cards(case).get("UPADACITINIBMONITORING", {}).get("suggestions", [])
        for action in suggestion.get("actions", [])
    }
    assert shown == {item.order for item in CATALOGUE.monitoring.items.values()}
