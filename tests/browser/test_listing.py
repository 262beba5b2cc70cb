"""The listing in a real browser."""

import os
from typing import Any

from playwright.sync_api import expect

from tests.browser.stage import BrowserCase

ODD_NAMES = (
    b"plain.txt",
    b"two  blanks and one at the end ",
    "emoji 😀👩‍👩‍👧 and ümlaut.txt".encode(),
    "שלום עולם.txt".encode(),
    "\u202egpj.exe".encode(),
    b"100% %41 %2F %.txt",
    b"\"double\" 'single' `back`.txt",
    b".leading dot",
    b"-",
    b"api",
    b"<script>document.title='broken'<&gt;",
    b"a&b=c;d+e?f#g",
    b"javascript:document.title='broken'",
    b"C:\\windows",
    b"trailing.",
    b"~$@!*()[]{}|^",
    b"n" * 255,
    "ä".encode() * 127,
    b"line\nfeed\tand\x1bescape",
    b"no UTF-8 \xff\xfe.bin",
)

FETCH = """async (links) => Promise.all(links.map(async (link) => {
    const answer = await fetch(link);
    return [answer.status, [...new Uint8Array(await answer.arrayBuffer())]];
}))"""


class OddNamesTest(BrowserCase):
    """Whatever a file is called."""

    def fetch(self, selector: str) -> list[tuple[int, bytes]]:
        """Let the browser follow links, as it resolves them."""
        links = self.page.locator(selector).evaluate_all("links => links.map(link => link.href)")
        answers: list[Any] = self.page.evaluate(FETCH, links)
        return [(status, bytes(content)) for status, content in answers]

    def test_every_link_gives_its_file(self) -> None:
        """Each link of a listing, and each link to download, gives back the bytes of its own file."""
        for name in ODD_NAMES:
            (self.storage / os.fsdecode(name)).write_bytes(b"content of " + name)
        expected = sorted((200, b"content of " + name) for name in ODD_NAMES)
        self.go()
        self.assertEqual(sorted(self.fetch("#listing tbody th a")), expected)
        self.assertEqual(sorted(self.fetch("#listing td.get a[download]")), expected)

    def test_folders_lead_to_what_they_hold(self) -> None:
        """Folders of odd names can be entered, and the links in them give the files that lie there."""
        for name in ODD_NAMES:
            folder = self.storage / os.fsdecode(name)
            folder.mkdir()
            (folder / "inside ü%.txt").write_bytes(b"in " + name)
        self.go()
        found = []
        for index in range(len(ODD_NAMES)):
            self.page.locator("#listing tbody th a").nth(index).click()
            self.page.locator("nav.crumbs").wait_for()
            self.page.locator("#listing tbody th a").first.wait_for()
            found += self.fetch("#listing tbody th a")
            self.page.get_by_role("link", name="All files").click()
            self.page.locator("nav.crumbs").wait_for(state="detached")
        self.assertEqual(sorted(found), sorted((200, b"in " + name) for name in ODD_NAMES))

    def test_names_are_shown_as_they_are(self) -> None:
        """A name is text, never markup; what would hide in it is shown as an escape."""
        for name in (b"<b>bold<i>", "\u202egpj.exe".encode(), b"tab\there", "😀 שלום".encode()):
            (self.storage / os.fsdecode(name)).touch()
        self.go()
        self.assertEqual(
            sorted(self.names()), sorted(["<b>bold<i>", "\\u202egpj.exe", "tab\\u0009here", "😀 שלום"])
        )

    def test_nothing_in_a_name_runs(self) -> None:
        """No name of a file or folder changes the page."""
        for name in ODD_NAMES:
            (self.storage / os.fsdecode(name)).mkdir()
        self.go()
        expect(self.page).to_have_title("All files – PeerStor")
        self.assertEqual(self.page.locator("#listing script").count(), 0)

    def test_long_names_fit(self) -> None:
        """The longest names leave no page wider than the narrowest telephone."""
        for name in (b"n" * 255, "ä".encode() * 127, b"word " * 50):
            (self.storage / os.fsdecode(name)).mkdir()
        self.page.set_viewport_size({"width": 360, "height": 740})
        for path in ("", "n" * 255 + "/", "nothing" * 30):
            self.tolerated = ("404",)
            self.go(path)
            self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), 360)


class WayAroundTest(BrowserCase):
    """Sorting, breadcrumbs, pages."""

    def test_columns_sort(self) -> None:
        """A click on a column sorts by it, another one the other way; the table says which."""
        for name, size, moment in (("a", 30, 3000), ("b", 10, 1000), ("c", 20, 2000)):
            path = self.storage / name
            path.write_bytes(b"." * size)
            os.utime(path, (moment, moment))
        self.go()
        self.assertEqual(self.names(), ["a", "b", "c"])
        for column, order, expected in (
            ("Size", "ascending", ["b", "c", "a"]),
            ("Size", "descending", ["a", "c", "b"]),
            ("Modified", "ascending", ["b", "c", "a"]),
            ("Name", "ascending", ["a", "b", "c"]),
            ("Name", "descending", ["c", "b", "a"]),
        ):
            self.page.get_by_role("columnheader").get_by_role("link", name=column).click()
            self.page.locator(f"th[aria-sort={order}]", has_text=column).wait_for()
            self.assertEqual(self.names(), expected, f"{column}, {order}")
            self.assertEqual(self.page.locator("[aria-sort]").count(), 1)

    def test_breadcrumbs(self) -> None:
        """Each folder above is one click away, and the present one is marked."""
        (self.storage / "one" / "two % 2" / "três").mkdir(parents=True)
        (self.storage / "one" / "here.txt").touch()
        self.go("one/two%20%25%202/tr%C3%AAs/")
        crumbs = self.page.get_by_role("navigation", name="Breadcrumbs")
        self.assertEqual(crumbs.get_by_role("link").all_text_contents(), ["All files", "one", "two % 2", "três"])
        self.assertEqual(crumbs.locator("[aria-current=page]").text_content(), "três")
        crumbs.get_by_role("link", name="one").click()
        self.page.get_by_role("heading", name="one", level=1).wait_for()
        self.wait_names("here.txt", "two % 2")

    def test_pages(self) -> None:
        """Without scripts, a folder of more entries than a page holds is walked by links, and a link leads back."""
        for number in range(5):
            (self.storage / f"{number}").touch()
        self.page = self.new_context(java_script_enabled=False).new_page()
        self.go("?limit=2")
        seen = self.names()
        for _ in range(2):
            self.page.get_by_role("link", name="Next page").click()
            self.page.get_by_role("link", name=str(int(seen[-1]) + 1), exact=True).wait_for()
            seen += self.names()
        self.assertEqual(seen, ["0", "1", "2", "3", "4"])
        self.assertEqual(self.page.get_by_role("link", name="Next page").count(), 0)
        self.page.get_by_role("link", name="First page").click()
        self.page.get_by_role("link", name="0", exact=True).wait_for()
        self.assertEqual(self.names(), ["0", "1"])

    def test_download(self) -> None:
        """The link to download stores the file's bytes under its name."""
        content = os.urandom(3_000_000)
        (self.storage / 'ein ü "quoted" name.html').write_bytes(content)
        self.go()
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name="Download").click()
        self.assertEqual(download.value.path().read_bytes(), content)
        self.assertRegex(download.value.suggested_filename, r"^ein ü .quoted. name\.html$")


class StoredPageTest(BrowserCase):
    """Pages that somebody has stored."""

    tolerated = ("sandboxed", "Content Security Policy", "blocked")

    def test_a_stored_page_cannot_act(self) -> None:
        """The script of a stored HTML or SVG file doesn't run, so that it can't act as the server's own page."""
        attack = "document.title = 'ran'; fetch('/stolen', {method: 'PUT', body: 'x'})"
        html = f"<!doctype html><title>still</title><p>shown</p><script>{attack}</script>"
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><title>still</title><script>{attack}</script></svg>'
        for name, content in (("evil.html", html), ("evil.svg", svg), ("evil.xhtml", html), ("evil.xml", svg)):
            (self.storage / name).write_text(content)
            self.go(name)
            self.assertNotEqual(self.page.title(), "ran", name)
            self.assertEqual(self.page.evaluate("self.origin"), "null", name)
        self.go("evil.html")
        self.assertEqual(self.page.locator("p").text_content(), "shown")
        self.assertFalse((self.storage / "stolen").exists())
