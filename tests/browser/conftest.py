"""One headless Chromium for the tests of this folder; each test has a context of its own in it."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.stage import WITHIN

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Run the Chromium of the system, or Playwright's own where there is none."""
    expect.set_options(timeout=WITHIN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="class")
def in_chromium(request: pytest.FixtureRequest, chromium: Browser) -> None:
    """Give the browser to a class of tests."""
    assert request.cls is not None
    request.cls.chromium = chromium
