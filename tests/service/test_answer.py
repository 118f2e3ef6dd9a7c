"""The order of the steps: scope first, the record only where it is needed, and silence only where all was read."""

import json
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from service import answer as steps
from service.answer import Answer, Engine, answer, build_engine
from service.discovery import SERVICES
from service.errors import DataUnavailable
from service.settings import Client, Settings
from tests import builders as make

ON = date(2026, 3, 16)
SELECT = next(item for item in SERVICES if item.hook == "order-select")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(Settings())


def _answer(request: Any, engine: Engine) -> Answer:
    return answer(json.dumps(request).encode(), SELECT, engine=engine, on=ON)


def _fail(*_: Any) -> None:
    raise AssertionError("the prefetch was looked at")


@pytest.mark.fault(18)
def test_an_order_that_is_none_of_ours_is_answered_without_a_look_at_the_prefetch(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("collect", "read_chart", "draft_facts", "evaluate"):
        monkeypatch.setattr(steps, step, _fail)
    chart = [make.medication_request("order-1", "upadacitinib")]
    given = _answer(make.order_select([make.draft("draft-1", "amoxicillin")], chart), engine)
    assert given.outcome == "out-of-scope"
    assert json.loads(given.body) == {"cards": []}
    assert given.assessment is None


def test_an_order_of_ours_looks_at_the_prefetch(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "collect", _fail)
    with pytest.raises(AssertionError, match="looked at"):
        _answer(make.order_select([make.draft("draft-1", "upadacitinib")]), engine)


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "stopped"])
def test_a_draft_that_orders_nothing_needs_no_data(status: str, engine: Engine) -> None:
    request = make.order_select([make.draft("draft-1", "upadacitinib", status=status)])
    request.pop("prefetch")
    assert _answer(request, engine).outcome == "out-of-scope"


@pytest.mark.fault(17)
def test_an_order_of_ours_without_any_medication_list_is_never_silent(engine: Engine) -> None:
    request = make.order_select([make.draft("draft-1", "upadacitinib")])
    request.pop("prefetch")
    with pytest.raises(DataUnavailable):
        _answer(request, engine)


def test_a_silent_client_gets_no_card_and_its_call_is_evaluated_all_the_same(engine: Engine) -> None:
    request = make.order_select([make.draft("draft-1", "upadacitinib")], [make.medication_request("o", "infliximab")])
    given = answer(json.dumps(request).encode(), SELECT, engine=engine, on=ON, client=Client(id="pilot", silent=True))
    assert json.loads(given.body) == {"cards": []}
    assert given.indicators == ()
    assert given.rules == ("upadacitinib-biologic",)
    assert given.assessment is not None
    assert [card.key for card in given.assessment.cards] == ["upadacitinib-biologic"]


def test_a_chart_that_is_opened_is_always_looked_at(engine: Engine) -> None:
    view = next(item for item in SERVICES if item.hook == "patient-view")
    given = answer(json.dumps(make.patient_view()).encode(), view, engine=engine, on=ON)
    assert (given.outcome, json.loads(given.body)) == ("complete", {"cards": []})


def test_with_every_rule_switched_off_a_chart_that_is_opened_is_out_of_scope() -> None:
    rules = ("upadacitinib-biologic", "upadacitinib-jak", "upadacitinib-immunosuppressant")
    view = next(item for item in SERVICES if item.hook == "patient-view")
    engine = build_engine(Settings(disabled_rules=rules))
    assert answer(json.dumps(make.patient_view()).encode(), view, engine=engine, on=ON).outcome == "out-of-scope"


@pytest.mark.fault(31)
def test_a_call_names_one_knowledge_version_and_leaves_its_explanation_out_of_the_body(engine: Engine) -> None:
    chart = [make.medication_request("order-1", "infliximab")]
    given = _answer(make.order_select([make.draft("draft-1", "upadacitinib")], chart), engine)
    (card,) = json.loads(given.body)["cards"]
    assert f"Knowledge {engine.catalogue.version}." in card["detail"]
    assert json.loads(given.body).keys() == {"cards"}


def _with_infliximab(**settings: Any) -> tuple[Engine, bytes]:
    chart = [make.medication_request("order-1", "infliximab"), make.condition("c", "crohn")]
    request = make.order_select([make.draft("draft-1", "upadacitinib")], chart)
    return build_engine(Settings(**settings)), json.dumps(request).encode()


def test_the_issued_cards_have_the_uuids_of_the_body_and_what_they_were_about(engine: Engine) -> None:
    _, body = _with_infliximab()
    given = answer(body, SELECT, engine=engine, on=ON)
    cards = json.loads(given.body)["cards"]
    assert [item.uuid for item in given.issued] == [card["uuid"] for card in cards]
    assert [[*item.suggestions] for item in given.issued] == [
        [suggestion["uuid"] for suggestion in card["suggestions"]] for card in cards
    ]
    warning, options = given.issued
    assert (warning.rule, warning.indicator, warning.shown) == ("upadacitinib-biologic", "warning", True)
    assert set(warning.ingredients) == {"upadacitinib", "infliximab"}
    assert [*warning.suggestions.values()] == ["delete"]
    assert (options.rule, options.ingredients) == ("options", ())
    assert (given.patient, given.user) == (make.PATIENT, f"Practitioner/{make.PRACTITIONER}")


def test_the_uuid_of_a_card_is_the_one_of_version_5_that_its_call_and_its_drafts_name(engine: Engine) -> None:
    _, body = _with_infliximab()
    warning = answer(body, SELECT, engine=engine, on=ON).issued[0]
    call = (SELECT.id, json.loads(body)["hookInstance"], make.PATIENT)
    named = "\x1f".join((*call, warning.rule, "MedicationRequest/draft-1", ""))
    assert warning.uuid == str(uuid5(uuid5(NAMESPACE_URL, "urn:upadacitinib-cds:card"), named))


def test_what_a_silent_rule_or_client_keeps_back_is_issued_and_not_shown(engine: Engine) -> None:
    quiet, body = _with_infliximab(silent_rules=("upadacitinib-biologic",))
    for given in (
        answer(body, SELECT, engine=quiet, on=ON),
        answer(body, SELECT, engine=engine, on=ON, client=Client(id="pilot", silent=True)),
    ):
        assert json.loads(given.body) == {"cards": []}
        assert [(item.rule, item.shown) for item in given.issued] == [
            ("upadacitinib-biologic", False),
            ("options", False),
        ]


def test_an_order_that_is_none_of_ours_issues_nothing(engine: Engine) -> None:
    assert _answer(make.order_select([make.draft("draft-1", "amoxicillin")]), engine).issued == ()
