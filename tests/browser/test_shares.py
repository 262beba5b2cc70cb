"""Share links in a real browser: for those who make them, and for those who open them."""

import json
import os
from urllib.request import Request, urlopen

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import WITHIN, BrowserCase

TOKEN = "a token of the owner's"


class ShareCase(BrowserCase):
    """A closed server with one folder."""

    options = ("--token", TOKEN)

    def setUp(self) -> None:
        """Let files lie there."""
        super().setUp()
        (self.storage / "shared").mkdir()
        (self.storage / "shared" / "file.txt").write_bytes(b"the content")
        (self.storage / "beside.txt").write_bytes(b"beside")

    def share(self, path: str, **fields: object) -> str:
        """Make a share by the API, and give its address."""
        content = json.dumps({"path": path, **fields}).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = Request(f"{self.origin}api/shares", method="POST", data=content, headers=headers)
        with urlopen(request, timeout=WITHIN / 1000) as answer:
            return str(json.load(answer)["url"])

    def contexts(self) -> list[BrowserContext]:
        """Open one with scripts and one without."""
        return [self.context, self.new_context(java_script_enabled=False)]

    def sign_in(self, page: Page) -> None:
        page.goto(f"{self.origin}-/login")
        page.get_by_label("Your access token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Signed in as").wait_for()


class MakingTest(ShareCase):
    """The maker's pages."""

    def test_whole_story(self) -> None:
        """From a folder's page to a link, which somebody else opens, to its end: with and without scripts."""
        for context in self.contexts():
            page = context.new_page()
            self.sign_in(page)
            page.get_by_label("Actions for shared", exact=True).click()
            page.locator(".menu, main .ways").get_by_role("link", name="Share").click()
            page.get_by_text("For /shared").wait_for()
            page.get_by_label("A note for whoever opens it").fill("For you")
            page.get_by_label("Downloads at most").fill("3")
            page.get_by_role("button", name="Make the link").click()
            page.get_by_role("heading", name="Link to /shared/").wait_for()
            address = page.locator("p.link a").text_content() or ""
            guest = self.new_context().new_page()
            guest.goto(address)
            guest.get_by_role("link", name="file.txt", exact=True).wait_for()
            self.assertEqual(guest.get_by_role("link", name="Share", exact=False).count(), 0)
            page.get_by_label("Downloads at most").fill("5")
            page.get_by_role("button", name="Save").click()
            page.get_by_text("0 of 5").wait_for()
            page.get_by_role("link", name="Share links").first.click()
            page.get_by_role("cell", name=address).wait_for()
            page.get_by_role("link", name="Change /shared/").click()
            page.get_by_role("link", name="Revoke this link").click()
            page.get_by_role("button", name="Revoke it").click()
            page.get_by_text("There are none yet").wait_for()
            self.tolerated = ("status of 404",)
            guest.reload()
            guest.get_by_text("Nothing here.").wait_for()


class OpeningTest(ShareCase):
    """What whoever has a link sees."""

    def test_file(self) -> None:
        """A file has a page with a download that counts once."""
        address = self.share("/shared/file.txt", note="Only this one.", max_downloads=1)
        for context in self.contexts():
            page = context.new_page()
            if context is not self.context:  # the one download is another visit's
                self.tolerated = ("status of 404",)
                page.goto(address)
                page.get_by_text("Nothing here.").wait_for()
                continue
            page.goto(address)
            page.get_by_text("Only this one.").wait_for()
            for _ in range(2):
                with page.expect_download() as download:
                    page.get_by_role("link", name="Download").click()
                self.assertEqual(download.value.suggested_filename, "file.txt")
                with open(download.value.path(), "rb") as file:
                    self.assertEqual(file.read(), b"the content")

    def test_password(self) -> None:
        """A password is asked for by a page, which leads on; a wrong one is told."""
        self.tolerated = ("status of 401",)
        address = self.share("/shared", password="open sesame")
        for context in self.contexts():
            page = context.new_page()
            page.goto(f"{address}/file.txt")
            page.get_by_label("Password").fill("wrong")
            page.get_by_role("button", name="Open").click()
            page.get_by_text("That is not the password").wait_for()
            page.get_by_label("Password").fill("open sesame")
            page.get_by_role("button", name="Open").click()
            page.get_by_text("the content").wait_for()
            expect(page).to_have_url(f"{address}/file.txt")
            page.goto(address)
            page.get_by_role("link", name="file.txt", exact=True).wait_for()

    def test_folder(self) -> None:
        """Nothing on the pages of a folder leads out of it."""
        (self.storage / "shared" / "deep").mkdir()
        address = self.share("/shared")
        self.page.goto(address)
        self.page.get_by_role("link", name="deep").click()
        self.page.get_by_text("This folder is empty.").wait_for()
        for link in self.page.locator("a[href]").all():
            target = str(link.evaluate("link => link.href"))
            self.assertTrue(target.startswith((address, f"{self.page.url}#")), target)


class SendingTest(ShareCase):
    """Upload-only shares."""

    def test_form(self) -> None:
        """The form works with and without scripts; who sent what stands on the maker's page."""
        address = self.share("/shared", mode="upload")
        for number, context in enumerate(self.contexts()):
            page = context.new_page()
            page.goto(address)
            self.assertFalse(page.get_by_text("file.txt").is_visible())
            page.get_by_label("Your name").fill(f"Ann {number}")
            page.get_by_label("A note").fill("two\nlines")
            page.get_by_label("Files", exact=True).set_input_files(
                [{"name": f"sent {number}", "mimeType": "text/plain", "buffer": b"sent"}]
            )
            page.get_by_role("button", name="Send").click()
            page.get_by_text("Your file has arrived.").wait_for()
            self.assertEqual((self.storage / "shared" / f"sent {number}").read_bytes(), b"sent")
        self.sign_in(self.page)
        self.page.goto(address.replace("/-/s/", "/-/shares/"))
        for told in ("Ann 0", "Ann 1", "sent 0", "sent 1"):
            self.page.get_by_text(told).first.wait_for()

    def test_resumable(self) -> None:
        """The button sends in pieces, through the share and with the sender's words; it shows no address."""
        address = self.share("/shared", mode="upload")
        self.page.goto(address)
        self.page.get_by_label("Your name").fill("Bob")
        file = self.make_file("large.bin", 20_000_000)
        self.choose(file)
        self.wait_done("large.bin")
        self.assertTrue((self.storage / "shared" / "large.bin").read_bytes() == file.read_bytes())
        self.assertEqual(self.card("large.bin").get_by_role("link").count(), 0)
        with self.page.expect_request(lambda request: request.url.startswith(f"{address}/upload/chunk")):
            self.choose(self.make_file("small.bin", 1000))
        self.wait_done("small.bin")
        self.sign_in(self.page)
        self.page.goto(address.replace("/-/s/", "/-/shares/"))
        self.page.get_by_text("Bob").first.wait_for()

    def test_apart_from_the_storage(self) -> None:
        """What is unfinished in the storage itself isn't shown to whoever opens a share, nor the other way."""
        address = self.share("/shared", mode="upload")
        self.page.goto(address)
        self.assertEqual(os.listdir(self.storage / "shared"), ["file.txt"])
        folder = self.page.locator("#uploads").get_attribute("data-folder")
        self.assertEqual(f"{self.origin.rstrip('/')}{folder}", f"{address}/")
