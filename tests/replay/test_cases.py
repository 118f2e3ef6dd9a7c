"""The recorded cases are the specification: every response is compared whole, byte for byte."""

import json
from functools import lru_cache
from itertools import chain
from typing import Any

import pytest

from service.answer import Engine, answer, build_engine
from service.cases import Case, case_names, read_case
from service.discovery import SERVICES
from service.errors import ServiceError, operation_outcome
from service.settings import Settings

TOLD = {"says", "says_not", "links"}


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


@pytest.mark.parametrize("name", [name for name in case_names() if TOLD & {*chain(*read_case(name).expect)}])
def test_a_recorded_card_says_what_the_author_of_the_case_wanted_to_read(name: str) -> None:
    case = read_case(name)
    for card, wanted in zip(case.expected["cards"], case.expect, strict=True):
        assert [text for text in wanted.get("says", ()) if text not in card["detail"]] == []
        assert [text for text in wanted.get("says_not", ()) if text in card["detail"]] == []
        assert [link["url"] for link in card.get("links", [])] == list(wanted.get("links", ()))


@pytest.mark.parametrize("name", case_names())
def test_the_same_request_gives_the_same_bytes(name: str) -> None:
    case = read_case(name)
    assert json.dumps(_respond(case)) == json.dumps(_respond(case))
