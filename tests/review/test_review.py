"""Chart review: whom the sample draws, what the sheet holds, and what verdicts add up to."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cards.wilson import wilson
from service.errors import InvalidRequest
from service.pseudonyms import Pseudonyms
from service.review.sample import COLUMNS, different_warnings, pseudonyms_of, sample, write_sheet
from service.review.score import score
from service.store import IssuedCard, Place
from tests.databases import own_database, store_at
from tests.service.test_store import CARD
from tests.service.test_store_commands import Run, data, upa_cds

__all__ = ["data", "upa_cds"]
NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)


def warning(number: int, **changed: Any) -> IssuedCard:
    base = replace(
        CARD,
        card=f"00000000-0000-4000-8000-{number:012}",
        patient=f"{number:064}",
        ingredients=("infliximab", "upadacitinib"),
        indicator="warning",
        issued_at=NOON + timedelta(minutes=number),
    )
    return replace(base, **changed)


def test_a_warning_that_was_shown_while_picking_and_signing_is_one() -> None:
    picked = warning(1, hook="order-select")
    signed = replace(picked, card="another", hook="order-sign", issued_at=NOON + timedelta(hours=1))
    other_drugs = replace(signed, ingredients=("risankizumab", "upadacitinib"))
    assert list(different_warnings([picked, signed, other_drugs])) == [picked, other_drugs]


@pytest.mark.parametrize("quiet", [{"indicator": "info"}, {"rule": "incomplete", "ingredients": ()}])
def test_what_is_no_warning_of_a_pair_is_not_drawn(quiet: dict[str, Any]) -> None:
    assert sample([warning(1, **quiet)], 10, 1).cards == ()


def test_what_was_kept_back_in_silent_mode_is_drawn_too() -> None:
    assert len(sample([warning(1, shown=False)], 10, 1).cards) == 1


def test_the_same_seed_draws_the_same_and_another_draws_others() -> None:
    cards = [warning(number) for number in range(60)]
    first = sample(cards, 10, 1)
    assert (len(first.cards), first.of) == (10, 60)
    assert sample(cards, 10, 1) == first
    assert sample(cards, 10, 2) != first


def test_every_warning_can_be_drawn() -> None:
    cards = [warning(number) for number in range(6)]
    assert {card.card for seed in range(40) for card in sample(cards, 2, seed).cards} == {card.card for card in cards}


def test_with_patient_ids_the_sheet_names_them_and_holds_no_others(tmp_path: Path) -> None:
    keys = Pseudonyms(tmp_path / "pseudonym.key")
    known = warning(1, patient=keys.patient("ehr", "mrn-1"))
    drawn = sample([known, warning(2)], 10, 1, pseudonyms_of(["mrn-1", "mrn-3"], ["ehr"], keys.patient))
    assert [row["patient"] for row in sheet_of(drawn)] == ["mrn-1"]


def sheet_of(drawn: Any) -> list[dict[str, str]]:
    file = io.StringIO()
    write_sheet(drawn, file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_the_sheet_has_what_a_reviewer_needs_and_an_empty_verdict() -> None:
    (row,) = sheet_of(sample([warning(7)], 10, 1))
    assert tuple(row) == COLUMNS
    assert (row["rule"], row["ingredients"], row["verdict"]) == (CARD.rule, "infliximab upadacitinib", "")
    assert row["issued_at"] == "2026-03-16T12:07:00+00:00"


def reviewed(verdicts: Iterable[str], rule: str = "a") -> list[str]:
    return ["card,rule,verdict\n", *(f"{at},{rule},{verdict}\n" for at, verdict in enumerate(verdicts))]


def test_of_the_clear_verdicts_the_right_ones_are_the_predictive_value() -> None:
    found = score(reviewed(["right"] * 8 + ["Wrong ", "unclear", ""]), "sheet.csv").total
    assert (found.ppv.events, found.ppv.of, found.open, found.verdicts["unclear"]) == (8, 9, 1, 1)
    assert found.ppv.interval == wilson(8, 9)


def test_nothing_judged_is_no_share() -> None:
    assert score(reviewed([""]), "sheet.csv").total.ppv.interval is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["card,rule\n"], "line 1: verdict missing"),
        (reviewed(["right", "canary"]), "line 3: the verdict is none of right, wrong, unclear"),
        (["card,rule,verdict\n", "1,a,right\n", "1,a,wrong\n"], "line 3: this card stands twice"),
        ([], "line 1"),
        (["card,rule,verdict\n", "1\n", "2,a,right\n"], "line 2"),
    ],
)
def test_a_sheet_that_cannot_be_counted_says_where_and_repeats_nothing(lines: list[str], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        score(lines, "sheet.csv")
    assert "canary" not in refused.value.message


@pytest.fixture
def filled(data: Path) -> Place:
    place = own_database(data)
    with store_at(place) as store:
        store.add_cards([warning(number) for number in range(5)])
    return place


def test_from_the_database_to_the_share(upa_cds: Run, filled: Place, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    code, out, said = upa_cds("review", "sample", "--size", "4", "--output", str(sheet))
    assert (code, out, said) == (0, "", "4 of 5 different warnings\n")
    assert sheet.stat().st_mode & 0o777 == 0o600
    sheet.write_text(sheet.read_text().replace(",\n", ",right\n"), encoding="utf-8-sig")
    code, out, _ = upa_cds("review", "score", str(sheet))
    assert code == 0
    assert "all: right 4 of 4 (51-100%); wrong 0, unclear 0, not reviewed 0" in out
    told = json.loads(upa_cds("review", "score", str(sheet), "--json")[1])
    assert told["all"]["ppv95"] == [0.5101, 1.0]


def test_a_sheet_that_is_there_is_not_written_over(upa_cds: Run, filled: Place, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("verdicts")
    code, _, said = upa_cds("review", "sample", "--output", str(sheet))
    assert (code, sheet.read_text()) == (65, "verdicts")
    assert "is there already" in said


def test_names_of_patients_never_go_to_the_terminal(upa_cds: Run, filled: Place, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("mrn-1\n")
    code, out, said = upa_cds("review", "sample", "--patients", str(ids))
    assert (code, out) == (2, "")
    assert "--output" in said


def test_only_a_rule_and_only_since_a_day(upa_cds: Run, filled: Place) -> None:
    assert "0 of 0" in upa_cds("review", "sample", "--rule", "another")[2]
    assert "0 of 0" in upa_cds("review", "sample", "--since", "2026-03-17")[2]
    assert "5 of 5" in upa_cds("review", "sample", "--since", "2026-03-16")[2]
