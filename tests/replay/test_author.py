"""`expect` of a case: each departure of an answer from it is told."""

from dataclasses import replace
from typing import Any

import pytest

from service.cases import Case, CaseError, read_case
from service.replay.author import departures

CASE = read_case("order-select__upadacitinib-beside-current-infliximab")


def _expecting(**changed: Any) -> Case:
    assert CASE.expect is not None
    return replace(CASE, expect=({**CASE.expect[0], **changed},))


def _told(case: Case) -> list[str]:
    return list(departures(case, case.expected))


def test_what_was_expected_is_no_departure() -> None:
    assert _told(_expecting(says=["**Why**"], omits=["contraindicated in"], links=[])) == []


def test_a_card_too_many_and_one_too_few_are_told_with_what_came() -> None:
    came = f"warning, {CASE.expected['cards'][0]['summary']}"
    assert _told(replace(CASE, expect=())) == [f"expected 0 cards, came 1: {came}"]
    silent = replace(CASE, expected={"cards": []})
    assert _told(silent) == ["expected 1 cards, came 0: none"]


def test_a_case_about_the_options_has_to_name_every_card() -> None:
    assert _told(_expecting(card="options"))[0].startswith("expected 1 cards, came 2: ")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"indicator": "info"}, "card 1, indicator: expected info, came warning"),
        ({"summary": "x"}, f"card 1, summary: expected x, came {CASE.expected['cards'][0]['summary']}"),
        ({"deletes": []}, "card 1, deletes: expected none, came MedicationRequest/draft-upadacitinib"),
        ({"suggestions": ["x"]}, "card 1, suggestions: expected x, came Remove the draft order for upadacitinib"),
        ({"says": ["prohibited"]}, "card 1, the detail does not say: prohibited"),
        ({"omits": ["**Why**"]}, "card 1, the detail says: **Why**"),
        ({"links": ["https://cds.example.org"]}, "card 1, links: expected https://cds.example.org, came none"),
    ],
)
def test_each_departure_of_a_card_is_told(changed: dict[str, Any], told: str) -> None:
    assert _told(_expecting(**changed)) == [told]


@pytest.mark.parametrize("name", ["indicator", "summary", "deletes"])
def test_a_card_that_says_too_little_is_an_error_that_names_what_is_missing(name: str) -> None:
    assert CASE.expect is not None
    (card,) = CASE.expect
    case = replace(CASE, expect=({key: value for key, value in card.items() if key != name},))
    with pytest.raises(CaseError, match=f"expect: a card has no {name}"):
        _told(case)
