"""Resumable uploads from the page through a proxy that lets little through at once."""

import re

from playwright.sync_api import Response

from tests.browser.stage import BrowserCase
from tests.integration.nginx import BareNginx

MIB = 1024 * 1024
SIZE = 30 * MIB


class BehindUntouchedNginx(BrowserCase):
    """nginx as it comes keeps every request until it is complete, and refuses those of more than 1 MiB by itself."""

    options = ("--trusted-proxy", "127.0.0.1")
    tls = False

    def setUp(self) -> None:
        """Put nginx between the two, and note what becomes of the chunks."""
        super().setUp()
        self.tolerated = (r"status of 413",)
        nginx = self.folder / "nginx"
        nginx.mkdir()
        proxy = BareNginx(str(nginx), backend=self.server.port, tls=self.tls)
        self.addCleanup(proxy.end)
        self.origin = f"{proxy.url}/"
        if self.tls:
            self.context = self.new_context(ignore_https_errors=True)
            self.page = self.context.new_page()
        self.statuses: list[int] = []
        self.page.on("response", self._answered)
        self.addCleanup(self.page.close)  # before the proxy ends, which would cut the stream of events

    def test_gets_through(self) -> None:
        """The page finds the largest size that passes, once for all files, and both arrive whole."""
        first, second = (self.make_file(name, SIZE) for name in ("first.bin", "second.bin"))
        self.go()
        self.choose(first)
        self.wait_done("first.bin")
        refused = self.statuses.count(413)
        self.assertTrue(1 <= refused <= 3, self.statuses)
        self.choose(second)
        self.wait_done("second.bin")
        self.assertEqual(self.statuses.count(413), refused)
        for source in (first, second):
            self.assertTrue((self.storage / source.name).read_bytes() == source.read_bytes(), "the file differs")

    def _answered(self, response: Response) -> None:
        if re.search("/api/upload/chunk", response.url):
            self.statuses.append(response.status)


class BehindUntouchedNginxWithTls(BehindUntouchedNginx):
    """The same with HTTP/2, where nginx ends a stream that it refuses."""

    tls = True


class Told(BehindUntouchedNginx):
    """A server that knows what its proxy lets through."""

    options = ("--trusted-proxy", "127.0.0.1", "--max-request", "1000KiB")

    def test_gets_through(self) -> None:
        """No chunk is ever refused."""
        source = self.make_file("told.bin", 5 * MIB)
        self.go()
        self.choose(source)
        self.wait_done("told.bin")
        self.assertEqual(set(self.statuses), {200})
        self.assertGreater(len(self.statuses), 5)
        self.assertTrue((self.storage / "told.bin").read_bytes() == source.read_bytes(), "the file differs")
