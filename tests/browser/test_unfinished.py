"""Uploads that an earlier visit left unfinished."""

import os
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.drops import drop
from tests.browser.test_bringing import tree
from tests.browser.test_resumable import MIB, SlowCase
from tests.integration.daemon import until

SIZE = 16 * MIB


class UnfinishedTest(SlowCase):
    """What the page remembers past a reload."""

    options = ("--anonymous", "full")

    def leave(self, *paths: Path) -> None:
        """Drop files, and reload the page while the first of them is on its way."""
        self.strait.rate = MIB
        drop(self.page, *paths)
        self.leave_midway()

    def leave_midway(self) -> None:
        """Reload the page while the first upload is on its way."""
        self.page.wait_for_function("() => document.querySelector('#running progress')?.value > 0.1")
        while self.strait.passed < 2 * MIB:  # what has left the browser may still be on its way
            self.page.wait_for_timeout(50)
        self.strait.rate = MIB // 10  # however long a busy machine takes for what comes next
        self.page.reload()
        self.speed_up()

    def without_handles(self) -> None:
        """Be a browser that can't read a file again."""
        self.page.add_init_script("delete DataTransferItem.prototype.getAsFileSystemHandle")

    def test_reopened(self) -> None:
        """What the browser can read again goes on by itself from where it was: a whole folder."""
        source = self.folder / "folder"
        source.mkdir()
        for name in ("first.bin", "second.bin"):
            (source / name).write_bytes(self.make_file(name, SIZE).read_bytes())
        self.go()
        self.leave(source)
        for name in ("first.bin", "second.bin"):
            self.wait_done(f"folder/{name}")
            self.assertTrue((self.storage / "folder" / name).read_bytes() == (source / name).read_bytes())
        self.assertGreater(max(self.begun_at), 0)
        self.assertLess(self.strait.passed, 2 * SIZE - MIB // 2)
        self.page.reload()
        self.page.locator("html.scripted").wait_for()
        self.page.get_by_role("heading", name="Uploads").wait_for(state="hidden")

    def test_arrived_before(self) -> None:
        """What had arrived before a reload isn't asked about, nor sent again; what is older than its file is asked."""
        source = self.folder / "folder"
        source.mkdir()
        (self.storage / "folder").mkdir()
        for name in ("a.txt", "b.txt", "c.txt", "old.txt"):
            (source / name).write_text(f"new {name}")
        (source / "large.bin").write_bytes(self.make_file("large.bin", SIZE).read_bytes())
        (self.storage / "folder" / "old.txt").write_text("old old.txt")
        os.utime(self.storage / "folder" / "old.txt", (1e9, 1e9))
        beside = self.make_file("beside.txt", 1000)
        self.go()
        sent: list[str] = []
        dialog = self.page.get_by_role("dialog", name="“folder/old.txt” is there already.")
        self.strait.rate = MIB
        drop(self.page, source, beside)
        dialog.wait_for()
        arrived = [self.storage / "folder" / name for name in ("a.txt", "b.txt", "c.txt")]
        until(lambda: all(path.exists() for path in (*arrived, self.storage / "beside.txt")), "the small files")
        self.leave_midway()
        self.page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
        dialog.get_by_role("button", name="Keep both").click()
        self.wait_done("folder/large.bin")
        self.wait_done("folder/old.txt")
        self.assertEqual(sent, [])
        expected = {path.name: path.read_bytes() for path in source.iterdir()}
        expected |= {"old.txt": b"old old.txt", "old (2).txt": b"new old.txt"}
        self.assertTrue(tree(self.storage / "folder") == expected)
        self.assertEqual(
            set(tree(self.storage)) - {"folder"}, {"beside.txt", *(f"folder/{name}" for name in expected)}
        )

    def test_replacement(self) -> None:
        """What was to replace a file, and hadn't when the page was left, is asked about again, however old it is."""
        source = self.folder / "folder"
        source.mkdir()
        content = self.make_file("image.bin", SIZE).read_bytes()
        (source / "image.bin").write_bytes(content)
        os.utime(source / "image.bin", (1e9, 1e9))
        stored = self.storage / "folder" / "image.bin"
        stored.parent.mkdir()
        stored.write_bytes(bytes(SIZE))
        dialog = self.page.get_by_role("dialog", name="“folder/image.bin” is there already.")
        self.go()
        self.strait.rate = MIB
        drop(self.page, source)
        dialog.get_by_role("button", name="Replace").click()
        self.leave_midway()
        dialog.get_by_role("button", name="Replace").click()
        self.wait_done("folder/image.bin")
        self.assertGreater(self.begun_at[0], 0)
        self.assertTrue(stored.read_bytes() == content)

    def test_asked_for(self) -> None:
        """A file in a folder, that can't be read again, is asked for; another one is not taken for it."""
        self.without_handles()
        source = self.folder / "folder"
        source.mkdir()
        file = source / "only.bin"
        file.write_bytes(self.make_file("only.bin", SIZE).read_bytes())
        self.go()
        self.leave(source)
        reminder = self.page.get_by_role("listitem").filter(has_text="folder/only.bin")
        expect(reminder).to_contain_text("The page was left before all had arrived. Choose the same file again")
        other = self.folder / "other" / "only.bin"
        other.parent.mkdir()
        other.write_bytes(b"something else")
        for path, told in (
            (other, "That is a different file, or it has changed since. Choose only.bin"),
            (file, ""),
        ):
            with self.page.expect_file_chooser() as chooser:
                reminder.get_by_role("button", name="Choose the file").click()
            chooser.value.set_files(str(path))
            if told:
                expect(reminder).to_contain_text(told)
        self.wait_done("folder/only.bin")
        expect(reminder.get_by_role("button", name="Choose the file")).to_have_count(0)
        self.assertGreater(self.begun_at[0], 0)
        self.assertTrue((self.storage / "folder" / "only.bin").read_bytes() == file.read_bytes())

    def test_dropped(self) -> None:
        """Whoever doesn't want it any more has it dropped, here and on the server."""
        self.without_handles()
        self.go()
        self.leave(self.make_file("unwanted.bin", SIZE))
        with self.page.expect_response(re.compile("/api/upload/abandon")):
            self.page.get_by_role("button", name="Drop what has arrived").click()
        self.page.get_by_role("heading", name="Uploads").wait_for(state="hidden")
        self.page.reload()
        self.page.locator("html.scripted").wait_for()
        self.page.get_by_role("heading", name="Uploads").wait_for(state="hidden")


class OtherTabTest(SlowCase):
    """Two tabs of one folder. Of small chunks there is word more than once a second on a slow line, too."""

    options = ("--max-request", "128KiB")

    def test_other_tab(self) -> None:
        """What one tab is still at is left to it: another one of the same folder neither takes it up nor offers that."""
        source = self.folder / "folder"
        source.mkdir()
        (source / "dropped.bin").write_bytes(self.make_file("dropped.bin", SIZE).read_bytes())
        names = ("folder/dropped.bin", "chosen.bin")
        self.go()
        self.strait.rate = MIB
        drop(self.page, source)
        self.choose(self.make_file("chosen.bin", SIZE))
        for name in names:
            self.wait_sent(name, 0.05)
        self.strait.rate = MIB // 4  # however long a busy machine takes for what comes next
        other = self.context.new_page()
        other.goto(self.origin)
        other.locator("html.scripted").wait_for()
        other.evaluate("dispatchEvent(new Event('visibilitychange'))")  # as when somebody looks at it
        other.wait_for_timeout(5000)
        for name in names:
            expect(self.card(name)).to_have_attribute("data-state", "sending")
        self.assertEqual(other.locator("#uploads").get_by_role("listitem").count(), 0)
        self.speed_up()
        for name in names:
            self.wait_done(name)
        self.assertEqual(set(tree(self.storage)), {"folder", "folder/dropped.bin", "chosen.bin"})
