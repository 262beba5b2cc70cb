"""Several uploads at once: what the page shows, says and does of all of them together."""

import json
import re

from playwright.sync_api import Route, expect

from tests.browser.drops import heard, listen
from tests.browser.test_resumable import MIB, SlowCase

CHUNKS = re.compile("/api/upload/chunk")


class TogetherTest(SlowCase):
    """Three files of the same size, over a network that is slow."""

    tolerated = ("Failed to load resource", "net::ERR")
    names = ("a.bin", "b.bin", "c.bin")

    def setUp(self) -> None:
        super().setUp()
        self.files = [self.make_file(name, 4 * MIB) for name in self.names]
        self.summary = self.page.get_by_role("group", name="All uploads")
        self.go()
        listen(self.page)

    def begin_all(self, rate: int = MIB // 3) -> None:
        """Choose all three."""
        self.strait.rate = rate
        self.choose(*self.files)
        self.summary.wait_for()

    def wait_all(self) -> None:
        """Wait until all three are stored as they are."""
        expect(self.summary).to_contain_text("3 of 3 files")
        for file in self.files:
            self.assertTrue((self.storage / file.name).read_bytes() == file.read_bytes())

    def test_progress(self) -> None:
        """The whole is told in files, percent, bytes, speed and time left; the title has the percentage."""
        self.begin_all()
        expect(self.summary).to_contain_text(
            re.compile(r"of 3 files.*\d+ % · [\d.]+.MB of 12\.6.MB · [\d.]+.[kM]B/s · \d+.(s|min) left", re.DOTALL)
        )
        self.assertRegex(self.page.title(), r"^\d+ % · All files")
        bar = self.page.get_by_role("progressbar", name="Progress of all uploads")
        self.assertTrue(0 < float(bar.evaluate("bar => bar.value")) < 1)
        self.speed_up()
        self.wait_all()
        expect(self.page).to_have_title("All files – PeerStor")

    def test_milestones(self) -> None:
        """What is said aloud is the beginning, the quarters and the end: never each percent, nor each file."""
        self.begin_all(3 * MIB)
        self.wait_all()
        said = heard(self.page)
        self.assertEqual((said[0], said[-1]), ("Uploading 3 files.", "3 files uploaded."))
        for sentence in said[1:-1]:
            self.assertRegex(sentence, "^(25|50|75) % of 3 files uploaded.$")
        self.assertEqual(len(said), len(set(said)))

    def test_pause_all(self) -> None:
        """All can be paused at once, and go on at once."""
        self.begin_all()
        self.wait_sent("a.bin", 0.1)
        self.strait.rate = MIB // 20
        self.summary.get_by_role("button", name="Pause all").click()
        expect(self.summary).to_contain_text("3 paused")
        expect(self.page).to_have_title("All files – PeerStor")
        self.speed_up()
        self.summary.get_by_role("button", name="Resume all").click()
        self.wait_all()

    def test_cancel_all(self) -> None:
        """All can be cancelled at once; those that are stored stay."""
        self.begin_all()
        self.wait_sent("a.bin", 0.1)
        self.strait.rate = MIB // 20
        self.agrees = False
        self.summary.get_by_role("button", name="Cancel all").click()
        self.assertEqual(self.page.get_by_role("progressbar").count(), 4)
        self.agrees = True
        self.summary.get_by_role("button", name="Cancel all").click()
        self.page.get_by_role("heading", name="Uploads").wait_for(state="hidden")
        self.assertEqual(list(self.storage.glob("[!.]*")), [])

    def test_retry_all(self) -> None:
        """All that failed can be tried again at once; what had failed is shown, and said with what to do about it."""
        self.page.route(CHUNKS, refuse)
        self.begin_all()
        for name in self.names:
            self.card(name).get_by_text("There is no room left. What has arrived is kept. Make room").wait_for()
        expect(self.summary).to_contain_text("3 not uploaded")
        self.assertRegex(" ".join(heard(self.page)), r"Not uploaded: \w\.bin.*Make room on the server")
        self.page.unroute(CHUNKS)
        self.speed_up()
        self.summary.get_by_role("button", name="Try all again").click()
        self.wait_all()
        expect(self.summary.get_by_role("button", name="Try all again")).to_be_hidden()

    def test_connection_lost(self) -> None:
        """A loss is said once for all, not for each file and each try."""
        self.begin_all()
        self.wait_sent("a.bin", 0.1)
        self.strait.fail()
        expect(self.summary).to_contain_text("The connection is lost. Trying again… Leave this page open.")
        expect(self.card("b.bin")).to_contain_text("The connection is lost")
        self.assertEqual(
            [each for each in heard(self.page) if "lost" in each],
            ["The connection is lost. Trying again… Leave this page open."],
        )
        self.speed_up()
        self.strait.mend()
        self.wait_all()

    def test_parallel(self) -> None:
        """Two files are on their way at the same time."""
        self.begin_all()
        self.wait_sent("a.bin", 0.05)
        self.wait_sent("b.bin", 0.05)
        self.assertEqual(self.card("a.bin").get_attribute("data-state"), "sending")


def refuse(route: Route) -> None:
    """Be a server whose disk is full."""
    told = {"error": "no_space", "message": "There is no room left.", "free": 0}
    route.fulfill(status=507, content_type="application/json", body=json.dumps(told))
