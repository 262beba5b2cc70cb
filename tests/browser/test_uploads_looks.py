"""How uploads look, and what axe finds in them."""

import json
import re

from playwright.sync_api import Route

from tests.browser import test_looks

KEPT = """() => localStorage.setItem(
    'peerstor:upload: ["/","left behind.mp4","f"]',
    JSON.stringify({size: 900, session: "s", sent: 300, touched: Date.now()}),
)"""


def answer(route: Route) -> None:
    """Refuse one file, leave others on their way, and have something of another."""
    url = route.request.url
    if "/offset" in url:
        route.fulfill(content_type="application/json", body=json.dumps({"offset": 300 if "left" in url else 0}))
    elif "refused" in url:
        told = {"error": "no_space", "message": "There is no room left."}
        route.fulfill(status=507, content_type="application/json", body=json.dumps(told))


class UploadsLooksTest(test_looks.LooksTest):
    """Uploads in each state."""

    tolerated = ("status of 507",)

    def situations(self) -> list[str]:
        """Name the states."""
        return ["uploads", "taken", "left", "dragging"]

    def show(self, situation: str) -> None:
        """Bring one about."""
        page = self.page
        page.route(re.compile("/api/upload/"), answer)
        self.go()
        page.locator("html.scripted").wait_for()
        names = ["refused.iso", "a film whose name tells what is in it, where it was made and when.mp4", "c.bin"]
        if situation == "uploads":
            self.take(*names)
            self.card("refused.iso").get_by_role("button", name="Try again").wait_for()
        elif situation == "taken":
            self.take("report.pdf", "notes.md")
            page.get_by_role("dialog", name="2 files are there already.").wait_for()
        elif situation == "left":
            page.evaluate(KEPT)
            self.go()
            page.get_by_role("button", name="Drop what has arrived").wait_for()
        else:
            page.evaluate("() => document.body.classList.add('dropping')")
            page.get_by_text("Drop to upload").wait_for()

    def take(self, *names: str) -> None:
        """Choose files."""
        files = [{"name": name, "mimeType": "text/plain", "buffer": b"." * 100_000} for name in names]
        self.page.locator("#chosen").set_input_files(files)  # type: ignore[arg-type]
