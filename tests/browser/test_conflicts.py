"""Uploads whose names are taken: one question for all, and what each answer does."""

import os
import re

from playwright.sync_api import Route, expect

from tests.browser.drops import drop, heard, listen
from tests.browser.stage import BrowserCase


class ConflictsTest(BrowserCase):
    """Three names are taken, of which one in a folder; one is free."""

    options = ("--anonymous", "full")

    def setUp(self) -> None:
        super().setUp()
        self.source = self.folder / "source"
        for name in ("one.txt", "two.txt", "free.txt", "folder/three.txt"):
            for top, content in ((self.source, b"new"), (self.storage, b"old")):
                path = top / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        (self.storage / "free.txt").unlink()
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.page.locator("#listing").get_by_role("link", name="two.txt", exact=True).wait_for()

    def stored(self) -> dict[str, bytes]:
        """Give all files by their paths."""
        paths = [path for path in self.storage.rglob("*") if path.is_file() and ".peerstor" not in path.parts]
        return {str(path.relative_to(self.storage)): path.read_bytes() for path in paths}

    def answer(self, label: str) -> None:
        """Drop all, wait for the question about all, and answer it once."""
        drop(self.page, *sorted(self.source.iterdir()))
        dialog = self.page.get_by_role("dialog", name="3 files are there already.")
        dialog.wait_for()
        dialog.get_by_role("button", name=label).click()

    def wait_all(self, count: int) -> None:
        """Wait until so many files are stored, and nothing is left to do."""
        expect(self.page.locator("#summary .upload-name")).to_have_text(f"{count} of {count} files")
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def test_keep_both(self) -> None:
        """The new ones get a number."""
        self.answer("Keep both")
        self.wait_all(4)
        old = dict.fromkeys(("one.txt", "two.txt", "folder/three.txt"), b"old")
        new = dict.fromkeys(("one (2).txt", "two (2).txt", "folder/three (2).txt", "free.txt"), b"new")
        self.assertEqual(self.stored(), old | new)

    def test_replace(self) -> None:
        """The old ones go to the trash."""
        self.answer("Replace")
        self.wait_all(4)
        names = ("one.txt", "two.txt", "free.txt", "folder/three.txt")
        self.assertEqual(self.stored(), dict.fromkeys(names, b"new"))
        self.go("-/trash")
        for name in ("one.txt", "two.txt", "three.txt"):
            self.page.get_by_text(name).first.wait_for()

    def test_skip(self) -> None:
        """Only what was free is uploaded; nothing of the others is left, and how many they are is said."""
        listen(self.page)
        self.answer("Skip")
        self.wait_done("free.txt")
        self.card("one.txt").wait_for(state="detached")
        old = dict.fromkeys(("one.txt", "two.txt", "folder/three.txt"), b"old")
        self.assertEqual(self.stored(), {**old, "free.txt": b"new"})
        self.assertIn("3 files skipped.", heard(self.page))

    def test_escape(self) -> None:
        """Whoever leaves the question unanswered loses nothing that is there."""
        drop(self.page, self.source / "one.txt")
        self.page.get_by_role("dialog", name="“one.txt” is there already.").wait_for()
        self.page.keyboard.press("Escape")
        self.card("one.txt").wait_for(state="detached")
        self.assertEqual(self.stored()["one.txt"], b"old")

    def test_others_go_on(self) -> None:
        """What has no such trouble is uploaded while the question stands."""
        drop(self.page, *sorted(self.source.iterdir()))
        self.page.get_by_role("dialog").wait_for()
        self.wait_done("free.txt")
        self.assertEqual((self.storage / "free.txt").read_bytes(), b"new")

    def test_taken_meanwhile(self) -> None:
        """A name that is taken only while its file is on its way is asked about too; of small ones see `test_small`."""
        content = os.urandom(100_000)
        (self.source / "free.txt").write_bytes(content)
        self.page.route(re.compile("/api/upload/chunk"), self._take_name)
        drop(self.page, self.source / "free.txt")
        self.page.get_by_role("dialog", name="“free.txt” is there already.").wait_for()
        self.page.get_by_role("button", name="Keep both").click()
        self.wait_done("free.txt")
        self.assertEqual(self.stored()["free.txt"], b"somebody else's")
        self.assertTrue(self.stored()["free (2).txt"] == content)

    def test_folder_of_that_name(self) -> None:
        """A folder is not replaced by a file: that is said, and what to do."""
        file = self.folder / "folder"
        file.write_bytes(b"a file")
        self.tolerated = ("status of 409",)
        drop(self.page, file)
        self.page.get_by_role("button", name="Replace").click()
        self.card("folder").get_by_text("It is a folder. Rename the file, then choose it again.").wait_for()
        self.assertTrue((self.storage / "folder").is_dir())

    def test_each_lot_is_asked(self) -> None:
        """An answer holds for what was chosen together, not for what comes later."""
        drop(self.page, self.source / "one.txt")
        self.page.get_by_role("button", name="Replace").click()
        self.wait_done("one.txt")
        drop(self.page, self.source / "two.txt")
        self.page.get_by_role("dialog", name="“two.txt” is there already.").wait_for()
        self.assertEqual(self.stored()["two.txt"], b"old")

    def _take_name(self, route: Route) -> None:
        self.tolerated = ("status of 409",)
        (self.storage / "free.txt").write_bytes(b"somebody else's")
        route.continue_()


class LittleRightTest(BrowserCase):
    """Where files can be added, and nothing changed."""

    def test_not_offered(self) -> None:
        """What is not allowed is not offered."""
        (self.storage / "one.txt").write_bytes(b"old")
        self.go()
        drop(self.page, self.make_file("one.txt", 10))
        dialog = self.page.get_by_role("dialog")
        dialog.wait_for()
        self.assertEqual(dialog.get_by_role("button").all_text_contents(), ["Keep both", "Skip"])
