"""The burden of alerts on a recording that is small enough to count by hand."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cards.wilson import wilson
from service.recording.format import Exchange
from service.replay.burden import burden, percentile, share
from service.replay.calls import Call, corpus
from service.replay.chunk import Plan, sums
from service.replay.ledger import Ledger
from service.replay.partial import bucket, bucket_end
from service.replay.sides import SideSpec
from tests.builders import PATIENT, Json, draft, medication_request, order_select, order_sign, patient_view
from tests.replay.traffic import answered, write

ON = date(2026, 3, 17)
_IDS = count()
_SERVICES = {
    "order-select": "upadacitinib-combination-select",
    "order-sign": "upadacitinib-combination-sign",
    "patient-view": "upadacitinib-combination-view",
}
INFLIXIMAB = [medication_request("r1", "infliximab", authoredOn="2026-02-01")]


def _exchange(request: Json, patient: str = "a") -> Exchange:
    text = json.dumps(request).replace(PATIENT, f"patient-{patient}")
    hook = str(request["hook"])
    return Exchange(
        f"{next(_IDS):04}",
        datetime(2026, 3, 17, 12, tzinfo=UTC),
        ON,
        _SERVICES[hook],
        hook,
        text.encode(),
        (),
        0,
        b"",
        None,
        None,
        None,
        None,
        "spec",
        "us",
    )


def _seen(*exchanges: Exchange) -> Any:
    calls = [Call("r", index, item) for index, item in enumerate(answered(iter(exchanges), feedback=0), 2)]
    ledger = Ledger()
    ledger.add(sums(Plan(SideSpec("recorded"), SideSpec("build"), again=0), calls))
    return burden(ledger)


@pytest.fixture(scope="module")
def seen() -> Any:
    """One patient gets upadacitinib beside infliximab, one gets metformin, and of one the chart is opened."""
    both = [draft("d1", "upadacitinib"), draft("d2", "metformin 500 mg tablet")]
    return _seen(
        _exchange(order_select(both[:1], INFLIXIMAB)),
        _exchange(order_select(both, INFLIXIMAB, selections=["d2"])),
        _exchange(order_sign(both, INFLIXIMAB)),
        _exchange(order_select([draft("d1", "metformin 500 mg tablet")]), "b"),
        _exchange(order_sign([draft("d1", "metformin 500 mg tablet")]), "b"),
        _exchange(patient_view([]), "c"),
    )


def _row(seen: Any, what: str) -> Any:
    return next(row for row in seen.rows if row["what"] == what)["new"]


def test_orders_are_distinct_drafts_of_a_patient_however_often_they_are_sent(seen: Any) -> None:
    assert {name: seen.totals[name] for name in ("calls", "orders", "signed orders", "patients")} == {
        "calls": 6,
        "orders": 3,
        "signed orders": 3,
        "patients": 3,
    }


def test_every_card_that_is_shown_counts_in_the_rates(seen: Any) -> None:
    # Warning at selecting; warning and monitoring at signing.
    assert _row(seen, "any card")["alerts"] == 3
    assert _row(seen, "warning or critical")["alerts"] == 2
    assert _row(seen, "any card")["per100"] == {"orders": 100.0, "signed orders": 66.667, "patients": 100.0}
    assert _row(seen, "order-sign")["alerts"] == 2


def test_an_order_met_an_alert_if_it_is_of_a_drug_of_the_card(seen: Any) -> None:
    shares = _row(seen, "any card")["share"]
    assert (shares["orders"]["n"], shares["orders"]["of"]) == (1, 3)
    assert (shares["signed orders"]["n"], shares["signed orders"]["of"]) == (1, 3)
    assert (shares["patients"]["n"], shares["patients"]["of"]) == (1, 3)


def test_a_pair_that_is_selected_and_signed_was_shown_again(seen: Any) -> None:
    quality = {row["what"]: row["new"] for row in seen.quality}
    again = quality["pairs shown at signing that were shown at selecting"]
    # Of the warning and the monitoring card at signing, the warning had been shown.
    assert (again["n"], again["of"]) == (1, 2)
    before = quality["showings of a pair to whom it was shown before"]
    assert (before["n"], before["of"]) == (1, 3)


def test_a_card_about_no_order_of_the_call_falls_on_every_order() -> None:
    seen = _seen(_exchange(order_sign([draft("d1", "upadacitinib"), draft("d2", "aspirin")], without=())))
    assert _row(seen, "any card")["share"]["orders"]["n"] == 0
    chart = [medication_request("x", "infliximab"), {**medication_request("y", "z"), "medicationCodeableConcept": {}}]
    assert _seen(_exchange(order_sign([draft("d1", "upadacitinib")], chart))).orders == 1


def test_drafts_without_an_id_count_at_each_call() -> None:
    order = draft("d1", "metformin 500 mg tablet")
    del order["id"]
    request = order_sign([order])
    assert _seen(_exchange(request), _exchange(request)).orders == 2


def test_what_was_not_evaluated_is_counted() -> None:
    unsent = order_sign([draft("d1", "upadacitinib")], without=["medicationRequests", "medicationStatements"])
    for key in ("medicationAdministrations", "medicationDispenses"):
        del unsent["prefetch"][key]
    quality = {row["what"]: row["new"] for row in _seen(_exchange(unsent)).quality}
    assert quality["calls not evaluated"]["n"] == 1
    unknown = medication_request("r9", "x")
    unknown["medicationCodeableConcept"] = {"coding": [{"system": "urn:local", "code": "4711"}]}
    quality = {
        row["what"]: row["new"]
        for row in _seen(_exchange(order_sign([draft("d1", "upadacitinib")], [unknown]))).quality
    }
    assert quality["calls not evaluated"]["n"] == 1
    assert (quality["calls with a medicine that nothing names"]["n"], quality["calls not evaluated"]["of"]) == (1, 1)


def test_what_only_this_build_knows_is_not_known_of_a_recording() -> None:
    quality = {row["what"]: row["old"] for row in _seen(_exchange(order_sign([draft("d1", "upadacitinib")]))).quality}
    assert quality["calls with a medicine that nothing names"]["percent"] is None


def _judged(outcome: str, **others: Any) -> Any:
    (exchange,) = answered(iter([_exchange(order_select([draft("d1", "upadacitinib")], INFLIXIMAB))]), feedback=0)
    uuid = json.loads(exchange.response)["cards"][0]["uuid"]
    entries = ({"card": uuid, "outcome": "accepted"}, {"card": uuid, "outcome": outcome, **others}, {"card": "unknown"})
    told = replace(exchange, feedback=tuple(json.dumps(entry).encode() for entry in entries))
    ledger = Ledger()
    ledger.add(sums(Plan(SideSpec("recorded"), SideSpec("build"), again=0), [Call("r", 2, told)]))
    assert ledger.counts()["feedback without its card",] == 1
    (row,) = burden(ledger).feedback
    return row


def test_of_several_answers_on_a_card_the_last_one_counts() -> None:
    row = _judged("overridden", overrideReason={"reason": {"code": "planned-switch"}})
    assert row["rule"] == "UPADACITINIBBIOLOGIC"
    assert (row["accepted"]["n"], row["overridden"]["n"], row["overridden"]["of"]) == (0, 1, 1)
    assert row["reasons"] == [{"code": "planned-switch", "n": 1}]
    assert (row["answered"]["n"], row["answered"]["of"]) == (1, 1)


def test_a_share_has_its_wilson_interval_and_none_without_a_denominator() -> None:
    interval = wilson(3, 40)
    assert share(3, 40) == {
        "n": 3,
        "of": 40,
        "percent": 7.5,
        "low": round(100 * interval.low, 3),
        "high": round(100 * interval.high, 3),
    }
    assert share(0, 0)["percent"] is None


@pytest.mark.parametrize("ms", [0.001, 0.01, 0.5, 3.0, 1200.0])
def test_a_latency_is_told_at_most_five_per_cent_too_high(ms: float) -> None:
    told = percentile({bucket(ms): 1}, 0.95)
    assert told is not None
    assert max(ms, 0.01) <= told * 1.000001 <= max(ms, 0.01) * 1.0501


def test_a_percentile_is_where_that_share_of_the_calls_ends() -> None:
    assert percentile({bucket(1.0): 94, bucket(50.0): 6}, 0.95) == bucket_end(bucket(50.0))
    assert percentile({bucket(1.0): 95, bucket(50.0): 5}, 0.95) == bucket_end(bucket(1.0))
    assert percentile({}, 0.95) is None


def test_calls_without_a_recorded_answer_are_left_out_and_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "r.ndjson", [_exchange(order_sign([draft("d1", "upadacitinib")], INFLIXIMAB))])
    ledger = Ledger()
    ledger.add(sums(Plan(SideSpec("recorded"), SideSpec("build")), list(corpus(file))))
    assert ledger.counts() == {("left out", "no answer was recorded"): 1}
    assert ledger.calls == 1
