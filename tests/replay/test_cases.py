"""The recorded cases are the specification: every response is compared whole, byte for byte."""

import json

import pytest

from service.cases import case_names, read_case
from service.replay import in_process


@pytest.mark.parametrize("name", case_names())
def test_a_case_is_answered_as_recorded(name: str) -> None:
    case = read_case(name)
    status, body = in_process(case)
    assert (status, body) == (case.status, case.expected)


@pytest.mark.parametrize("name", case_names())
def test_a_recorded_answer_is_what_the_author_of_the_case_expected(name: str) -> None:
    case = read_case(name)
    cards = case.expected.get("cards", [])
    shown = [
        {
            "indicator": card["indicator"],
            "summary": card["summary"],
            "deletes": [
                action["resourceId"]
                for suggestion in card.get("suggestions", [])
                for action in suggestion["actions"]
                if action["type"] == "delete"
            ],
        }
        for card in cards
    ]
    assert shown == [{key: item[key] for key in ("indicator", "summary", "deletes")} for item in case.expect]


@pytest.mark.parametrize("name", case_names())
def test_a_recorded_card_says_what_its_author_wanted_said_and_leaves_out_the_rest(name: str) -> None:
    case = read_case(name)
    for card, wanted in zip(case.expected.get("cards", []), case.expect, strict=True):
        assert [text for text in wanted.get("says", ()) if text not in card["detail"]] == []
        assert [text for text in wanted.get("omits", ()) if text in card["detail"]] == []


@pytest.mark.parametrize("name", case_names())
def test_the_same_request_gives_the_same_bytes(name: str) -> None:
    case = read_case(name)
    assert json.dumps(in_process(case)) == json.dumps(in_process(case))
