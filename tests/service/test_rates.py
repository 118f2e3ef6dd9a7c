"""Rates: counts by hand for a small week, and intervals that are those of the evidence registry."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cards.wilson import wilson
from service.rates import NO_REASON, Share, Tally, rates, week_of
from service.rates_text import as_json, as_text
from service.store import CardOutcome

MONDAY = datetime(2026, 3, 16, tzinfo=UTC)
SEEN = CardOutcome("upadacitinib-biologic", "order-sign", "ehr", "warning", MONDAY, shown=True)


def card(outcome: str | None = None, reason: str | None = None, **changed: Any) -> CardOutcome:
    fields = {name: getattr(SEEN, name) for name in CardOutcome.__slots__}
    return CardOutcome(**fields | {"outcome": outcome, "reason": reason} | changed)


CARDS = [
    card(),
    card("overridden", "clinical-trial"),
    card("overridden", "clinical-trial", hook="order-select"),
    card("overridden", client="other"),
    card("accepted", rule="upadacitinib-jak", issued_at=MONDAY - timedelta(seconds=1)),
    card("accepted", shown=False),
    card(shown=False, indicator="info"),
]


def test_a_card_that_was_kept_back_is_in_no_rate() -> None:
    total = rates(CARDS).total
    assert total == Tally(shown=5, hidden=2, accepted=1, overridden=3)
    assert (total.answered, total.override_rate, total.acceptance_rate) == (Share(4, 5), Share(3, 4), Share(1, 4))


def test_rates_have_the_wilson_interval_and_none_of_nothing() -> None:
    assert Share(3, 4).interval == wilson(3, 4)
    assert Share(0, 0).interval is None


@pytest.mark.parametrize(
    ("dimension", "value", "tally"),
    [
        ("rule", "upadacitinib-biologic", Tally(4, 2, 0, 3)),
        ("rule", "upadacitinib-jak", Tally(1, 0, 1, 0)),
        ("hook", "order-select", Tally(1, 0, 0, 1)),
        ("client", "other", Tally(1, 0, 0, 1)),
        ("indicator", "info", Tally(0, 1, 0, 0)),
        ("week", "2026-W12", Tally(4, 2, 0, 3)),
        ("week", "2026-W11", Tally(1, 0, 1, 0)),
    ],
)
def test_each_dimension_counts_the_same_cards_in_groups(dimension: str, value: str, tally: Tally) -> None:
    by = rates(CARDS).by[dimension]
    assert by[value] == tally
    assert sum(item.shown for item in by.values()) == 5
    assert list(by) == sorted(by)


def test_override_reasons_are_counted_by_rule_the_most_frequent_first() -> None:
    assert rates(CARDS).reasons == {"upadacitinib-biologic": {"clinical-trial": 2, NO_REASON: 1}}
    assert list(rates(CARDS).reasons["upadacitinib-biologic"]) == ["clinical-trial", NO_REASON]


def test_a_week_belongs_to_the_year_of_its_thursday() -> None:
    assert week_of(datetime(2027, 1, 1, tzinfo=UTC)) == "2026-W53"


def test_no_cards_are_no_error() -> None:
    found = rates([])
    assert found.total == Tally()
    assert "-" in as_text(found)
    assert as_json(found)["total"]["overridden"] == {"events": 0, "of": 0, "low": None, "high": None}


def test_the_text_says_counts_and_intervals_and_since_when() -> None:
    text = as_text(rates(CARDS, date(2026, 3, 9)))
    assert text.startswith("Cards since 2026-03-09\n")
    assert "3/4 (30-95%)" in text
    assert "Override reasons, upadacitinib-biologic\n       2  clinical-trial\n" in text


def test_the_json_is_plain_data() -> None:
    said = json.loads(json.dumps(as_json(rates(CARDS, date(2026, 3, 9)))))
    assert said["since"] == "2026-03-09"
    assert said["by"]["rule"]["upadacitinib-jak"]["accepted"] == {"events": 1, "of": 1, "low": 0.2065, "high": 1.0}
    assert said["overrideReasons"]["upadacitinib-biologic"]["clinical-trial"] == 2
