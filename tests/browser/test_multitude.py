"""Many thousand small files at once."""

from playwright.sync_api import expect

from tests.browser.drops import drop, heard, listen
from tests.browser.stage import BrowserCase

COUNT = 3000
WITHIN = 240_000
"""Milliseconds for all of them, on a machine that has other things to do."""

LONGEST = 500
"""Milliseconds that the page may be deaf: half of what people take for a pause."""

WATCH = """() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
    }).observe({type: "longtask"});
    window.most = 0;
    new MutationObserver(() => {
        window.most = Math.max(window.most, document.querySelectorAll("#running li").length);
    }).observe(document.querySelector("#running"), {childList: true});
}"""


class MultitudeTest(BrowserCase):
    """A folder of so many that no list of them could be read."""

    def test_stays_smooth(self) -> None:
        """All arrive; the page shows few rows and a sum, stays at hand all the time, and says little."""
        source = self.folder / "small"
        for number in range(COUNT):
            path = source / f"{number // 100:02}" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%d" % number)
        self.go()
        self.page.evaluate(WATCH)
        listen(self.page)
        drop(self.page, source)
        summary = self.page.get_by_role("group", name="All uploads")
        expect(summary).to_contain_text("of 3,000 files", timeout=WITHIN)
        self.page.get_by_label("Filter by name").is_hidden()
        expect(summary).to_contain_text("3,000 of 3,000 files", timeout=WITHIN)
        arrived = {path.relative_to(self.storage / "small") for path in (self.storage / "small").rglob("*.txt")}
        self.assertEqual(arrived, {path.relative_to(source) for path in source.rglob("*.txt")})
        self.assertEqual((self.storage / "small" / "17" / "1717.txt").read_bytes(), b"1717")
        self.assertLess(self.page.evaluate("() => window.longest"), LONGEST)
        self.assertLessEqual(self.page.evaluate("() => window.most"), 100)
        expect(self.page.locator("#running li")).to_have_count(0)
        self.assertLess(len(heard(self.page)), 12)
        expect(self.page).to_have_title("All files – PeerStor")
