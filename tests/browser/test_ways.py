"""Signing in and sending files by a browser, over each way to a server that keeps a token from listeners."""

import re

from playwright.sync_api import expect

from tests.browser.stage import BrowserCase
from tests.integration.nginx import Nginx

SECRET = "a secret of the owner"


class SecureWay(BrowserCase):
    """HTTPS by PeerStor itself, with the certificate that it made."""

    options: tuple[str, ...] = ("--https", "--token", SECRET)
    cookie, path = r"__Host-peerstor-[0-9a-f]{12}", "/"
    tolerated = ("status of 401",)  # of a page that is about to be left, for news of its folder

    def setUp(self) -> None:
        super().setUp()
        (self.storage / "inside.txt").write_bytes(b"content")
        self.origin = self.way()
        self.context = self.new_context(ignore_https_errors=True)
        self.page = self.context.new_page()

    def way(self) -> str:
        """Give the address of the root."""
        return f"https://127.0.0.1:{self.server.port}/"

    def test_whole_visit(self) -> None:
        """Who signs in sees, downloads and sends files by both ways, and sees nothing after signing out."""
        source = self.folder / "sent.bin"
        source.write_bytes(b"x" * 2_000_000)
        self.go()
        expect(self.page).to_have_url(re.compile(re.escape(self.origin) + r"-/login\?next="))
        self.page.get_by_label("Your access token").fill(SECRET)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="inside.txt", exact=True)).to_be_visible()
        (cookie,) = self.context.cookies()
        self.assertRegex(cookie["name"], rf"^{self.cookie}$")
        self.assertEqual((cookie["secure"], cookie["httpOnly"], cookie["path"]), (True, True, self.path))
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download inside.txt").click()
        self.assertEqual(download.value.path().read_bytes(), b"content")
        self.choose(source)
        expect(self.card("sent.bin")).to_contain_text("Stored")
        self.page.set_input_files("#files", str(source))
        self.page.get_by_role("button", name="Upload", exact=True).click()
        expect(self.page.locator("#listing")).to_contain_text("sent (2).bin")
        self.assertEqual((self.storage / "sent (2).bin").read_bytes(), source.read_bytes())
        self.page.get_by_role("button", name="Sign out").click()
        self.go()
        expect(self.page.get_by_label("Your access token")).to_be_visible()
        self.assertEqual(self.context.cookies(), [])


class SubPathWay(SecureWay):
    """nginx with TLS in front, which shows it below a path."""

    options = ("--base-path", "/files", "--trusted-proxy", "127.0.0.1", "--token", SECRET)
    cookie, path = r"__Secure-peerstor-[0-9a-f]{12}", "/files"

    def way(self) -> str:
        folder = self.folder / "nginx"
        folder.mkdir()
        proxy = Nginx(str(folder), backend=self.server.port, base="/files", tls=True)
        self.addCleanup(proxy.end)
        return f"{proxy.url}/files/"
