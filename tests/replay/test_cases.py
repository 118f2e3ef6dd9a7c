"""The recorded cases are the specification: every response is compared whole, byte for byte."""

import json
from functools import lru_cache
from typing import Any

import pytest

from service.answer import Engine, answer, build_engine
from service.cases import Case, case_names, read_case
from service.discovery import SERVICES
from service.errors import ServiceError, operation_outcome
from service.settings import Settings

EXPECTED = ("indicator", "summary", "deletes")
BESIDE = {"UPADACITINIBOPTIONS": "options", "UPADACITINIBMONITORING": "monitoring"}


@lru_cache(maxsize=32)
def _engine(settings: str) -> Engine:
    return build_engine(Settings.model_validate(json.loads(settings)))


def _respond(case: Case) -> tuple[int, Any]:
    service = next(item for item in SERVICES if item.hook == case.hook)
    options = {key: value for key, value in case.settings.items() if key != "timezone"}
    try:
        given = answer(case.body, service, engine=_engine(json.dumps(options, sort_keys=True)), on=case.on)
    except ServiceError as error:
        return error.status, operation_outcome(error)
    return 200, json.loads(given.body)


@pytest.mark.parametrize("name", case_names())
def test_a_case_is_answered_as_recorded(name: str) -> None:
    case = read_case(name)
    status, body = _respond(case)
    assert (status, body) == (case.status, case.expected)


@pytest.mark.parametrize("name", case_names())
def test_a_recorded_answer_is_what_the_author_of_the_case_expected(name: str) -> None:
    case = read_case(name)
    # The cards of options and of monitoring are compared where the case is about them; that they are there where they
    # belong, and nowhere else, is tested for every case in test_options_of_cases.py.
    about = {item.get("card") for item in case.expect} & set(BESIDE.values())
    cards = [
        card
        for card in case.expected.get("cards", [])
        if about or card["source"].get("topic", {}).get("code") not in BESIDE
    ]
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
        for card in cards
    ]
    assert len(shown) == len(case.expect)
    for card, item in zip(shown, case.expect, strict=True):
        # What a case says of the labels of the suggestions is compared too; most cases say nothing.
        assert {key: card[key] for key in (*EXPECTED, *({"suggestions"} & item.keys()))} == {
            key: item[key] for key in (*EXPECTED, *({"suggestions"} & item.keys()))
        }


@pytest.mark.parametrize("name", case_names())
def test_the_same_request_gives_the_same_bytes(name: str) -> None:
    case = read_case(name)
    assert json.dumps(_respond(case)) == json.dumps(_respond(case))
