"""A folder of very many entries."""

import os
import time
from typing import cast

from tests.browser.stage import BrowserCase

COUNT = 100_000
LONGEST = 500
"""Milliseconds that a frame may take. On a machine that does nothing else it takes less than 100; all rows, seconds."""

SCROLL = """() => new Promise((resolve) => {
    let longest = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
    }).observe({type: "longtask"});
    let step = 0;
    const next = () => {
        scrollBy(0, step % 10 ? 400 : 200_000);
        step += 1;
        if (step < 150) requestAnimationFrame(next);
        else setTimeout(() => resolve(longest), 200);
    };
    next();
})"""

PAINT = """() => new Promise((resolve) => {
    new PerformanceObserver((list) => {
        const {requestStart, responseStart, responseEnd} = performance.getEntriesByType("navigation")[0];
        const paint = list.getEntries().find(({name}) => name === "first-contentful-paint");
        if (paint) resolve([paint.startTime, responseStart, responseEnd].map((time) => time - requestStart));
    }).observe({type: "paint", buffered: true});
})"""
"""What Chromium tells of its first paint: milliseconds from when it asked."""


class ManyTest(BrowserCase):
    """So many that no page could hold them all."""

    options = ("--anonymous", "full")

    def setUp(self) -> None:
        """Make the files: empty ones, as fast as that goes."""
        super().setUp()
        folder = os.open(self.storage, os.O_RDONLY)
        for number in range(COUNT):
            os.close(os.open(f"file {number:06}.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.close(folder)

    def test_first_paint(self) -> None:
        """The page begins long before all entries have been read, and so something is painted by then."""
        self.go()
        first, began, ended = cast(tuple[float, float, float], self.page.evaluate(PAINT))
        print(
            f"{COUNT} entries: begun after {began:.0f} ms, first paint {first:.0f} ms, all received {ended:.0f} ms"
        )
        self.assertLess(began, ended / 2)

    def test_smooth(self) -> None:
        """All of them can be reached, few stand in the page at a time, and no frame takes long to draw."""
        # To make all of them may have taken a minute, and to look at them another; a minute ahead counts as now.
        os.utime(self.storage / "file 000001.txt", (time.time() + 50,) * 2)
        self.go()
        self.page.wait_for_function(f"() => document.documentElement.scrollHeight > {COUNT * 30}")
        self.assertLess(self.page.locator("tbody tr").count(), 200)
        self.assertLess(self.page.evaluate(SCROLL), LONGEST)
        self.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        self.page.get_by_role("link", name=f"file {COUNT - 1:06}.txt", exact=True).wait_for()
        self.assertLess(self.page.locator("tbody tr").count(), 200)
        self.page.get_by_label("Filter by name").fill("077777")
        self.page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 1")
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Delete")
        self.page.locator("#toast", has_text="“file 077777.txt” moved to the trash.").wait_for()
        self.assertFalse((self.storage / "file 077777.txt").exists())
        self.page.get_by_label("Filter by name").fill("")
        self.page.get_by_role("link", name="file 000000.txt", exact=True).focus()
        self.page.keyboard.press("End")
        self.page.wait_for_function(f"() => document.activeElement.textContent === 'file {COUNT - 1:06}.txt'")
        self.page.keyboard.press("Home")
        self.page.wait_for_function("() => document.activeElement.textContent === 'file 000000.txt'")
        self.assertIn("just now", self.page.locator("tbody tr", has_text="file 000001.txt").text_content() or "")
