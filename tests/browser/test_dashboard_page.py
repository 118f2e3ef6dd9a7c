"""The dashboard in a real browser: readable on a desk and in a narrow pane, with keyboard and screen reader."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.password import USER
from service.store import Place
from service.store.migrate import upgrade
from tests.browser.chromium import Page, expect
from tests.dashboard.seeded import SILENT, TODAY, seed
from tests.dashboard.test_password import HASH, PASSWORD
from tests.databases import store_at
from tests.loopback import free_port, site_on

pytestmark = [pytest.mark.enable_socket, pytest.mark.browser]
Visit = Callable[..., Page]
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)


@pytest.fixture
def quarter(tmp_path: Path) -> Path:
    place = Place(tmp_path / "data" / "feedback.sqlite3")
    upgrade(place)
    with store_at(place) as store:
        seed(store)
    return tmp_path / "data"


def _looked_at(page: Page) -> Page:
    for plot in page.locator("img.plot").all():
        plot.scroll_into_view_if_needed()
        expect(plot).to_have_js_property("complete", True)
        assert plot.evaluate("image => image.naturalWidth") > 0
    page.evaluate("window.scrollTo(0, 0)")
    return page


@pytest.mark.parametrize(("name", "width", "dark"), [("dashboard", 1280, False), ("dashboard-dark", 360, True)])
def test_a_quarter_is_readable_and_the_silent_rule_is_said(
    quarter: Path,
    visit: Visit,
    accessible: Callable[[Page], None],
    screenshot: Callable[..., None],
    name: str,
    width: int,
    dark: bool,
) -> None:
    with site_on(free_port(), quarter, NOON) as address:
        page = _looked_at(visit(f"{address}/dashboard", width=width, dark=dark))
        expect(page.get_by_role("alert")).to_contain_text(f"{SILENT} has not fired for 11 whole days")
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        screenshot(page, name)


def test_another_period_is_chosen_with_the_keyboard(quarter: Path, visit: Visit) -> None:
    with site_on(free_port(), quarter, NOON) as address:
        page = visit(f"{address}/dashboard")
        page.get_by_label("From").fill("2026-03-09")
        page.get_by_label("to", exact=True).fill("2026-03-16")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{address}/dashboard?from=2026-03-09&to=2026-03-16")
        _looked_at(page)
        page.get_by_text("By client").nth(1).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("group", name="Calls by client")).to_be_visible()
        expect(page.get_by_role("group", name="Calls by client").get_by_text("ward")).to_be_visible()


def test_with_a_password_the_browser_asks_for_it(quarter: Path, visit: Visit, browser: object) -> None:
    with site_on(free_port(), quarter, NOON, dashboard_password_hash=HASH) as address:
        context = browser.new_context(http_credentials={"username": USER, "password": PASSWORD})  # type: ignore[attr-defined]
        page = context.new_page()
        page.goto(f"{address}/dashboard")
        expect(_looked_at(page).get_by_role("heading", name="Dashboard")).to_be_visible()
        context.close()
