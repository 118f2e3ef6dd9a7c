"""Fixtures of the tests in a real browser. They need the extra "browser" and Chromium, and are skipped without."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Browser, Guard, Page, chromium, origin, violations
from tests.loopback import free_port, site_on

SCREENSHOTS = Path(__file__).parent / "screenshots"


# One for each file of tests: while Playwright runs, no other test of the process can have an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Give what a test may foresee or allow; at its end, anything else that went wrong on a page fails it."""
    made = Guard()
    yield made
    made.check()


@pytest.fixture
def visit(browser: Browser, guard: Guard) -> Iterator[Callable[..., Page]]:
    """Open an address as a newcomer: nothing kept from before, no animation, and `at` as its time if it is given."""
    with ExitStack() as stack:

        def opened(
            address: str, *, width: int = 1280, height: int = 900, dark: bool = False, at: datetime | None = None
        ) -> Page:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",
                locale="en-US",
                timezone_id="UTC",
                service_workers="block",
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(15_000)
            guard.allowed.add(origin(address))
            guard.watch(page)
            if at is not None:
                page.clock.set_fixed_time(at)
            page.goto(address)
            return page

        yield opened


@pytest.fixture
def site_at(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serve a site with the given settings, whose day is that of the recorded cases; gives its address."""
    with ExitStack() as stack:

        def serving(**settings: Any) -> str:
            port = free_port()
            return stack.enter_context(site_on(port, tmp_path / f"data-{port}", **settings))

        yield serving


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Check that a page as it is now has nothing that keeps anybody out, as far as a machine can tell."""

    def check(page: Page) -> None:
        assert violations(page) == []

    return check


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep a picture of a page as `screenshots/NAME.png` with --rewrite-screenshots, else only look for it."""

    def taken(page: Page, name: str, *, whole: bool = False) -> None:
        file = SCREENSHOTS / f"{name}.png"
        if request.config.getoption("--rewrite-screenshots"):
            SCREENSHOTS.mkdir(exist_ok=True)
            page.screenshot(path=file, full_page=whole, animations="disabled")
        assert file.is_file(), f"{file.name} is missing: run this test with --rewrite-screenshots"

    return taken
