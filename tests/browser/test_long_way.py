"""The whole promise at once: a large file through everything that happens to uploads."""

import hashlib
import re

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.stage import BrowserCase

SIZE = 500 * 1024 * 1024

PACE = 25_000_000
"""Bytes a second: slow enough that a busy machine still sees the middle of it."""

PATIENCE = 600_000
"""Milliseconds."""


@pytest.mark.timeout(1800)
class LongWayTest(BrowserCase):
    """500 MiB."""

    tolerated = ("Failed to load resource", "net::ERR")

    def set_network(self, session: CDPSession, *, offline: bool = False, pace: int = PACE) -> None:
        """Have the browser's network be away, or as slow as that."""
        session.send(
            "Network.emulateNetworkConditions",
            {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": pace},
        )

    def test_arrives_whole(self) -> None:
        """It survives a lost network, a reload and a killed server, and is the same to the byte."""
        self.context.set_default_timeout(PATIENCE)
        source = self.make_file("long.bin", SIZE)
        session = self.context.new_cdp_session(self.page)
        session.send("Network.enable")
        self.go()
        self.set_network(session)
        self.choose(source)

        self.wait_sent("long.bin", 0.15)
        self.set_network(session, offline=True)
        card = self.card("long.bin")
        card.get_by_text("You are offline. This goes on when the network is back.").wait_for()
        self.set_network(session)
        self.wait_sent("long.bin", 0.35)

        self.page.reload()
        reminder = self.page.get_by_text(re.compile(r"Choose the same file again to continue at \d+ %\."))
        reminder.wait_for()
        reached = int(re.findall(r"(\d+) %", reminder.text_content() or "")[0])
        self.assertGreater(reached, 15)
        self.choose(source)
        self.wait_sent("long.bin", 0.6)

        self.server.kill()
        card.get_by_text("The connection is lost. Trying again").wait_for()
        self.set_network(session, pace=-1)
        self.server.start()
        self.wait_done("long.bin")
        expect(reminder).to_have_count(0)
        digests = []
        for path in (source, self.storage / "long.bin"):
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "blake2b").hexdigest())
        self.assertEqual(*digests)
        self.assertEqual(self.page.evaluate("() => localStorage.length"), 0)
