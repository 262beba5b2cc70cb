"""Signing in and out with a real browser."""

import json
import re
from urllib.request import Request, urlopen

from playwright.sync_api import expect

from tests.browser.server import Server
from tests.browser.stage import BrowserCase
from tests.browser.test_pages import CONTRAST, FAULTS

SECRET = "a secret of the owner"


class LoginTests(BrowserCase):
    options = ("--token", SECRET)
    tolerated = (r"status of 401",)

    def sign_in(self, secret: str = SECRET) -> None:
        """Fill the form as people do, without a mouse."""
        expect(self.page.get_by_label("Your access token")).to_be_focused()
        self.page.keyboard.type(secret)
        self.page.keyboard.press("Enter")

    def test_there_and_back(self) -> None:
        """A person is asked to sign in, gets to where they were going, and signs out again."""
        (self.storage / "folder").mkdir()
        (self.storage / "folder" / "inside.txt").write_bytes(b"content")
        self.go("folder/?sort=size")
        expect(self.page).to_have_url(re.compile(r"/-/login\?next="))
        expect(self.page.get_by_label("Your access token")).to_be_focused()
        self.sign_in()
        expect(self.page).to_have_url(re.compile(r"/folder/\?sort=size$"))
        self.wait_names("inside.txt")
        expect(self.page.get_by_text("Signed in as owner")).to_be_visible()
        self.page.get_by_role("button", name="Sign out").click()
        expect(self.page.get_by_label("Your access token")).to_be_visible()
        self.go("folder/")
        expect(self.page).to_have_url(re.compile(r"/-/login"))

    def test_wrong_token(self) -> None:
        """A wrong token is said to be one, aloud, and one can try again at once."""
        self.go("")
        self.sign_in("a wrong one")
        expect(self.page.get_by_role("alert")).to_contain_text("no token of this server")
        expect(self.page.get_by_label("Your access token")).to_be_focused()
        self.sign_in()
        expect(self.page.get_by_text("Signed in as owner")).to_be_visible()

    def test_upload_when_signed_in(self) -> None:
        """The page's own uploads, resumable, small and by form, go with the session."""
        source = self.folder / "sent.bin"
        source.write_bytes(b"x" * 3_000_000)
        self.go("")
        self.sign_in()
        expect(self.page.get_by_text("Signed in as owner")).to_be_visible()
        self.choose(source)
        expect(self.card("sent.bin")).to_contain_text("Stored")
        self.assertEqual((self.storage / "sent.bin").read_bytes(), source.read_bytes())
        with self.page.expect_response(lambda answer: answer.request.method == "PUT") as answer:
            self.choose(self.make_file("small.bin", 1000))
        self.wait_done("small.bin")
        self.assertEqual(answer.value.status, 201)
        self.page.set_input_files("#files", str(source))
        self.page.get_by_role("button", name="Upload", exact=True).click()
        expect(self.page.locator("#listing")).to_contain_text("sent (2).bin")

    def test_without_scripts(self) -> None:
        """All of it works without JavaScript."""
        (self.storage / "file.txt").write_bytes(b"content")
        context = self.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(self.origin)
        page.get_by_label("Your access token").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("link", name="file.txt", exact=True)).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Your access token")).to_be_visible()

    def test_two_servers_on_one_host(self) -> None:
        """Cookies know no ports; signing in at one server leaves the session of another alone."""
        storage = self.folder / "other"
        storage.mkdir()
        other = Server(storage, "--token", "the other secret")
        other.start()
        self.addCleanup(other.stop)
        self.go("")
        self.sign_in()
        expect(self.page.get_by_text("Signed in as owner")).to_be_visible()
        self.page.goto(other.address)
        self.sign_in("the other secret")
        expect(self.page.get_by_text("Signed in as owner")).to_be_visible()
        self.page.get_by_role("button", name="Sign out").click()
        expect(self.page.get_by_label("Your access token")).to_be_visible()
        self.go("")
        expect(self.page.get_by_text("Signed in as owner")).to_be_visible()

    def test_readable_by_everybody(self) -> None:
        """The page is sound for screen readers, has enough contrast in light and dark, and fits a phone."""
        for scheme in ("light", "dark"):
            context = self.new_context(color_scheme=scheme, viewport={"width": 360, "height": 640})
            page = context.new_page()
            page.goto(f"{self.origin}-/login")
            for when in ("fresh", "refused"):
                self.assertEqual(page.evaluate(FAULTS), [], (scheme, when))
                self.assertEqual(page.evaluate(CONTRAST), [], (scheme, when))
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                self.assertFalse(wide, (scheme, when))
                page.get_by_label("Your access token").fill("a wrong one")
                page.keyboard.press("Enter")
                page.get_by_role("alert").wait_for()

    def test_script_is_not_asked_by_a_window(self) -> None:
        """A script of the page without a session gets an answer that it can read; no window opens over the page."""
        self.go("")
        answer = self.page.evaluate("fetch('/').then(async (r) => [r.status, r.headers.get('www-authenticate')])")
        self.assertEqual(answer, [401, 'Bearer realm="PeerStor"'])
        request = Request(self.origin, headers={"Authorization": f"Bearer {SECRET}", "Accept": "application/json"})
        with urlopen(request) as found:
            self.assertEqual(json.load(found)["entries"], [])
