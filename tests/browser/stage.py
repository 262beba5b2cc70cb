"""What the tests in a browser share: a server, a browser, and an eye on its console."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, expect
from twisted.trial.unittest import SynchronousTestCase

from tests.browser.server import Server

WITHIN = 30_000
"""Milliseconds within which anything expected has to happen."""


@pytest.mark.browser
@pytest.mark.usefixtures("in_chromium")
class BrowserCase(SynchronousTestCase):
    """A server of its own for each test, on an empty storage, and a page whose console stays silent."""

    chromium: Browser
    options: tuple[str, ...] = ()

    tolerated: tuple[str, ...] = ()
    """Patterns of console messages that a test provokes."""

    agrees: bool
    """What the reader says to whatever a page asks."""

    def setUp(self) -> None:
        """Start the server and open a page that shows nothing yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="peerstor-browser-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.storage = self.folder / "storage"
        self.storage.mkdir()
        self.server = Server(self.storage, *self.options)
        self.server.start()
        self.addCleanup(self._stop_server)
        self.origin = self.server.address
        self.complaints: list[str] = []
        self.agrees = True
        self.context = self.new_context()
        self.page = self.context.new_page()

    def new_context(self, **options: Any) -> BrowserContext:
        """Open a context with nothing stored, and watch the pages in it."""
        context = self.chromium.new_context(**options)
        context.set_default_timeout(WITHIN)
        context.on("console", self._heard)
        context.on("dialog", self._answer)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.addCleanup(context.close)
        return context

    def tearDown(self) -> None:
        """Hold every page to what ours have to be: without errors, and within their policy."""
        unexpected = [
            complaint
            for complaint in self.complaints
            if not any(re.search(pattern, complaint) for pattern in self.tolerated)
        ]
        self.assertEqual(unexpected, [])

    def go(self, path: str = "") -> None:
        """Show a page, below the root."""
        self.page.goto(self.origin + path)

    def names(self) -> list[str]:
        """Give the names that the listing shows, in its order."""
        return self.page.locator("#listing tbody th.name bdi").all_text_contents()

    def wait_names(self, *names: str) -> None:
        """Wait until the listing shows these names, in this order: rows come behind what stands above them."""
        expect(self.page.locator("#listing tbody th.name bdi")).to_have_text(list(names))

    def choose(self, *paths: Path) -> None:
        """Choose files behind the button for resumable uploads."""
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Upload (resumable)").click()
        chooser.value.set_files([str(path) for path in paths])

    def card(self, name: str) -> Locator:
        """Find the running upload of a name."""
        return self.page.get_by_role("listitem", name=f"Upload of {name}")

    def wait_done(self, name: str) -> None:
        """Wait until an upload is stored."""
        self.page.locator(f'[aria-label="Upload of {name}"][data-state="done"]').wait_for()

    def wait_sent(self, name: str, share: float) -> None:
        """Wait until a share of a file has left."""
        self.page.wait_for_function(
            "([name, share]) => document.querySelector(`[aria-label='Upload of ${name}'] progress`)?.value > share",
            arg=[name, share],
        )

    def make_file(self, name: str, size: int) -> Path:
        """Make a file of random bytes to upload."""
        path = self.folder / name
        path.write_bytes(os.urandom(size))
        return path

    def call(
        self, method: str, call: str, query: Mapping[str, str | int], body: bytes | None = None
    ) -> dict[str, Any]:
        """Call the upload API from outside the browser."""
        address = f"{self.server.address}api/upload/{call}?{urlencode(query)}"
        with urlopen(Request(address, method=method, data=body), timeout=WITHIN / 1000) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _answer(self, dialog: Dialog) -> None:
        """Answer what a page asks before it does something."""
        if self.agrees or dialog.type == "beforeunload":
            dialog.accept()
        else:
            dialog.dismiss()

    def _stop_server(self) -> None:
        self.server.stop()
        traces = [line for line in self.server.output if "Traceback" in line]
        self.assertEqual(traces, [], "".join(self.server.output))
