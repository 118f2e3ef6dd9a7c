"""What a response says is read from the response alone, and agrees with what the decision found."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cards import Recogniser, load_catalogue
from service.cases import case_names, read_case
from service.errors import ServiceError
from service.replay import answered
from service.replay.compare import compare
from service.replay.reading import Names, ReadAnswer, ReadCard, read_answer


@pytest.fixture(scope="module")
def names() -> Names:
    catalogue = load_catalogue()
    return Names(catalogue, Recogniser(catalogue))


def _read(names: Names, *cards: dict[str, Any]) -> ReadAnswer:
    return read_answer(200, json.dumps({"cards": cards}).encode(), names)


def _card(**members: Any) -> dict[str, Any]:
    topic = {"system": "urn:upadacitinib-cds:topic", "code": "UPADACITINIBBIOLOGIC"}
    return {
        "uuid": "1d2a8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01",
        "summary": "Upadacitinib + infliximab: the US label does not recommend this combination.",
        "detail": "Knowledge 1.0.0. See https://a.example/page of 2026-03.",
        "indicator": "warning",
        "source": {"label": "RINVOQ US Prescribing Information", "topic": topic},
        **members,
    }


def _assessed() -> Iterator[tuple[str, Any, tuple[ReadCard, ...]]]:
    for name in case_names():
        case = read_case(name)
        try:
            given, engine = answered(case)
        except ServiceError:
            continue
        if given.assessment is None:
            continue
        read = read_answer(200, given.body, Names(engine.catalogue, engine.recogniser))
        yield name, (given, engine), read.cards


def test_the_pairs_read_from_every_recorded_answer_are_those_that_the_decision_found() -> None:
    seen = 0
    for name, (given, engine), cards in _assessed():
        by_topic = {card.topic: set(card.pairs) for card in cards}
        for finding in given.assessment.findings:
            topic = engine.catalogue.rules[finding.rule].topic.code
            pairs = {(pair.subject.ingredient, pair.partner.ingredient) for pair in finding.pairs}
            if topic in by_topic and len(finding.exposures) <= 6:
                assert by_topic[topic] == pairs, name
                seen += 1
    assert seen > 300


def test_a_card_of_more_drugs_than_its_table_holds_counts_the_rest_as_one(names: Names) -> None:
    case = read_case("order-select__list-that-was-never-cleaned-with-six-biologics")
    (card, *_) = read_answer(200, json.dumps(case.expected).encode(), names).cards
    assert len(card.pairs) == 6
    assert ("upadacitinib", "and 1 more") in card.pairs


def test_the_cards_beside_a_warning_are_of_its_pair(names: Names) -> None:
    case = read_case("order-select__upadacitinib-beside-current-infliximab")
    cards = read_answer(200, json.dumps(case.expected).encode(), names).cards
    assert [(card.topic, card.pairs) for card in cards] == [
        ("UPADACITINIBBIOLOGIC", (("upadacitinib", "infliximab"),)),
        ("UPADACITINIBOPTIONS", (("upadacitinib", "infliximab"),)),
    ]


def test_words_of_the_record_in_the_table_make_no_pair_of_their_own(names: Names) -> None:
    head = "| Drug | State | Dates |\n|---|---|---|\n"
    detail = f"{head}| upadacitinib (Humira \\| a) | ordered | x |\n| infliximab | current | y |\n"
    (card,) = _read(names, _card(detail=detail)).cards
    assert card.pairs == (("upadacitinib", "infliximab"),)


def test_the_check_that_was_not_completed_is_about_no_pair(names: Names) -> None:
    topic = {"system": "x", "code": "UPADACITINIBCHECKINCOMPLETE"}
    told = "Upadacitinib combination check not completed: verify the medication list by hand."
    (card,) = _read(names, _card(summary=told, source={"label": "x", "topic": topic})).cards
    assert card.incomplete
    assert card.pairs == ()


@pytest.mark.parametrize(
    "other",
    [
        {"uuid": "2d2a8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01"},
        {"detail": "Knowledge 1.1.0-candidate.  See   https://a.example/page of 2026-03."},
        {"detail": "Knowledge 1.0.0. See http://localhost:8000/page of 2026-03."},
    ],
)
def test_ids_space_version_and_host_say_nothing_to_a_clinician(names: Names, other: dict[str, Any]) -> None:
    assert not compare(_read(names, _card()), _read(names, _card(**other)))


def test_a_month_is_compared_unless_dates_were_moved(names: Names) -> None:
    bodies = [json.dumps({"cards": [_card(detail=f"since {month}")]}).encode() for month in ("2026-03", "2026-04")]
    assert compare(*(read_answer(200, body, names) for body in bodies))
    assert not compare(*(read_answer(200, body, names, months=False) for body in bodies))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"cards": null}', b'{"cards": [{}]}', b'{"cards": ["x"]}'])
def test_an_answer_that_is_none_has_failed_and_is_never_silence(names: Names, body: bytes) -> None:
    read = read_answer(200, body, names)
    assert read.failed
    assert read != read_answer(200, b'{"cards":[]}', names)


def test_any_other_status_has_failed(names: Names) -> None:
    assert read_answer(412, b'{"cards": []}', names).failed
