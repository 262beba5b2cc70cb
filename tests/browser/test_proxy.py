"""The pages behind a real nginx, below a path: nothing on them knows of another place."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.stage import BrowserCase
from tests.integration.nginx import Nginx

BASE = "/files"


class BehindProxy(BrowserCase):
    options = ("--base-path", BASE, "--trusted-proxy", "127.0.0.1")
    tls = False

    def setUp(self) -> None:
        super().setUp()
        (self.storage / "a folder").mkdir()
        (self.storage / "a folder" / "first.txt").write_text("first")
        nginx = self.folder / "nginx"
        nginx.mkdir()
        self.proxy = Nginx(str(nginx), backend=self.server.port, base=BASE, tls=self.tls)
        self.addCleanup(self.proxy.end)
        self.origin = f"{self.proxy.url}{BASE}/"
        if self.tls:
            self.context = self.new_context(ignore_https_errors=True)
            self.page = self.context.new_page()
        self.addCleanup(self.context.close)  # before the proxy ends, which a page would tell of
        self.outside: list[str] = []
        self.page.on("request", lambda request: self._requested(request.url))

    def tearDown(self) -> None:
        """Hold every request of the page to what is below the path."""
        super().tearDown()
        self.assertEqual(self.outside, [])

    def _requested(self, url: str) -> None:
        if not url.startswith((self.origin, "blob:")):
            self.outside.append(url)

    def open_folder(self) -> None:
        """Go from the top into the folder, as a reader would."""
        self.go()
        self.assertEqual(self.names(), ["a folder"])
        self.page.get_by_role("link", name="a folder").click()
        self.page.wait_for_url(f"{self.origin}a%20folder/")

    def test_listing(self) -> None:
        """A folder opens, sorts, and leads back to the top in the same order; a file is its bytes."""
        self.open_folder()
        self.assertEqual(self.names(), ["first.txt"])
        self.page.get_by_role("link", name="Size").click()
        self.page.wait_for_url(f"{self.origin}a%20folder/?sort=size")
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download first.txt").click()
        self.assertEqual(Path(download.value.path()).read_text(), "first")
        self.page.get_by_role("link", name="All files").click()
        expect(self.page).to_have_url(f"{self.origin}?sort=size")  # the order that was chosen, taken along
        self.wait_names("a folder")

    def test_form(self) -> None:
        """The plain form stores a file and shows it."""
        self.open_folder()
        self.page.locator("#files").set_input_files(str(self.make_file("sent.bin", 300_000)))
        self.page.get_by_role("button", name="Upload", exact=True).click()
        self.page.locator("tbody bdi", has_text="sent.bin").first.wait_for()
        expect(self.page).to_have_url(f"{self.origin}a%20folder/")
        self.assertEqual((self.storage / "a folder/sent.bin").stat().st_size, 300_000)

    def test_resumable(self) -> None:
        """A resumable upload goes on over a restart of the server, and its name links to what was stored."""
        # The proxy has no answer then, and the stream of events has no end.
        self.tolerated = (r"status of 50[234]", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_HTTP2_PROTOCOL_ERROR")
        self.open_folder()
        source = self.make_file("large.bin", 40 * 2**20)
        self.choose(source)
        self.wait_sent("large.bin", 0.2)
        self.server.kill()
        self.server.start()
        self.wait_done("large.bin")
        self.assertTrue((self.storage / "a folder/large.bin").read_bytes() == source.read_bytes())
        href = self.card("large.bin").get_by_role("link").get_attribute("href")
        self.assertEqual(href, f"{BASE}/a%20folder/large.bin")
        self.page.locator("#listing tbody bdi", has_text="large.bin").first.wait_for()

    def test_small(self) -> None:
        """A small file takes one request here too, and its name links to where the browser finds it."""
        self.open_folder()
        with self.page.expect_response(lambda answer: answer.request.method == "PUT") as answer:
            self.choose(self.make_file("small.bin", 1000))
        self.wait_done("small.bin")
        self.assertEqual(answer.value.status, 201)
        href = self.card("small.bin").get_by_role("link").get_attribute("href")
        self.assertEqual(href, f"{BASE}/a%20folder/small.bin")

    def test_error_page(self) -> None:
        """From a page that isn't there the way leads back."""
        self.tolerated = (r"status of 404",)
        self.go("nothing")
        self.page.get_by_role("link", name="Back to all files").click()
        self.page.wait_for_url(self.origin)

    def test_two_servers_at_one_host(self) -> None:
        """What one server's page remembers of an upload is not the other's at the same host."""
        self.go()
        self.page.evaluate("localStorage.setItem('peerstor:upload:/other [1]', 'x')")
        self.page.reload()
        self.page.locator("html.scripted").wait_for()
        self.assertEqual(self.page.evaluate("localStorage.getItem('peerstor:upload:/other [1]')"), "x")


class BehindSecureProxy(BehindProxy):
    """The same over TLS, which ends at nginx."""

    tls = True

    def test_isolated(self) -> None:
        """Over TLS the page is apart from whoever opened it, and the browser finds nothing to complain of."""
        with self.page.expect_response(re.compile(BASE)) as answer:
            self.go()
        self.assertEqual(answer.value.headers["cross-origin-opener-policy"], "same-origin")
        self.assertTrue(self.page.evaluate("isSecureContext"))
