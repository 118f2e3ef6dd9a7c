"""The sandbox page as somebody uses it who tries the service, from a patient to a stored override."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cases import read_case
from service.store import FILE, CardOutcome, Place
from tests.browser.chromium import Guard, Page, expect
from tests.databases import store_at
from tests.fakes import until
from tests.loopback import free_port, site_on
from tests.trust import client

pytestmark = [pytest.mark.enable_socket, pytest.mark.browser]
Visit = Callable[..., Page]
SiteAt = Callable[..., str]

CROHN = "Crohn's, infliximab in force"
RINVOQ = "Rinvoq 45"
SELECT = re.compile(r".*/cds-services/upadacitinib-combination-select$")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """Serve a site as it comes, for all tests that change nothing of it."""
    with site_on(free_port(), folder) as address:
        yield address


def said(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#said")).to_contain_text(text)


def opened(visit: Visit, address: str, **how: Any) -> Page:
    page = visit(f"{address}/sandbox", **how)
    said(page, re.compile(r"patient-view: .*ms"))
    return page


def order(page: Page, typed: str) -> None:
    """Type a part of a name and take the first that fits."""
    field = page.get_by_role("combobox", name="Order a medicine")
    field.fill(typed)
    field.press("ArrowDown")
    field.press("Enter")


def card(page: Page, indicator: str) -> Any:
    return page.locator(f"article.card.{indicator}").first


def override(page: Page, reason: str, comment: str = "") -> None:
    shown = card(page, "warning")
    shown.get_by_text("Override with a reason").click()
    shown.get_by_label(reason).check()
    shown.get_by_role("textbox", name="Comment").fill(comment)
    shown.get_by_role("button", name="Override this card").click()


def outcomes(folder: Path) -> list[CardOutcome]:
    with store_at(Place(folder / FILE)) as store:
        return list(store.outcomes())


def test_from_a_patient_to_a_stored_override(
    visit: Visit,
    site: str,
    folder: Path,
    accessible: Callable[[Page], None],
    screenshot: Callable[..., None],
) -> None:
    page = opened(visit, site, height=580)
    page.get_by_label("Synthetic patient").select_option(label=CROHN)
    order(page, RINVOQ)
    said(page, re.compile(r"order-select: 1 warning, 1 info\. \d+\.\d ms\."))
    expect(card(page, "warning").get_by_role("heading", level=3)).to_contain_text("Upadacitinib + infliximab")
    accessible(page)
    screenshot(page, "sandbox")
    # A suggestion changes the drafts, and the hook fires again.
    page.get_by_role("button", name="Risankizumab instead of infliximab").click()
    said(page, re.compile(r"The drafts changed, and the hook was fired again\. order-select"))
    expect(page.locator("#drafts")).to_contain_text("risankizumab")
    expect(page.locator("#drafts")).not_to_contain_text("Rinvoq")
    # Back to the first order, which is signed with a reason.
    page.get_by_role("button", name="Remove risankizumab").click()
    order(page, RINVOQ)
    said(page, "order-select: 1 warning")
    page.get_by_role("button", name="Sign orders").click()
    said(page, "order-sign: 1 warning")
    expect(page.get_by_role("button", name="Complete signing")).to_be_disabled()
    override(page, "Specialist-directed", "Agreed with the patient.")
    expect(card(page, "warning")).to_contain_text("Overridden: Specialist-directed")
    page.get_by_role("tab", name="Feedback").click()
    expect(page.locator("#panel-feedback li").first).to_contain_text("status 200")
    page.get_by_role("button", name="Complete signing").click()
    said(page, "Signed: 24 HR upadacitinib 45 MG")
    expect(page.locator("#record")).to_contain_text("upadacitinib 45 MG")
    # Cards are written behind the call.
    until(lambda: {"accepted", "overridden"} <= {item.outcome for item in outcomes(folder)})
    stored = [item for item in outcomes(folder) if item.outcome == "overridden"]
    assert ("order-sign", "specialist-directed") in {(item.hook, item.reason) for item in stored}


def test_with_keys_alone(visit: Visit, site: str) -> None:
    page = opened(visit, site)
    keys = page.keyboard
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
    page.get_by_label("Synthetic patient").focus()
    page.get_by_role("combobox", name="Order a medicine").focus()
    keys.type("humira")
    expect(page.get_by_role("listbox")).to_be_visible()
    keys.press("ArrowDown")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_have_attribute("aria-selected", "true")
    keys.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    keys.press("Escape")
    keys.type("upadacitinib 30")
    keys.press("ArrowDown")
    keys.press("Enter")
    said(page, "order-select: 1 warning")
    summary = card(page, "warning").get_by_text("Override with a reason")
    summary.focus()
    keys.press("Enter")
    keys.press("Tab")
    keys.press("ArrowDown")
    keys.press("Tab")
    keys.type("By keys.")
    keys.press("Tab")
    keys.press("Enter")
    expect(card(page, "warning")).to_contain_text("Overridden:")
    expect(page.get_by_role("heading", name="Decision support")).to_be_focused()
    page.get_by_role("tab", name="Explain").focus()
    keys.press("ArrowRight")
    expect(page.get_by_role("tab", name="Request")).to_be_focused()
    expect(page.locator("#panel-request")).to_be_visible()


def test_where_calls_need_a_token_the_page_has_one(visit: Visit, site_at: SiteAt) -> None:
    page = opened(visit, site_at(clients=[client()]))
    with page.expect_request(SELECT) as asked:
        order(page, RINVOQ)
    assert asked.value.headers["authorization"].startswith("Bearer ey")
    said(page, "order-select: 1 warning")
    override(page, "Clinical trial")
    page.get_by_role("tab", name="Feedback").click()
    expect(page.locator("#panel-feedback li").first).to_contain_text("status 200")


def test_dates_and_statuses_change_the_answer(visit: Visit, site: str) -> None:
    page = opened(visit, site)
    order(page, RINVOQ)
    said(page, "order-select: 1 warning, 1 info")
    for number, name in enumerate(["Remicade (infliximab) 100 mg injection"] * 3):
        entry = page.locator("#record li").filter(has_text=name).nth(number)
        entry.locator("summary").click()
        if number == 0:
            entry.get_by_label("Status").select_option("stopped")
            entry.get_by_label("Ends").fill("2025-06-02")
        else:
            entry.get_by_label("Given").fill("2025-06-01")
            entry.get_by_label("Given").press("Tab")
    said(page, "order-select: checked, nothing to say")
    expect(page.locator("#timeline")).to_contain_text("upadacitinib")
    # The draft alone now; it is moved behind an order that is in force again but ends.
    entry = page.locator("#record li").filter(has_text="Remicade").first
    entry.get_by_label("Status").select_option("active")
    entry.get_by_label("Ends").fill("2026-03-20")
    said(page, "order-select: 1 warning")
    draft = page.locator("#drafts li").first
    draft.locator("summary").click()
    draft.get_by_label("Starts").fill("2026-03-20")
    said(page, "order-select: 1 info")
    expect(card(page, "info")).to_contain_text("Sequential as recorded")


def test_a_what_if_is_said_to_be_one_and_feeds_nothing_back(visit: Visit, site: str) -> None:
    page = opened(visit, site)
    page.get_by_label("Jurisdiction").select_option("eu")
    order(page, RINVOQ)
    said(page, "order-select: 1 warning")
    expect(page.locator("#whatif")).to_contain_text("jurisdiction eu")
    expect(page.locator("#whatif")).to_contain_text("not from the public address")
    override(page, "Clinical trial")
    expect(card(page, "warning")).to_contain_text("Overridden: Clinical trial")
    page.get_by_role("tab", name="Feedback").click()
    expect(page.locator("#panel-feedback")).to_contain_text("Nothing yet")
    page.get_by_label("Client profile").select_option("epic")
    expect(page.locator("#whatif")).to_contain_text("profile epic")
    expect(page.get_by_role("button", name="Risankizumab instead of infliximab")).to_have_count(0)
    for name, value in (("Jurisdiction", "us"), ("Client profile", "spec")):
        page.get_by_label(name).select_option(value)
    expect(page.locator("#whatif")).to_be_hidden()


def test_a_list_that_is_not_sent_is_an_error_that_says_so(visit: Visit, site: str, guard: Guard) -> None:
    guard.foreseen.append("status of 412")
    page = opened(visit, site)
    page.get_by_label("medicines", exact=True).uncheck()
    order(page, RINVOQ)
    said(page, "412: prefetch holds no medication list")
    expect(page.locator("article.card")).to_have_count(0)
    order(page, "metformin")
    page.get_by_role("button", name="Remove 24 HR upadacitinib").click()
    said(page, "order-select: checked, nothing to say")


def test_a_link_shows_the_same_again_and_is_never_sent(visit: Visit, site: str) -> None:
    page = opened(visit, site)
    page.get_by_label("Synthetic patient").select_option(label="Crohn's, active tuberculosis")
    page.get_by_label("Jurisdiction").select_option("au")
    order(page, RINVOQ)
    said(page, "order-select: 1 critical")
    link = page.url
    assert link.startswith(f"{site}/sandbox#")
    again = visit(link)
    said(again, "order-select: 1 critical")
    expect(again.get_by_label("Jurisdiction")).to_have_value("au")
    expect(again.locator("#drafts")).to_contain_text("upadacitinib 45 MG")
    broken = visit(f"{site}/sandbox#not-a-link")
    said(broken, "patient-view")


def test_an_answer_that_was_overtaken_is_not_shown(visit: Visit, site: str) -> None:
    page = opened(visit, site)
    held: list[Any] = []
    # The first call waits, the others go on.
    page.route(SELECT, lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(SELECT):
        order(page, RINVOQ)
    page.get_by_role("button", name="Remove 24 HR upadacitinib").click()
    order(page, "metformin")
    said(page, "order-select: checked, nothing to say")
    with page.expect_response(SELECT):
        held[0].continue_()
    page.wait_for_load_state("networkidle")
    said(page, "order-select: checked, nothing to say")
    expect(page.locator("article.card")).to_have_count(0)


HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script> [x](javascript:alert(1)) **Humira** \"'>"


def test_a_hostile_name_is_text_wherever_it_is_shown(visit: Visit, site: str) -> None:
    page = opened(visit, site)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    request = json.loads(read_case("order-select__upadacitinib-beside-current-infliximab").body)
    for bundle in (request["context"]["draftOrders"], *(request["prefetch"][key] for key in request["prefetch"])):
        for entry in (bundle or {}).get("entry", []):
            resource = entry["resource"]
            for name in ("medicationCodeableConcept", "code"):
                if name in resource:
                    resource[name]["text"] = HOSTILE
    page.get_by_label("or paste the JSON").fill(json.dumps(request))
    page.get_by_role("button", name="Run it").click()
    said(page, "order-select: 1 warning")
    for place in ("#record", "#drafts", "#cards", "#panel-request"):
        expect(page.locator(place)).to_contain_text("img src")
    order(page, HOSTILE)
    expect(page.locator("#drafts")).to_contain_text(HOSTILE)
    said(page, re.compile("order-select: .*ms"))
    for place in ("#record", "#drafts", "#cards"):
        assert page.locator(f"{place} :is(img, script, iframe, a[href^='javascript'])").count() == 0
    assert dialogs == []
    assert page.url.endswith("#")


def test_a_recorded_case_is_taken_moved_to_today_and_run(visit: Visit, site: str, guard: Guard) -> None:
    page = opened(visit, site)
    case = page.get_by_label("Take one of the recorded cases")
    case.fill("order-sign__monitoring-in-rheumatoid-arthritis")
    case.press("Tab")
    expect(page.get_by_label("or paste the JSON")).to_have_value(re.compile("order-sign"))
    page.get_by_role("button", name="Run it").click()
    said(page, "order-sign: 1 warning, 1 info")
    expect(page.locator("#record")).to_contain_text("tocilizumab")
    page.get_by_role("button", name=re.compile("blood count", re.IGNORECASE)).click()
    said(page, "The drafts changed")
    expect(page.locator("#drafts li")).to_have_count(2)
    guard.foreseen.append("status of 400")
    page.get_by_label("or paste the JSON").fill('{"hook": "order-select"')
    page.get_by_role("button", name="Run it").click()
    said(page, "400: The request is not valid JSON")


def test_where_others_reach_the_service_the_page_only_asks_what_if(visit: Visit, site_at: SiteAt) -> None:
    page = visit(f"{site_at(clients=[client()], public_base_url='https://cds.example.org', sandbox='on')}/sandbox")
    said(page, "patient-view")
    expect(page.get_by_text("Use synthetic data only")).to_be_visible()
    order(page, RINVOQ)
    said(page, "order-select: 1 warning")
    expect(page.locator("#whatif")).to_contain_text("no call without a token")


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (360, True), (320, False)])
def test_nobody_is_kept_out_at_any_width(
    width: int,
    dark: bool,
    visit: Visit,
    site: str,
    accessible: Callable[[Page], None],
    screenshot: Callable[..., None],
) -> None:
    page = opened(visit, site, width=width, dark=dark, height=800)
    accessible(page)
    page.get_by_label("Synthetic patient").select_option(label="Colitis, vedolizumab in force")
    order(page, RINVOQ)
    said(page, "order-select: 1 warning")
    if width == 360:
        page.evaluate("document.getElementById('timeline-title').scrollIntoView()")
        screenshot(page, "sandbox-narrow-dark")
    card(page, "warning").get_by_text("Override with a reason").click()
    page.locator("#record summary").first.click()
    page.locator("#drafts summary").first.click()
    accessible(page)
    # WCAG 2.2, 1.4.10 Reflow: nothing to scroll sideways but tables.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
