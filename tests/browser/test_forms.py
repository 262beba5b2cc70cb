"""The plain form in a real browser."""

import os

from playwright.sync_api import FilePayload, Page, expect

from tests.browser.stage import BrowserCase


class FormTest(BrowserCase):
    """Files that go the plain way."""

    def send(self, page: Page, *files: FilePayload) -> None:
        """Choose files in the form and send it."""
        page.get_by_label("Add files by a plain form").set_input_files(list(files))
        page.get_by_role("button", name="Upload", exact=True).click()

    def test_with_and_without_scripts(self) -> None:
        """The form stores several files, and shows the folder again with them, scripts or none."""
        for scripts in (True, False):
            page = self.new_context(java_script_enabled=scripts).new_page()
            folder = self.storage / f"scripts {scripts}"
            folder.mkdir()
            page.goto(f"{self.server.address}scripts%20{scripts}/")
            contents = {"größe %.bin": os.urandom(300_000), "empty": b"", '"quoted" 😀': b"x"}
            self.send(
                page,
                *(
                    FilePayload(name=name, mimeType="text/plain", buffer=content)
                    for name, content in contents.items()
                ),
            )
            page.get_by_role("link", name="größe %.bin", exact=True).wait_for()
            self.assertEqual({path.name: path.read_bytes() for path in folder.iterdir()}, contents)
            expect(page).to_have_url(f"{self.server.address}scripts%20{scripts}/")

    def test_buttons_without_scripts(self) -> None:
        """Without scripts, nothing is offered that needs them."""
        page = self.new_context(java_script_enabled=False).new_page()
        page.goto(self.server.address)
        self.assertEqual(page.locator("button:visible").all_text_contents(), ["Upload"])
        self.assertFalse(page.get_by_text("dropping").is_visible())

    def test_some_refused(self) -> None:
        """Where a file of a form is refused, a page says which, why, and leads back; the others are stored."""
        self.go()
        self.send(
            self.page,
            {"name": "good.txt", "mimeType": "text/plain", "buffer": b"good"},
            {"name": ".peerstor", "mimeType": "text/plain", "buffer": b"bad"},
        )
        self.page.get_by_role("heading", name="Some files were refused").wait_for()
        refused = self.page.get_by_role("listitem").filter(has_text=".peerstor")
        self.assertIn("This name cannot be used.", refused.text_content() or "")
        self.page.get_by_role("link", name="Back to the folder").click()
        self.page.get_by_role("link", name="good.txt", exact=True).wait_for()
        self.assertEqual((self.storage / "good.txt").read_bytes(), b"good")

    def test_none_stored(self) -> None:
        """Where every file is refused, the page says so."""
        self.tolerated = ("status of 400",)
        self.go()
        self.send(self.page, {"name": ".peerstor", "mimeType": "text/plain", "buffer": b"bad"})
        self.page.get_by_role("heading", name="No file was stored").wait_for()

    def test_sorted_folder(self) -> None:
        """The form stores in the folder that is shown, however that is sorted."""
        (self.storage / "folder").mkdir()
        self.go("folder/?sort=size&order=desc")
        self.send(self.page, {"name": "new", "mimeType": "text/plain", "buffer": b"new"})
        self.page.get_by_role("link", name="new", exact=True).wait_for()
        self.assertEqual((self.storage / "folder" / "new").read_bytes(), b"new")


class ReadOnlyTest(BrowserCase):
    """A server where guests may only read."""

    options = ("--anonymous", "read")

    def test_nothing_to_upload_with(self) -> None:
        """Who may not create sees neither form nor button, and the page works without them."""
        self.go()
        self.assertEqual(self.page.locator("button:visible, form:visible").count(), 0)
        self.page.get_by_text("There is nothing to see here yet.").wait_for()
