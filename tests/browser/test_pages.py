"""What every page has to be: readable by everybody, and within its policy."""

from playwright.sync_api import expect

from tests.browser.stage import BrowserCase

FAULTS = """() => {
    const faults = [];
    const all = (selector) => [...document.querySelectorAll(selector)];
    const named = (element) => (element.getAttribute("aria-label") ?? element.textContent).trim() !== "";
    if (!document.documentElement.lang) faults.push("no language");
    if (!document.title.trim()) faults.push("no title");
    if (all("h1").length !== 1) faults.push(`${all("h1").length} main headings`);
    if (all("main").length !== 1) faults.push("no main landmark");
    for (const field of all("input:not([type=hidden])")) {
        if (!field.labels.length && !field.ariaLabel) faults.push(`no label: ${field.outerHTML}`);
    }
    for (const element of all("a, button, th, nav, table caption")) {
        if (!named(element)) faults.push(`no name: ${element.outerHTML}`);
    }
    for (const image of all("img")) {
        if (!image.hasAttribute("alt")) faults.push(`no alternative: ${image.outerHTML}`);
    }
    for (const header of all("th")) {
        if (!header.scope) faults.push(`no scope: ${header.outerHTML}`);
    }
    for (const element of all("[id]")) {
        if (all(`#${CSS.escape(element.id)}`).length > 1) faults.push(`twice: ${element.id}`);
    }
    for (const element of all("[style], style, script:not([src])")) faults.push(`inline: ${element.outerHTML}`);
    for (const element of all("[aria-labelledby]")) {
        if (!document.getElementById(element.getAttribute("aria-labelledby"))) faults.push("label is missing");
    }
    return faults;
}"""

CONTRAST = """() => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
        const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!text || !element.checkVisibility({visibilityProperty: true})) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${element.outerHTML}`);
    }
    return found;
}"""

SETTLED = ("", "folder/", "folder/?sort=size&order=desc", "?limit=1", "nothing%20here", "%00", "?limit=x")
"""Addresses of pages of every kind: full, empty, sorted, paged, and refused in several ways."""


class PagesTest(BrowserCase):
    """Pages of every kind."""

    tolerated = ("status of 40[04]",)

    def setUp(self) -> None:
        """Have something to list."""
        super().setUp()
        (self.storage / "folder").mkdir()
        (self.storage / "file.txt").write_bytes(b"content")

    def test_readable_by_everybody(self) -> None:
        """Every page has a language, a title, one main heading, names and labels on whatever one acts on."""
        for path in SETTLED:
            self.go(path)
            self.assertEqual(self.page.evaluate(FAULTS), [], path)

    def test_contrast(self) -> None:
        """Text stands out from its ground by 4.5 : 1 (WCAG 2.2, criterion 1.4.3), in light and in dark."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for path in SETTLED:
                self.go(path)
                self.assertEqual(self.page.evaluate(CONTRAST), [], f"{scheme} {path}")

    def test_narrow(self) -> None:
        """No page has to be scrolled sideways at 360 pixels."""
        self.page.set_viewport_size({"width": 360, "height": 740})
        for path in SETTLED:
            self.go(path)
            self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), 360, path)

    def test_keyboard(self) -> None:
        """The first stop of the Tab key leads past the head of the page; each stop can be seen."""
        self.go()
        self.page.keyboard.press("Tab")
        expect(self.page.locator(":focus")).to_have_text("Skip to the content")
        stops = []
        while "Upload" not in stops:
            self.page.keyboard.press("Tab")
            stops.append(
                self.page.evaluate(
                    "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"
                )
            )
            outline = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            self.assertIn(outline, ("solid", "auto"), stops[-1])
            box = self.page.evaluate("document.activeElement.getBoundingClientRect().width")
            self.assertGreater(box, 1, stops[-1])
        for stop in ("Upload (resumable)", "Name", "file.txt", "Download file.txt"):
            self.assertIn(stop, stops)

    def test_ways_out_of_an_error(self) -> None:
        """A page of an error says in words what is wrong and leads back."""
        self.go("nothing%20here")
        self.page.get_by_role("heading", name="Nothing here.", level=1).wait_for()
        self.page.get_by_role("link", name="Back to all files").click()
        self.page.get_by_role("link", name="file.txt", exact=True).wait_for()

    def test_nothing_moves_when_scripts_arrive(self) -> None:
        """What scripts add finds its room kept."""
        self.go()
        self.page.locator("html.scripted").wait_for()
        shift = self.page.evaluate(
            """() => new Promise((resolve) => {
                let sum = 0;
                new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
                    .observe({type: "layout-shift", buffered: true});
                requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
            })"""
        )
        self.assertLess(shift, 0.01)
