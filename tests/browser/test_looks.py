"""How the pages look, and what axe finds in them, in both colour schemes."""

import os
import re
from pathlib import Path
from unittest import SkipTest

from tests.browser.stage import BrowserCase

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = ROOT / "screenshots"

SIZES = ((360, 740), (768, 1024), (1440, 900))
SCHEMES = ("light", "dark")

PAGES = {
    "listing": "", "empty": "empty/", "entry": "-/entry?path=/report.pdf", "folder": "-/folder?path=/",
    "place": "-/move?path=/report.pdf", "delete": "-/delete?path=/report.pdf", "trash": "-/trash",
}  # fmt: skip
"""Addresses of pages of each kind."""


class LooksTest(BrowserCase):
    """Pages with something on them, names that are hard to lay out among it."""

    options = ("--anonymous", "full")

    def setUp(self) -> None:
        """Have something of every kind."""
        super().setUp()
        self.context.grant_permissions([])
        for name, size in (
            ("report.pdf", 2_345_678),
            ("notes.md", 812),
            ("old.txt", 5),
            ("שלום עולם.txt", 12_000),
        ):
            (self.storage / name).write_bytes(b"." * size)
        (self.storage / ("long " + "n" * 245)).touch()
        for name in ("Photos", "empty", "Music"):
            (self.storage / name).mkdir()
        os.utime(self.storage / "notes.md", (1_600_000_000, 1_600_000_000))
        self.page.request.post(f"{self.origin}api/delete?path=/old.txt")

    def situations(self) -> "list[str]":
        """Name the pages, and those states of the listing that only a script brings."""
        return [*PAGES, "menu", "selected", "toast", "dialog", "details", "renaming"]

    def show(self, situation: str) -> None:
        """Bring about a page or a state."""
        page = self.page
        self.go(PAGES.get(situation, ""))
        if situation in PAGES:
            return
        page.locator("html.scripted").wait_for()
        if situation == "selected":
            page.get_by_label("Select report.pdf").check()
            page.get_by_label("Select Music").check()
        elif situation == "details":
            page.get_by_label("Actions for report.pdf").click()
            page.locator(".menu").get_by_text("Details").click()
            page.get_by_role("dialog").wait_for()
        elif situation == "dialog":
            page.get_by_role("link", name="New folder").click()
            page.get_by_role("dialog").wait_for()
        else:
            page.get_by_label("Actions for report.pdf").click()
            order = {"toast": "Copy link", "renaming": "Rename"}.get(situation)
            if order:
                page.locator(".menu").get_by_text(order).click()
            if situation == "toast":
                page.locator("#toast").wait_for()

    def test_axe(self) -> None:
        """Axe finds nothing on any page, in light and in dark."""
        if not AXE.exists():
            raise SkipTest("needs `npm install`")
        context = self.new_context(bypass_csp=True)
        self.page = context.new_page()
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for situation in self.situations():
                self.show(situation)
                self.page.add_script_tag(path=AXE)
                found = self.page.evaluate("axe.run().then((result) => result.violations)")
                told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
                self.assertEqual(told, [], f"{scheme} {situation}")

    def test_shots(self) -> None:
        """No page is wider than its window; a picture of each is stored for people to look at, where that is wanted."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for situation in self.situations():
                    self.show(situation)
                    wide = self.page.evaluate("document.documentElement.scrollWidth")
                    self.assertLessEqual(wide, width, f"{width} {situation}")
                    if os.environ.get("SCREENSHOTS"):
                        name = re.sub(r"\W", "", situation)
                        self.page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png")
