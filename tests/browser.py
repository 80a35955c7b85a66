"""A real browser for the pages of ours that somebody opens: Debian's Chromium, without a window."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.elasticsearch.node import in_ci

# A page that a test makes up may fetch from servers of this machine.
ARGUMENTS = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"]


@pytest.fixture(scope="module")  # a second one beside it, of another module, would not start
def browser() -> Iterator[Browser]:
    """The browser; skips where there is none, which in CI is a failure."""
    path = shutil.which("chromium")
    if path is None:
        (pytest.fail if in_ci() else pytest.skip)("there is no chromium: apt-get install chromium")
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own for each test; what its scripts throw fails the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale="en-US")
    context.set_default_timeout(20_000)
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []
