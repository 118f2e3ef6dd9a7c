"""A real Chromium, and what a page of ours must never do in it: fail, break its own policy, call somebody else."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
else:
    # Without the extra "browser" its tests are skipped; they have to be importable for that.
    try:
        from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
    except ImportError:
        Browser = ConsoleMessage = Page = Request = expect = None

__all__ = ["Browser", "Guard", "Page", "chromium", "expect", "violations"]

REQUIRED = "REQUIRE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing leaves this machine: no updates, no look-ups, and no name but an address of loopback is resolved.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the end of the block; skips, or fails with REQUIRE_CHROMIUM, where it is not installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _unavailable("playwright is not installed: pip install -e '.[test,browser]'")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        _unavailable(f"none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


def _unavailable(reason: str) -> None:
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but {reason}")
    pytest.skip(reason)


@dataclass
class Guard:
    """What went wrong on a page since it was opened.

    `allowed` are the origins that it may call, `foreseen` parts of the messages that a test wants to see.
    """

    allowed: set[str] = field(default_factory=set)
    foreseen: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note errors of scripts and of the console, which has those of the policy too, and calls to other origins."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._called)

    def check(self) -> None:
        """Fail the test if there was a problem, or if one that it foresaw did not come."""
        found = [problem for problem in self.problems if not any(part in problem for part in self.foreseen)]
        missed = [part for part in self.foreseen if not any(part in problem for problem in self.problems)]
        assert (found, missed) == ([], [])

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _called(self, request: Request) -> None:
        if origin(request.url) not in self.allowed and not request.url.startswith("data:"):
            self.problems.append(f"left the origin: {request.method} {request.url}")


def origin(address: str) -> str:
    """Give scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def violations(page: Page) -> list[str]:
    """Check a page with axe for WCAG 2.2 A and AA and for good practice: one line for each rule that does not hold."""
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{rule['id']} ({rule['impact']}): {[node['target'] for node in rule['nodes']]}" for rule in found]
