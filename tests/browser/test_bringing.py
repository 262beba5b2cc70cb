"""Files and folders that come to the page by drop, paste, button and camera."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.drops import drop
from tests.browser.stage import BrowserCase
from tests.browser.test_shares import ShareCase

PASTE = """([names, images]) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File([`of ${name}`], name));
    const event = new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true});
    document.activeElement.dispatchEvent(event);
}"""


def tree(folder: Path) -> dict[str, bytes | None]:
    """Give what lies below a folder, by its path; None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if ".peerstor" not in path.parts
    }


class BringingTest(BrowserCase):
    """Every way in."""

    def make_tree(self) -> Path:
        """Make a folder with folders in it, one with more than browsers tell at once."""
        top = self.folder / "Fotos (1) & größe %25"
        for name in ("a.txt", "deep/er/b.txt", "deep/c #1?.txt", *(f"many/{number}.txt" for number in range(230))):
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        (top / "empty").mkdir()
        return top

    def wait_all(self, count: int) -> None:
        """Wait until so many files are stored."""
        expect(self.page.locator("#summary .upload-name")).to_have_text(
            f"{count} of {count} files", timeout=60_000
        )

    def test_folder_dropped(self) -> None:
        """A folder arrives whole: every folder in it, the empty one too, every file in its place."""
        source = self.make_tree()
        beside = self.make_file("beside.bin", 200_000)
        (self.storage / "in to").mkdir()
        self.go("in%20to/")
        drop(self.page, source, beside)
        self.wait_all(234)
        arrived = tree(self.storage / "in to")
        self.assertEqual(arrived.pop("beside.bin"), beside.read_bytes())
        expected = {f"{source.name}/{path}": content for path, content in tree(source).items()}
        self.assertEqual(arrived, {source.name: None, **expected})
        self.page.locator("#listing").get_by_role("link", name=source.name).wait_for()

    def test_folder_chosen(self) -> None:
        """The same by the button for folders; what a folder of that name held already stays."""
        source = self.make_tree()
        (self.storage / source.name / "deep").mkdir(parents=True)
        (self.storage / source.name / "deep" / "old").write_bytes(b"old")
        self.go()
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Upload folder").click()
        chooser.value.set_files(str(source))
        self.wait_all(233)
        expected = {path: content for path, content in tree(source).items() if path != "empty"}
        self.assertEqual(tree(self.storage / source.name), {**expected, "deep/old": b"old"})

    def test_anywhere(self) -> None:
        """The whole window takes drops, below all content too, and says so while something is dragged over it."""
        self.page.set_viewport_size({"width": 800, "height": 1600})
        self.go()
        session = self.context.new_cdp_session(self.page)
        source = self.make_file("far below.bin", 10)
        data = {"items": [], "files": [str(source)], "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": "dragEnter", "x": 790, "y": 1590, "data": data})
        while not self.page.get_by_text("Drop to upload").is_visible():  # it goes soon after the last of them
            session.send("Input.dispatchDragEvent", {"type": "dragOver", "x": 790, "y": 1590, "data": data})
        session.send("Input.dispatchDragEvent", {"type": "dragCancel", "x": 790, "y": 1590, "data": data})
        expect(self.page.get_by_text("Drop to upload")).to_be_hidden()
        drop(self.page, source, at=(790, 1590))
        self.wait_done("far below.bin")
        expect(self.page.get_by_text("Drop to upload")).to_be_hidden()
        self.assertTrue((self.storage / "far below.bin").read_bytes() == source.read_bytes())

    def test_paste(self) -> None:
        """What is pasted is uploaded; a picture, which browsers always call the same, gets the time as its name."""
        self.go()
        self.page.evaluate(PASTE, [["one.txt", "two.txt"], False])
        self.wait_done("one.txt")
        self.wait_done("two.txt")
        self.page.evaluate(PASTE, [["image.png"], True])
        self.page.get_by_role("listitem").filter(has_text="Stored: Pasted 20").wait_for()
        names = sorted(path.name for path in self.storage.glob("[!.]*"))
        self.assertRegex(" ".join(names), r"^Pasted \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png one\.txt two\.txt$")
        self.assertEqual((self.storage / "one.txt").read_bytes(), b"of one.txt")

    def test_paste_into_a_field(self) -> None:
        """What is pasted into a field stays that field's."""
        (self.storage / "something").touch()
        self.go()
        self.page.get_by_label("Filter by name").focus()
        self.page.evaluate(PASTE, [["one.txt"], False])
        self.page.get_by_role("heading", name="Uploads").wait_for(state="hidden")
        self.assertEqual([path.name for path in self.storage.glob("[!.]*")], ["something"])

    def test_camera(self) -> None:
        """A phone offers its camera instead of folders; a computer the other way round."""
        phone = self.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
        page = phone.new_page()
        page.goto(self.origin)
        expect(page.get_by_role("button", name="Upload folder")).to_be_hidden()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Take photo").click()
        element = chooser.value.element
        self.assertEqual(
            [element.get_attribute(name) for name in ("accept", "capture")], ["image/*", "environment"]
        )
        chooser.value.set_files({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": b"seen"})
        page.get_by_text("Stored: photo.jpg").wait_for()
        self.assertEqual((self.storage / "photo.jpg").read_bytes(), b"seen")
        self.go()
        expect(self.page.get_by_role("button", name="Take photo")).to_be_hidden()


class ShareTest(ShareCase):
    """Where one may add files through a share, and see none."""

    def test_folder(self) -> None:
        """No folders can be made, so that files come without theirs; nothing is lost or asked."""
        source = self.folder / "folder"
        (source / "inner").mkdir(parents=True)
        (source / "file.txt").write_bytes(b"a")
        (source / "inner" / "b.txt").write_bytes(b"b")
        self.page.goto(self.share("/shared", mode="upload"))
        self.page.locator("html.scripted").wait_for()
        self.assertEqual(self.page.get_by_role("button", name="Upload folder").count(), 0)
        drop(self.page, source)
        self.wait_done("file.txt")
        self.wait_done("b.txt")
        expected = {"file.txt": b"the content", "file (2).txt": b"a", "b.txt": b"b"}
        self.assertEqual(tree(self.storage / "shared"), expected)

    def test_dropped_onto_the_note(self) -> None:
        """What is dropped onto the note is taken as anywhere else on the page."""
        source = self.make_file("dropped.bin", 10)
        self.page.goto(self.share("/shared", mode="upload"))
        self.page.locator("html.scripted").wait_for()
        note = self.page.get_by_label("A note")
        note.scroll_into_view_if_needed()
        box = note.bounding_box()
        assert box is not None
        drop(self.page, source, at=(int(box["x"] + box["width"] / 2), int(box["y"] + box["height"] / 2)))
        self.wait_done("dropped.bin")
        self.assertTrue((self.storage / "shared" / "dropped.bin").read_bytes() == source.read_bytes())

    def test_paste_into_the_note(self) -> None:
        """What is pasted into the note stays there: office programs add a picture to the text that is copied."""
        self.page.goto(self.share("/shared", mode="upload"))
        self.page.locator("html.scripted").wait_for()
        self.page.get_by_label("A note").focus()
        self.page.evaluate(PASTE, [["image.png"], True])
        self.page.wait_for_timeout(500)
        self.assertEqual(tree(self.storage / "shared"), {"file.txt": b"the content"})
        self.assertEqual(self.page.locator("#running").get_by_role("listitem").count(), 0)
