"""Looking at files without leaving the listing, and without a script on pages of their own."""

import os
import re
import struct
import wave
import zlib
from unittest import SkipTest
from urllib.parse import quote

from playwright.sync_api import Locator, Response, Route, expect

from tests.browser.stage import BrowserCase
from tests.browser.test_looks import AXE, SCHEMES, SHOTS, SIZES

MARKDOWN = """# Holidays

Some **words**, a [link](https://example.org), [the notes](notes.md#two-more) and [the end](#the-end).

![the first picture](b.png) ![from elsewhere](https://example.org/pixel.png)

| Name | Count |
|------|:-----:|
| A fruit with a long name | 12 |

```
a line of code that is rather too long to be shown on a telephone without being broken somewhere or other
```

<script>document.title = "ran"</script> <b onclick=x>raw</b> [click](javascript:document.title='ran')

# The end
"""

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]>>endobj\ntrailer<</Root 1 0 R>>\n"
)

NARROW = {"width": 360, "height": 740}


def picture(width: int, height: int) -> bytes:
    """Make a PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes((y * 255 // height, 90, 160)) * width for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class PreviewCase(BrowserCase):
    """A folder with a file of each kind."""

    options = ("--anonymous", "full")

    def setUp(self) -> None:
        """Store them."""
        super().setUp()
        for name, content in {
            "a.txt": b"first line\n\tsecond <b>line</b>\n" + b"more words " * 40,
            "b.png": picture(1200, 800),
            "d.pdf": PDF,
            "e.zip": b"PK\5\6" + b"\0" * 18,
            "notes.md": b"# Notes\n\n" + b"words and words\n\n" * 80 + b"## Two more\n\nhere\n",
            "README.md": MARKDOWN.encode(),
        }.items():
            (self.storage / name).write_bytes(content)
        (self.storage / "c").mkdir()
        with wave.open(str(self.storage / "sound.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(24_000_000))

    @property
    def dialog(self) -> Locator:
        """What lies over the listing."""
        return self.page.locator("dialog.preview")

    def link(self, name: str) -> Locator:
        """Find the link of a row."""
        return self.page.locator("#listing tbody th").get_by_role("link", name=name, exact=True)

    def open(self, name: str) -> None:
        """Open a file from the listing."""
        self.link(name).click()
        self.wait_shown(name)

    def wait_shown(self, name: str) -> None:
        """Wait until a file is shown over the listing, at its own address."""
        self.dialog.get_by_role("heading", level=1, name=name, exact=True).wait_for()
        expect(self.page).to_have_url(f"{self.origin}-/view/{quote(name)}")

    def wait_closed(self, name: str) -> None:
        """Wait until the listing is there again, the focus on the row of a file."""
        self.dialog.wait_for(state="hidden")
        self.page.wait_for_function(
            "name => document.activeElement.matches('#listing a') && document.activeElement.textContent === name",
            arg=name,
        )
        expect(self.page).to_have_url(self.origin)
        expect(self.page).to_have_title("All files – PeerStor")

    def turn(self, word: str, name: str) -> Locator:
        """Find the link to the file before or behind."""
        return self.page.locator(".around").get_by_role("link", name=word).filter(has_text=name)

    def scripted(self) -> None:
        """Show the listing, and wait for its scripts."""
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.page.locator("#listing .pick").first.wait_for(state="attached")


class OverTheListing(PreviewCase):
    """With scripts."""

    def test_by_keyboard(self) -> None:
        """A file opens, arrows turn in the order of the listing and past folders, Escape leads back to the row."""
        self.scripted()
        self.link("a.txt").focus()
        self.page.keyboard.press("Enter")
        self.wait_shown("a.txt")
        self.assertIn("first line\n\tsecond <b>line</b>\n", self.dialog.locator("pre").text_content() or "")
        self.page.keyboard.press("ArrowLeft")  # there is none before it
        self.page.keyboard.press("ArrowRight")
        self.wait_shown("b.png")
        self.page.wait_for_function("() => document.querySelector('.preview img').naturalWidth === 1200")
        self.page.keyboard.press("ArrowRight")
        self.wait_shown("d.pdf")
        self.page.keyboard.press("ArrowLeft")
        self.wait_shown("b.png")
        self.page.keyboard.press("Escape")
        self.wait_closed("b.png")
        self.page.keyboard.press("ArrowDown")
        expect(self.page.locator(":focus")).to_have_text("c (folder)")

    def test_sorted(self) -> None:
        """The files beside are those that the listing shows beside, however it is sorted and filtered."""
        self.go("?sort=name&order=desc")
        self.page.locator("#listing .pick").first.wait_for(state="attached")
        self.open("d.pdf")
        self.turn("Next", "b.png").click()
        self.wait_shown("b.png")
        self.assertEqual(self.page.evaluate("document.activeElement.rel"), "next")
        self.page.keyboard.press("Enter")
        self.wait_shown("a.txt")
        self.assertEqual(self.dialog.get_by_role("link", name="Next").count(), 0)
        self.page.go_back()
        self.dialog.wait_for(state="hidden")
        self.page.get_by_label("Filter by name").fill(".md")
        self.open("README.md")
        self.turn("Next", "notes.md").click()
        self.wait_shown("notes.md")
        self.assertEqual(self.dialog.get_by_role("link", name="Next").count(), 0)

    def test_back_and_forward(self) -> None:
        """Back closes what is shown, wherever one has turned to; forward shows it again; a button closes it too."""
        self.scripted()
        self.open("a.txt")
        self.page.keyboard.press("ArrowRight")
        self.wait_shown("b.png")
        self.page.go_back()
        self.wait_closed("b.png")
        self.page.go_forward()
        self.wait_shown("b.png")
        self.dialog.get_by_role("button", name="Close").click()
        self.wait_closed("b.png")
        self.open("e.zip")
        self.dialog.get_by_text("This can't be shown here.").wait_for()
        self.page.keyboard.press("Escape")
        self.wait_closed("e.zip")

    def test_reload(self) -> None:
        """A reload shows the same file, on its own page; back leads to the listing from there too."""
        self.scripted()
        self.open("b.png")
        self.page.reload()
        self.page.locator("main img").wait_for()
        self.assertFalse(self.dialog.is_visible())
        self.page.go_back()
        self.link("b.png").wait_for()
        expect(self.page).to_have_url(self.origin)
        self.page.locator("#listing .pick").first.wait_for(state="attached")  # what a script adds
        self.open("a.txt")

    def test_pages_within(self) -> None:
        """A link of a document to itself leads down in it and leaves the history alone; one to another shows that."""
        self.scripted()
        self.open("README.md")
        self.dialog.get_by_role("link", name="the end").click()
        self.page.wait_for_function("() => document.querySelector('.preview').scrollTop > 0")
        self.wait_shown("README.md")
        self.dialog.get_by_role("link", name="the notes").click()
        self.page.get_by_role("heading", level=1, name="notes.md").wait_for()
        expect(self.page).to_have_url(f"{self.origin}-/view/notes.md#md-two-more")
        self.page.wait_for_function("() => scrollY > 0")
        self.page.go_back()
        self.page.get_by_role("heading", level=1, name="README.md").wait_for()
        self.page.go_back()
        self.link("b.png").wait_for()
        expect(self.page).to_have_url(self.origin)

    def test_keys_do_nothing_below(self) -> None:
        """While a file is shown, no key does anything with the entries below it."""
        self.scripted()
        self.open("a.txt")
        self.dialog.locator("pre").click()
        for key in ("Delete", "F2", "Control+a", "ArrowDown", "Space"):
            self.page.keyboard.press(key)
        self.assertEqual(self.page.locator("#listing .pick:checked").count(), 0)
        self.page.keyboard.press("Escape")
        self.wait_closed("a.txt")
        self.assertTrue((self.storage / "a.txt").exists())

    def test_new_tab(self) -> None:
        """With a modifier key, a file opens in a tab, as any link does."""
        self.tolerated = ("404",)  # a browser asks for an icon of what is no page
        self.scripted()
        with self.context.expect_page() as opened:
            self.link("a.txt").click(modifiers=["Control"])
        opened.value.wait_for_url(f"{self.origin}a.txt")
        self.assertFalse(self.dialog.is_visible())

    def test_uploaded_meanwhile(self) -> None:
        """What is stored while a file is shown stands in the listing afterwards."""
        self.scripted()
        self.page.get_by_label("Add files").or_(self.page.locator("#choose")).first.wait_for()
        source = self.make_file("new.bin", 1000)
        self.open("a.txt")
        self.page.locator("#chosen").set_input_files(str(source))
        self.page.locator('[aria-label="Upload of new.bin"][data-state="done"]').wait_for(state="attached")
        self.page.keyboard.press("Escape")
        self.dialog.wait_for(state="hidden")
        self.link("new.bin").wait_for()

    def test_gone(self) -> None:
        """A file that is there no more leads to a page that says so."""
        self.tolerated = ("404",)
        self.scripted()

        def go(route: Route) -> None:
            (self.storage / "a.txt").unlink(missing_ok=True)  # not before, or its row may go first
            route.continue_()

        self.page.route("**/-/view/a.txt", go)
        self.link("a.txt").click()
        self.page.get_by_text("Nothing here").wait_for()
        expect(self.page).to_have_url(f"{self.origin}-/view/a.txt")

    def test_sound(self) -> None:
        """A sound plays from where one wants to hear it, of which only that is fetched; leaving ends it."""
        heard: list[Response] = []
        self.page.on(
            "response", lambda answer: heard.append(answer) if answer.url == f"{self.origin}sound.wav" else None
        )
        self.scripted()
        self.open("sound.wav")
        self.page.wait_for_function("() => document.querySelector('audio').duration > 1400")
        self.page.evaluate("document.querySelector('audio').currentTime = 1300")
        self.page.wait_for_function(
            "() => !document.querySelector('audio').seeking && document.querySelector('audio').readyState > 2"
        )
        self.assertEqual({answer.status for answer in heard}, {206})
        starts = [int(re.findall(r"\d+", answer.headers["content-range"])[0]) for answer in heard]
        self.assertGreater(max(starts), 15_000_000)
        self.page.keyboard.press("Escape")
        self.wait_closed("sound.wav")
        self.assertEqual(self.page.locator("audio").count(), 0)

    def test_pdf(self) -> None:
        """A PDF is shown by the browser's own means, in a frame, and may be opened by itself."""
        self.scripted()
        with self.page.expect_response(f"{self.origin}d.pdf") as answer:
            self.open("d.pdf")
        self.assertEqual(answer.value.headers["content-type"], "application/pdf")
        self.dialog.frame_locator("iframe[title='d.pdf']").owner.wait_for()
        self.assertEqual(self.dialog.get_by_role("link", name="Open by itself").get_attribute("href"), "/d.pdf")

    def test_many(self) -> None:
        """In a folder of thousands of entries, one turns by the listing's order, and the row comes into sight."""
        many = self.storage / "many"
        many.mkdir()
        for number in range(3000):
            (many / f"{number:04}.txt").touch()
        self.go("many/")
        self.page.locator("#listing.windowed").wait_for()
        self.page.get_by_label("Filter by name").fill("9")
        self.page.locator("#listing.windowed").wait_for(state="detached")
        self.page.get_by_label("Filter by name").fill("")
        self.page.locator("#listing.windowed").wait_for()
        self.link("0000.txt").click()
        self.dialog.get_by_role("heading", name="0000.txt").wait_for()
        for number in range(1, 60):
            self.page.keyboard.press("ArrowRight")
            self.dialog.get_by_role("heading", name=f"{number:04}.txt").wait_for()
        self.page.keyboard.press("Escape")
        self.dialog.wait_for(state="hidden")
        self.page.wait_for_function("() => document.activeElement.textContent === '0059.txt'")


class Documents(PreviewCase):
    """Markdown."""

    def test_harmless(self) -> None:
        """Nothing in a stored document runs, and nothing is fetched from elsewhere, on its page or below a listing."""
        asked: list[str] = []
        self.page.on("request", lambda request: asked.append(request.url))
        for path in ("", "-/view/README.md"):
            self.go(path)
            document = self.page.locator("article.prose")
            self.assertIn(
                '<script>document.title = "ran"</script> <b onclick=x>raw</b>', document.text_content() or ""
            )
            self.assertEqual(document.locator("script, b, [onclick], iframe, form").count(), 0)
            self.assertEqual(document.get_by_role("link", name="click").count(), 0)
            self.assertNotEqual(self.page.title(), "ran")
            self.assertEqual(document.locator("img").count(), 1)
            self.page.wait_for_function("() => document.querySelector('article img').naturalWidth === 1200")
        self.assertEqual([url for url in asked if not url.startswith(self.origin)], [])

    def test_below_the_listing(self) -> None:
        """A README stands below the entries, and its links lead on from the folder."""
        self.go()
        below = self.page.get_by_role("region", name="README.md")
        below.get_by_role("heading", name="Holidays").wait_for()
        where = "[document.querySelector('table').getBoundingClientRect().bottom, document.querySelector('.readme').offsetTop]"
        end, start = self.page.evaluate(where)
        self.assertGreater(start, end)
        below.get_by_role("link", name="the end").click()
        expect(self.page).to_have_url(f"{self.origin}#md-the-end")
        below.get_by_role("link", name="the notes").click()
        self.page.get_by_role("heading", name="Two more").wait_for()
        expect(self.page).to_have_url(f"{self.origin}-/view/notes.md#md-two-more")

    def test_stored_page(self) -> None:
        """A stored HTML page or SVG image is shown, and nothing in it runs."""
        attack = "document.title='ran';fetch('/stolen',{method:'PUT',body:'x'})"
        (self.storage / "x.html").write_text(f"<title>x</title><script>{attack}</script>")
        (self.storage / "x.svg").write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>{attack}</script></svg>'
        )
        self.scripted()
        self.open("x.html")
        self.assertIn(attack, self.dialog.locator("pre").text_content() or "")
        self.page.keyboard.press("ArrowRight")
        self.wait_shown("x.svg")
        self.page.wait_for_function("() => document.querySelector('.preview img').naturalWidth > 0")
        expect(self.page).to_have_title("x.svg – PeerStor")
        self.assertFalse((self.storage / "stolen").exists())


class WithoutScripts(PreviewCase):
    """Plain pages."""

    def setUp(self) -> None:
        """Switch scripts off."""
        super().setUp()
        self.page = self.new_context(java_script_enabled=False).new_page()

    def test_around(self) -> None:
        """The page of an entry leads to the page that shows it, from which links lead to the others and back."""
        self.go()
        self.page.get_by_label("Actions for a.txt").click()
        self.page.get_by_role("link", name="Preview").click()
        self.assertIn("first line", self.page.locator("pre").text_content() or "")
        self.turn("Next", "b.png").click()
        self.page.get_by_role("img", name="b.png").wait_for()
        self.turn("Next", "d.pdf").click()
        self.page.locator("iframe[title='d.pdf']").wait_for()
        self.turn("Previous", "b.png").click()
        self.page.get_by_role("img", name="b.png").wait_for()
        self.assertEqual(self.page.get_by_role("button", name="Close").count(), 0)
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download").click()
        self.assertEqual(download.value.path().read_bytes(), (self.storage / "b.png").read_bytes())
        self.page.get_by_role("link", name="All files").click()
        self.page.get_by_role("region", name="README.md").get_by_role("heading", name="Holidays").wait_for()

    def test_reload_and_back(self) -> None:
        """Each page has its own address, by which it is had again."""
        self.go("-/view/a.txt")
        self.turn("Next", "b.png").click()
        self.page.reload()
        self.page.get_by_role("img", name="b.png").wait_for()
        self.page.go_back()
        self.page.locator("pre").wait_for()

    def test_code(self) -> None:
        """A folder and a file have their addresses as codes, each on a page that says it in words as well."""
        self.go("c/")
        self.page.get_by_role("link", name="QR code of this page").click()
        self.assertEqual(self.page.locator("main code").text_content(), f"{self.origin}c/")
        code = self.page.get_by_role("img", name="QR code")
        self.assertEqual((code.bounding_box() or {}).get("width"), 320)
        self.page.get_by_role("link", name="Back").click()
        self.page.get_by_role("heading", name="c", exact=True).wait_for()
        self.go("-/view/a.txt")
        self.page.get_by_role("link", name="QR code").click()
        self.assertEqual(self.page.locator("main code").text_content(), f"{self.origin}-/view/a.txt")


class ByKeys(PreviewCase):
    """A page of its own, with scripts."""

    def test_arrows(self) -> None:
        """Arrow keys turn there too; not while a player has them."""
        self.go("-/view/b.png")
        self.page.locator("main img").wait_for()
        self.page.keyboard.press("ArrowRight")
        self.page.get_by_role("heading", level=1, name="d.pdf").wait_for()
        self.go("-/view/sound.wav")
        self.page.locator("audio").focus()
        self.page.keyboard.press("ArrowLeft")
        self.page.locator("body").press("Tab")
        expect(self.page).to_have_url(f"{self.origin}-/view/sound.wav")


class Looks(PreviewCase):
    """How all of it looks."""

    situations = (
        *("listing", "a.txt", "b.png", "d.pdf", "e.zip", "README.md", "sound.wav", "code"),
        *("over a.txt", "over b.png", "over e.zip", "over README.md"),
    )

    def show(self, situation: str) -> None:
        """Bring about a page, or what lies over the listing."""
        if situation in ("listing", "code"):
            self.go("-/qr?path=/" if situation == "code" else "")
        elif situation.startswith("over "):
            self.scripted()
            self.open(situation.removeprefix("over "))
        else:
            self.go(f"-/view/{situation}")

    def test_axe(self) -> None:
        """Axe finds nothing, in light and in dark."""
        if not AXE.exists():
            raise SkipTest("needs `npm install`")
        self.page = self.new_context(bypass_csp=True).new_page()
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for situation in self.situations:
                self.show(situation)
                self.page.add_script_tag(path=AXE)
                found = self.page.evaluate("axe.run({ iframes: false }).then((result) => result.violations)")
                told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
                self.assertEqual(told, [], f"{scheme} {situation}")

    def test_phone(self) -> None:
        """No page is wider than a telephone, and whatever one acts on there is large enough for a finger."""
        (self.storage / ("n" * 250 + ".md")).write_text(
            "|" + "wide|" * 3 + "\n|" + "-|" * 3 + f"\n|{'x' * 300}|y|z|\n"
        )
        self.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        for situation in (*self.situations, "n" * 250 + ".md"):
            self.show(situation)
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            self.assertLessEqual(wide, 360, situation)
            within = self.page.evaluate("document.querySelector('dialog.preview')?.scrollWidth ?? 0")
            self.assertLessEqual(within, 360, situation)
            heights = self.page.locator(".around a:visible, .close:visible, .known a:visible").evaluate_all(
                "found => found.map(one => one.getBoundingClientRect().height)"
            )
            self.assertTrue(all(height >= 40 for height in heights), (situation, heights))

    def test_shots(self) -> None:
        """Nothing is wider than its window; a picture of each is stored for people, where that is wanted."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for situation in self.situations:
                    self.show(situation)
                    wide = self.page.evaluate("document.documentElement.scrollWidth")
                    self.assertLessEqual(wide, width, situation)
                    if os.environ.get("SCREENSHOTS"):
                        name = "preview-" + re.sub(r"\W", "", situation)
                        self.page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png")
