"""The dashboard as somebody sees it who runs the service."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import SITE
from service.dashboard.plots import PLOTS
from service.dashboard.tables import TABLES
from service.password import MOST_FAILURES, hashed
from tests.dashboard.seeded import SILENT
from tests.dashboard.test_password import HASH, PASSWORD, header
from tests.trust import jwks, pair

Sites = Callable[..., FlaskClient]


def test_a_quarter_is_shown_with_its_silent_rule(busy: FlaskClient) -> None:
    page = busy.get("/dashboard").get_data(as_text=True)
    assert re.search(rf'role="alert".*<b>{SILENT}</b> has not fired for 11 whole days, since 2026-03-04', page)
    for part in ("By client", "ward", "planned-switch", "order-sign", "2026-W11", "23760"):
        assert part in page
    assert page.count("has not fired") == 1


def test_an_empty_database_is_explained_and_not_shown_as_good_news(site_with: Sites) -> None:
    page = site_with().get("/dashboard").get_data(as_text=True)
    assert "Nothing was stored from 2025-12-23 to 2026-03-16" in page
    assert "By client" not in page


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_a_picture_without_script_or_address(busy: FlaskClient, name: str) -> None:
    answer = busy.get(f"/dashboard/{name}.svg")
    text = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert "<svg" in text
    assert not re.search(r"<script|\bon\w+=|href=\"http", text)
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_drawing_leaves_the_imports_of_the_process_as_they_were(busy: FlaskClient) -> None:
    busy.get("/dashboard/alerts.svg?from=2026-03-01")
    assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_a_file_with_the_numbers_of_the_page(busy: FlaskClient, name: str) -> None:
    answer = busy.get(f"/dashboard/{name}.csv")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert len(answer.get_data(as_text=True).splitlines()) > 2


def test_the_days_in_the_address_choose_the_period(busy: FlaskClient) -> None:
    table = busy.get("/dashboard/calls.csv?from=2026-03-16&to=2026-03-16").get_data(as_text=True)
    assert table.splitlines()[1].startswith("all,,360,")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "to=",
            "from=20260316",
            "from=yesterday",
            "to=2026-13-01",
            "from=2026-03-16&to=2026-03-15",
            "from=2001-01-01",
        ),
        *("to=0001-01-01&from=2000-01-01", "to=9999-12-31", "from=9999-12-31&to=9999-12-31", "to=0001-01-01"),
    ],
)
def test_a_period_that_is_none_is_refused_with_what_to_do(busy: FlaskClient, query: str) -> None:
    answer = busy.get(f"/dashboard?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["/dashboard/other.csv", "/dashboard/other.svg", "/dashboard/other"])
def test_what_is_not_there_is_404(busy: FlaskClient, path: str) -> None:
    assert busy.get(path).status_code == 404


def test_with_a_password_nothing_is_shown_without_it(site_with: Sites) -> None:
    site = site_with(dashboard_password_hash=HASH)
    paths = [
        "/dashboard",
        *(f"/dashboard/{name}.csv" for name in TABLES),
        *(f"/dashboard/{name}.svg" for name in PLOTS),
    ]
    for path in paths:
        refused = site.get(path)
        assert (refused.status_code, refused.data) == (401, b"")
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        assert site.get(path, headers={"Authorization": header(PASSWORD)}).status_code == 200


def test_too_many_wrong_passwords_are_429(site_with: Sites) -> None:
    site = site_with(dashboard_password_hash=hashed(PASSWORD))
    answers = [site.get("/dashboard", headers={"Authorization": header("wrong")}) for _ in range(MOST_FAILURES + 1)]
    assert [answer.status_code for answer in answers][-1] == 429
    assert answers[-1].headers["Retry-After"] == "60"


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0"},
        {"public_base_url": "https://cds.example.org"},
        {"clients": [{"id": "ehr", "issuers": ["https://ehr.example.org"], "jwks": jwks(pair())}]},
    ],
)
def test_where_others_can_reach_it_there_is_none_without_a_password(
    site_with: Sites, settings: dict[str, object]
) -> None:
    site = site_with(**settings)
    assert site.get("/dashboard").status_code == 404
    assert "dashboard" not in site.get("/evidence").get_data(as_text=True).partition("<main")[0]


def test_another_name_that_points_to_this_machine_is_not_answered(site_with: Sites) -> None:
    site = site_with()
    assert site.get("/dashboard", headers={"Host": "rebound.example.org"}).status_code == 404
    assert site.get("/dashboard", headers={"Host": "localhost:8000"}).status_code == 200


def test_a_database_that_cannot_be_used_is_said(tmp_path: Path, site_with: Sites) -> None:
    site = site_with()
    (tmp_path / "data" / "feedback.sqlite3").write_bytes(b"no database")
    answer = site.get("/dashboard")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_calls_and_their_outcomes_come_from_real_calls(site_with: Sites) -> None:
    from service.cases import read_case
    from service.tallies import Tallies

    site = site_with()
    selected = read_case("order-select__upadacitinib-beside-current-infliximab").body
    for name, body in (("select", selected), ("sign", b"{")):
        site.post(f"/cds-services/upadacitinib-combination-{name}", data=body, content_type="application/json")
    tallies: Tallies = site.application.extensions[SITE].tallies
    assert tallies.write()
    rows = site.get("/dashboard/calls.csv").get_data(as_text=True).splitlines()
    assert [row.split(",")[1:8] for row in rows if row.startswith("hook,")] == [
        ["order-select", "1", "0", "1", "0", "0", "0"],
        ["order-sign", "1", "0", "0", "0", "1", "0"],
    ]
