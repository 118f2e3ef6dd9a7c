"""The recorded cases are the specification: every response is compared whole, byte for byte."""

import json
from itertools import chain
from typing import Any

import pytest

from service.cases import Case, case_names, read_case
from service.replay import in_process

TOLD = {"says", "omits", "links"}
EXPECTED = ("indicator", "summary", "deletes")
BESIDE = {"UPADACITINIBOPTIONS": "options", "UPADACITINIBMONITORING": "monitoring"}


def _cards(case: Case) -> list[Any]:
    """Return the cards that the author of a case speaks of.

    Those of options and of monitoring are among them where the case is about them; that they are there where they
    belong, and nowhere else, is tested for every case in test_options_of_cases.py.
    """
    about = {item.get("card") for item in case.expect} & set(BESIDE.values())
    cards = case.expected.get("cards", [])
    return [card for card in cards if about or card["source"].get("topic", {}).get("code") not in BESIDE]


@pytest.mark.parametrize("name", case_names())
def test_a_case_is_answered_as_recorded(name: str) -> None:
    case = read_case(name)
    status, body = in_process(case)
    assert (status, body) == (case.status, case.expected)


@pytest.mark.parametrize("name", case_names())
def test_a_recorded_answer_is_what_the_author_of_the_case_expected(name: str) -> None:
    case = read_case(name)
    shown = [
        {
            "indicator": card["indicator"],
            "summary": card["summary"],
            "deletes": [
                action["resourceId"]
                for suggestion in card.get("suggestions", [])
                for action in suggestion.get("actions", [])
                if action["type"] == "delete"
            ],
            "suggestions": [suggestion["label"] for suggestion in card.get("suggestions", [])],
        }
        for card in _cards(case)
    ]
    assert len(shown) == len(case.expect)
    for card, item in zip(shown, case.expect, strict=True):
        # What a case says of the labels of the suggestions is compared too; most cases say nothing.
        assert {key: card[key] for key in (*EXPECTED, *({"suggestions"} & item.keys()))} == {
            key: item[key] for key in (*EXPECTED, *({"suggestions"} & item.keys()))
        }


@pytest.mark.parametrize("name", [name for name in case_names() if TOLD & {*chain(*read_case(name).expect)}])
def test_a_recorded_card_says_what_the_author_of_the_case_wanted_to_read(name: str) -> None:
    case = read_case(name)
    for card, wanted in zip(_cards(case), case.expect, strict=True):
        assert [text for text in wanted.get("says", ()) if text not in card["detail"]] == []
        assert [text for text in wanted.get("omits", ()) if text in card["detail"]] == []
        assert [link["url"] for link in card.get("links", [])] == list(wanted.get("links", ()))


@pytest.mark.parametrize("name", case_names())
def test_the_same_request_gives_the_same_bytes(name: str) -> None:
    case = read_case(name)
    assert json.dumps(in_process(case)) == json.dumps(in_process(case))
