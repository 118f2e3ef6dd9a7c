"""The harness itself: it sees what a page must not do."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, Response

from tests.browser.chromium import REQUIRED, Browser, Guard, Page, chromium, violations
from tests.browser.conftest import SCREENSHOTS
from tests.loopback import served

pytestmark = [pytest.mark.enable_socket, pytest.mark.browser]
Visit = Callable[..., Page]
POLICY = "default-src 'none'; script-src 'self'"
ROOT = Path(__file__).parents[2]


def page_of(body: str) -> Flask:
    """Make a site of one page, with a policy as ours have it."""
    app = Flask(__name__, static_folder=None)

    @app.get("/")
    def start() -> Response:
        return Response(body, mimetype="text/html", headers={"Content-Security-Policy": POLICY})

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status=204)

    return app


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<script>1</script>", "Content Security Policy"),
        ("<p style='color: red'>x</p>", "Content Security Policy"),
        ("<script src='nowhere.js'></script>", "404"),
        ("<a href='http://127.0.0.2:9/'>away</a>", "left the origin"),
    ],
)
def test_what_a_page_must_not_do_is_seen(browser: Browser, body: str, says: str) -> None:
    guard = Guard()
    with served(page_of(f"<!doctype html>{body}")) as address:
        guard.allowed.add(address)
        page = browser.new_page()
        guard.watch(page)
        page.goto(address)
        for link in page.locator("a").all():
            link.click(no_wait_after=True)
            page.wait_for_timeout(200)
        page.close()
    assert any(says in problem for problem in guard.problems)
    with pytest.raises(AssertionError):
        guard.check()


def test_a_problem_that_was_foreseen_has_to_come() -> None:
    guard = Guard(foreseen=["status of 400"])
    with pytest.raises(AssertionError):
        guard.check()
    guard.problems.append("console: the server responded with a status of 400")
    guard.check()


def test_axe_finds_what_keeps_somebody_out(browser: Browser) -> None:
    with served(page_of("<!doctype html><html lang='en'><title>x</title><main><h1>x</h1><input></main>")) as address:
        page = browser.new_page()
        page.goto(address)
        assert [line.partition(" ")[0] for line in violations(page)] == ["label"]
        page.close()


@pytest.mark.parametrize(("path", "width"), [("/evidence", 320), ("/evidence/upadacitinib-biologic", 1280)])
def test_the_evidence_pages_keep_nobody_out_at_any_width(
    path: str, width: int, visit: Visit, site_at: Callable[..., str], accessible: Callable[[Page], None]
) -> None:
    page = visit(site_at() + path, width=width)
    accessible(page)
    # WCAG 2.2, 1.4.10 Reflow: nothing to scroll sideways but tables.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_without_chromium_the_tests_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    pytest.importorskip("playwright", reason="is about the browser, not about playwright")
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"), chromium():
        pass
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(pytest.skip.Exception, match=re.escape("pip install -e '.[test,browser]'")), chromium():
        pass
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_CHROMIUM is set"), chromium():
        pass


def test_each_screenshot_is_made_by_a_test() -> None:
    """What no test makes any more would stay for ever and show what is not there."""
    written = "\n".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.rglob("test_*.py"))
    assert [file.name for file in SCREENSHOTS.glob("*.png") if f'"{file.stem}"' not in written] == []
