"""The numbers of the dashboard."""

from datetime import date

import pytest

from service.dashboard.figures import Calls, Period, figures
from service.dashboard.tables import TABLES, as_csv, latency_text
from service.rates import Share
from service.store import CallKind
from service.tallies import BEYOND, BUCKETS, bucket_of

DAY = date(2026, 3, 16)
PERIOD = Period(date(2026, 3, 9), DAY, DAY)


def test_a_latency_falls_into_the_bucket_that_ends_above_it() -> None:
    assert [bucket_of(ms) for ms in (0.0, 1.0, 1.1, 4999.0, 5000.0, 5000.1)] == [1, 1, 2, 5000, 5000, BEYOND]


def test_a_percentile_is_the_end_of_the_bucket_in_which_it_lies() -> None:
    group = Calls({"complete": 100}, {1: 50, 5: 45, BEYOND: 5})
    assert [group.latency(share) for share in (0.5, 0.51, 0.95, 0.96)] == [1, 5, 5, BEYOND]
    assert [latency_text(group, share) for share in (0.5, 0.99)] == [1, f">{BUCKETS[-1]}"]


def test_without_calls_there_is_no_latency() -> None:
    assert Calls({}, {}).latency(0.5) is None
    assert latency_text(Calls({}, {}), 0.5) == ""


def test_what_is_out_of_scope_is_no_part_of_the_rate_of_calls_that_were_not_checked() -> None:
    group = Calls({"out-of-scope": 900, "complete": 90, "incomplete": 6, "refused": 3, "failed": 1}, {})
    assert (group.total, group.in_scope, group.not_checked) == (1000, 100, Share(10, 100))


def test_calls_are_summed_by_hook_client_and_week() -> None:
    counted = {
        CallKind(DAY, "a", "order-select", "complete", 5): 3,
        CallKind(DAY, "b", "order-sign", "complete", 5): 2,
        CallKind(date(2026, 3, 15), "a", "order-sign", "incomplete", 10): 1,
    }
    found = figures(PERIOD, [], counted, [])
    totals = {name: {value: group.total for value, group in groups.items()} for name, groups in found.by.items()}
    assert totals == {
        "hook": {"order-select": 3, "order-sign": 3},
        "client": {"a": 4, "b": 2},
        "week": {"2026-W11": 1, "2026-W12": 5},
    }


def test_a_period_names_every_week_that_it_touches() -> None:
    assert Period(date(2025, 12, 28), date(2026, 1, 5), DAY).weeks == ("2025-W52", "2026-W01", "2026-W02")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    assert as_csv(iter([(text, 1)])).startswith(("'", "\"'"))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    counted = {CallKind(DAY, "a", "order-select", "complete", 5): 3}
    head, *rows = TABLES[name](figures(PERIOD, [], counted, ["upadacitinib-jak"]))
    assert {len(row) for row in rows} <= {len(head)}
