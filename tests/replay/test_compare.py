"""Every class of change, from one answer to another."""

import json
from typing import Any

import pytest

from cards import Recogniser
from service.replay.compare import MEANING, Change, Kind, compare
from service.replay.reading import Names, ReadAnswer, read_answer
from tests.packaged import CATALOGUE

NAMES = Names(CATALOGUE, Recogniser(CATALOGUE))
INCOMPLETE = "UPADACITINIBCHECKINCOMPLETE"


def card(*partners: str, topic: str = "UPADACITINIBBIOLOGIC", indicator: str = "warning", **members: Any) -> Any:
    rows = "".join(f"| {drug} | current | |\n" for drug in ("upadacitinib", *partners))
    told = f"Upadacitinib + {partners[0]}: not recommended." if partners else "Check not completed."
    table = f"| Drug | State | Dates |\n|---|---|---|\n{rows}" if partners else ""
    source = {"label": "RINVOQ", "topic": {"system": "x", "code": topic}}
    return {"summary": told, "detail": table, "indicator": indicator, "source": source, **members}


def answered(*cards: Any) -> ReadAnswer:
    return read_answer(200, json.dumps({"cards": cards}).encode(), NAMES)


def failed(status: int) -> ReadAnswer:
    return read_answer(status, b"", NAMES)


def told(old: ReadAnswer, new: ReadAnswer) -> list[tuple[str, str, str, str, str]]:
    return [(item.kind.value, item.topic, item.pair, item.before, item.after) for item in compare(old, new)]


BIOLOGIC, JAK = "UPADACITINIBBIOLOGIC", "UPADACITINIBJAK"
INFLIXIMAB, ADALIMUMAB = "upadacitinib + infliximab", "upadacitinib + adalimumab"
DELETE: dict[str, Any] = {
    "label": "Remove",
    "uuid": "a",
    "actions": [{"type": "delete", "description": "x", "resourceId": "M/1"}],
}


def test_the_same_answer_is_no_change() -> None:
    assert not compare(answered(card("infliximab")), answered(card("infliximab")))


def test_a_card_that_is_gone_or_new_is_told_by_rule_pair_and_indicator() -> None:
    one, none = answered(card("infliximab")), answered()
    assert told(one, none) == [("REMOVED", BIOLOGIC, INFLIXIMAB, "warning", "")]
    assert told(none, one) == [("ADDED", BIOLOGIC, INFLIXIMAB, "", "warning")]


def test_a_pair_that_leaves_a_card_is_lost_though_the_card_stays() -> None:
    both, one = answered(card("infliximab", "adalimumab")), answered(card("infliximab"))
    assert told(both, one) == [("REMOVED", BIOLOGIC, ADALIMUMAB, "warning", "")]
    assert told(one, both) == [("ADDED", BIOLOGIC, ADALIMUMAB, "", "warning")]


def test_a_pair_that_another_rule_speaks_of_is_lost_by_one_and_new_by_the_other() -> None:
    old, new = answered(card("tofacitinib", topic=JAK)), answered(card("tofacitinib"))
    pair = "upadacitinib + tofacitinib"
    assert told(old, new) == [("REMOVED", JAK, pair, "warning", ""), ("ADDED", BIOLOGIC, pair, "", "warning")]


def test_louder_and_quieter_are_told_apart() -> None:
    quiet, loud = answered(card("infliximab", indicator="info")), answered(card("infliximab", indicator="critical"))
    assert told(quiet, loud) == [("UPGRADED", BIOLOGIC, INFLIXIMAB, "info", "critical")]
    assert told(loud, quiet) == [("DOWNGRADED", BIOLOGIC, INFLIXIMAB, "critical", "info")]


def test_other_words_and_other_clicks_are_each_a_class() -> None:
    plain = card("infliximab")
    assert told(answered(plain), answered({**plain, "links": [{"label": "x", "url": "https://a.example/y"}]})) == [
        ("TEXT", BIOLOGIC, INFLIXIMAB, "warning", "warning")
    ]
    with_click = answered({**plain, "suggestions": [DELETE]})
    other = {**DELETE, "actions": [{**DELETE["actions"][0], "resourceId": "M/2"}]}
    moved = answered({**plain, "suggestions": [other]})
    assert [row[0] for row in told(with_click, moved)] == ["SUGGESTION"]


@pytest.mark.parametrize(
    "members",
    [
        {"suggestions": [{**DELETE, "isRecommended": True}]},
        {"suggestions": []},
        {"suggestions": [DELETE], "selectionBehavior": "any"},
        {"suggestions": [DELETE], "overrideReasons": [{"code": "a"}]},
    ],
)
def test_everything_that_can_be_clicked_counts(members: dict[str, Any]) -> None:
    plain = card("infliximab", suggestions=[DELETE])
    assert "SUGGESTION" in [row[0] for row in told(answered(plain), answered({**plain, **members}))]


def test_another_order_alone_is_a_class_of_its_own() -> None:
    one, other = card("infliximab"), card("tofacitinib", topic=JAK)
    assert told(answered(one, other), answered(other, one)) == [("ORDER-ONLY", "", "", "", "")]
    twice = [DELETE, {**DELETE, "actions": [{"type": "delete", "description": "x", "resourceId": "M/2"}]}]
    cards = [answered(card("infliximab", suggestions=order)) for order in (twice, twice[::-1])]
    assert told(*cards) == [("ORDER-ONLY", "", "", "", "")]


def test_order_is_not_told_where_something_else_changed() -> None:
    one, other = card("infliximab"), card("tofacitinib", topic=JAK)
    changed = {**other, "detail": other["detail"] + "More."}
    assert [row[0] for row in told(answered(one, other), answered(changed, one))] == ["TEXT"]


def test_a_check_that_is_not_completed_comes_and_goes_with_its_indicator() -> None:
    silence, not_checked = answered(), answered(card(topic=INCOMPLETE))
    assert told(silence, not_checked) == [("INCOMPLETE-ADDED", INCOMPLETE, "", "", "warning")]
    assert told(not_checked, silence) == [("INCOMPLETE-REMOVED", INCOMPLETE, "", "warning", "")]
    quieter = answered(card(topic=INCOMPLETE, indicator="info"))
    assert told(not_checked, quieter) == [("DOWNGRADED", INCOMPLETE, "", "warning", "info")]


def test_an_answer_that_becomes_an_error_is_told_with_what_it_said() -> None:
    assert told(answered(card("infliximab")), failed(500)) == [("CARD-TO-ERROR", "", "", "warning", "500")]
    assert told(answered(), failed(412)) == [("CARD-TO-ERROR", "", "", "silence", "412")]
    assert told(failed(412), answered()) == [("ERROR-TO-CARD", "", "", "412", "silence")]
    assert told(failed(400), failed(500)) == [("ERROR-TO-ERROR", "", "", "400", "500")]
    assert told(failed(400), failed(400)) == []


def test_an_unreadable_answer_is_an_error_and_no_silence() -> None:
    assert told(answered(), read_answer(200, b"<html>", NAMES))[0][0] == "CARD-TO-ERROR"


def test_a_lost_card_is_loud_as_it_was_before() -> None:
    assert Change(Kind.REMOVED, before="critical").loud
    assert not Change(Kind.REMOVED, before="info", after="warning").loud


def test_every_class_has_its_meaning() -> None:
    assert set(MEANING) == set(Kind)
