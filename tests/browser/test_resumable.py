"""Resumable uploads from the page, in a real browser against a real process."""

import json
import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Request, expect
from psutil import Process

from tests.browser.stage import BrowserCase
from tests.browser.strait import Strait

MIB = 1024 * 1024
SIZE = 40 * MIB


SLOW = 3 * MIB
"""Bytes a second: slow enough that a busy machine still sees the middle of an upload."""

PATIENCE = 120_000
"""Milliseconds for what a busy machine takes its time for."""


class SlowCase(BrowserCase):
    """A page that reaches its server through a network that can be slow, and fail."""

    tolerated = ("Failed to load resource", "net::ERR")

    def setUp(self) -> None:
        """Put the network between the two, and note where the page's chunks begin."""
        super().setUp()
        self.context.set_default_timeout(PATIENCE)
        self.strait = Strait(self.server.port)
        self.addCleanup(self.strait.close)
        self.origin = f"http://127.0.0.1:{self.strait.port}/"
        self.begun_at: list[int] = []
        self.page.on("request", self._asked)

    def begin(self, name: str, share: float) -> Path:
        """Choose a file, and wait until a share of it has left."""
        source = self.make_file(name, SIZE)
        self.go()
        self.strait.rate = SLOW
        self.choose(source)
        self.wait_sent(name, share)
        self.strait.rate = SLOW // 10  # however long a busy machine takes for what comes next
        return source

    def speed_up(self) -> None:
        """Let everything pass, and count anew."""
        self.strait.rate = None
        self.strait.passed = 0
        self.begun_at.clear()

    def _asked(self, request: Request) -> None:
        if "/api/upload/chunk" in request.url:
            self.begun_at.append(int(parse_qs(urlsplit(request.url).query)["offset"][0]))


class ResumableTest(SlowCase):
    """Uploads that meet what uploads meet."""

    def assert_stored(self, source: Path, name: str | None = None) -> None:
        """Hold the stored file to its source."""
        stored = self.storage / (name or source.name)
        self.assertEqual(stored.stat().st_size, source.stat().st_size)
        self.assertTrue(stored.read_bytes() == source.read_bytes(), "the stored file differs")

    def identity(self) -> dict[str, str | int]:
        """Read what the page has remembered of the one upload it knows."""
        entries = self.page.evaluate("Object.entries(localStorage)")
        self.assertEqual(len(entries), 1)
        (key, value), *_ = entries
        _, name, fingerprint = json.loads(key.removeprefix("peerstor:upload: "))
        return {"name": name, "fingerprint": fingerprint, "size": json.loads(value)["size"]}

    def test_download_beside(self) -> None:
        """A download of several, or of one by the bar, neither ends what is on its way nor asks whether to leave."""
        for name in ("one.txt", "two.txt"):
            (self.storage / name).write_text(name)
        asked: list[str] = []
        self.page.on("dialog", lambda dialog: asked.append(dialog.type))
        self.begin("large.bin", 0.05)
        for name, got in (("one.txt", "one.txt"), ("two.txt", ".zip")):
            self.page.get_by_label(f"Select {name}").check()
            with self.page.expect_download() as download:
                self.page.locator("#chosen-bar").get_by_role("button", name="Download").click()
            self.assertTrue(download.value.suggested_filename.endswith(got), download.value.suggested_filename)
        self.assertEqual(asked, [])
        self.speed_up()
        self.wait_done("large.bin")

    def test_plain_run(self) -> None:
        """Several files arrive, the empty one too; the listing shows them without a reload; nothing is left over."""
        files = [
            self.make_file("größe 50% 😀 & co.bin", 20 * MIB),
            self.make_file("empty", 0),
            self.make_file("one byte", 1),
            self.make_file("just one chunk", 8 * MIB),
        ]
        (self.storage / "fol der+&").mkdir()
        self.go("fol%20der%2B%26/")
        self.choose(*files)
        for path in files:
            self.wait_done(path.name)
            self.page.locator("#listing").get_by_role("link", name=path.name, exact=True).wait_for()
            self.assert_stored(path, f"fol der+&/{path.name}")
        self.assertEqual(self.page.evaluate("localStorage.length"), 0)
        expect(self.page).to_have_title("fol der+& – PeerStor")

    def test_below_the_prefix(self) -> None:
        """A folder whose name clashes with ours takes uploads too."""
        (self.storage / "api").mkdir()
        self.go()
        self.page.get_by_role("link", name="api").click()
        source = self.make_file("here.bin", 100)
        self.choose(source)
        self.wait_done("here.bin")
        self.assert_stored(source, "api/here.bin")

    def test_reload_in_the_middle(self) -> None:
        """After a reload, the same file chosen again continues where the server is, and ends identical."""
        source = self.begin("long.bin", 0.4)
        self.assertRegex(self.page.title(), r"^\d+ % · All files")
        identity = self.identity()
        self.page.reload()
        reminder = self.page.get_by_text(re.compile(r"Choose the same file again to continue at \d+ %\."))
        reminder.wait_for()
        self.assertEqual(self.names(), [])  # what is partial is never visible
        offset = self.call("GET", "offset", identity)["offset"]
        self.assertGreater(offset, SIZE // 4)
        promised = int(re.findall(r"(\d+) %", reminder.text_content() or "")[0])
        self.assertGreater(promised, 25)
        self.assertLessEqual(promised, 100 * offset // SIZE)  # what was under way may arrive yet

        self.speed_up()
        self.choose(source)
        self.wait_done("long.bin")
        self.assertGreaterEqual(self.begun_at[0], offset)
        self.assertLess(self.strait.passed, SIZE - offset + MIB)
        self.assert_stored(source)
        expect(reminder).to_have_count(0)
        self.assertEqual(self.page.evaluate("localStorage.length"), 0)

    def test_pause_and_resume(self) -> None:
        """A pause stops the sending, and going on sends nothing twice that had arrived."""
        source = self.begin("paused.bin", 0.3)
        self.card("paused.bin").get_by_role("button", name="Pause").click()
        self.card("paused.bin").get_by_text("Paused at").wait_for()
        expect(self.page).to_have_title("All files – PeerStor")
        self.speed_up()
        self.card("paused.bin").get_by_role("button", name="Resume").click()
        self.wait_done("paused.bin")
        self.assertGreater(self.begun_at[0], SIZE // 5)
        self.assert_stored(source)

    def test_cancel(self) -> None:
        """A cancelled upload leaves nothing, here or on the server; whoever didn't mean it goes on."""
        self.begin("unwanted.bin", 0.3)
        identity = self.identity()
        self.agrees = False
        self.card("unwanted.bin").get_by_role("button", name="Cancel").click()
        self.wait_sent("unwanted.bin", 0.35)
        self.agrees = True
        with self.page.expect_response(lambda answer: "/abandon" in answer.url and answer.ok):
            self.card("unwanted.bin").get_by_role("button", name="Cancel").click()
        self.card("unwanted.bin").wait_for(state="detached")
        self.assertEqual(self.page.evaluate("localStorage.length"), 0)
        self.assertEqual(self.call("GET", "offset", identity), {"offset": 0})

    def test_server_killed(self) -> None:
        """A server that dies and comes back finds the page going on by itself."""
        source = self.begin("survivor.bin", 0.4)
        self.server.kill()
        self.card("survivor.bin").get_by_text("The connection is lost. Trying again").wait_for()
        self.speed_up()
        self.server.start()
        self.wait_done("survivor.bin")
        self.assertGreater(min(self.begun_at), 0)
        self.assertLess(self.strait.passed, SIZE)
        self.assert_stored(source)

    def test_network_lost(self) -> None:
        """A network that goes and returns is bridged."""
        source = self.begin("bridged.bin", 0.3)
        self.strait.fail()
        self.card("bridged.bin").get_by_text("The connection is lost. Trying again").wait_for()
        self.speed_up()
        self.strait.mend()
        self.wait_done("bridged.bin")
        self.assert_stored(source)

    def test_asleep(self) -> None:
        """A browser that sleeps with its computer, and whose connections are gone when it wakes, goes on by itself."""
        source = self.begin("asleep.bin", 0.3)
        browser = [one for one in Process().children(recursive=True) if "chrom" in one.name()]
        self.assertGreater(len(browser), 2)
        for process in browser:
            process.suspend()
        try:
            self.strait.fail()
            time.sleep(2)
        finally:
            for process in reversed(browser):
                process.resume()
        self.speed_up()
        self.strait.mend()
        self.wait_done("asleep.bin")
        self.assertGreater(min(self.begun_at), 0)
        self.assert_stored(source)

    def begin_other(self) -> dict[str, str | int]:
        """Begin another file of the same name."""
        other: dict[str, str | int] = {"name": "report.pdf", "size": 9999, "fingerprint": "last week's"}
        self.call("POST", "chunk", {"offset": 0, **other}, b"last week's report")
        return other

    def test_other_upload_thrown_away(self) -> None:
        """A different file of the name that was begun is thrown away only when the reader says so."""
        self.begin_other()
        source = self.make_file("report.pdf", 100_000)
        self.go()
        self.choose(source)
        self.card("report.pdf").get_by_text("A different file of this name was begun").wait_for()
        self.card("report.pdf").get_by_role("button", name="Throw it away").click()
        self.wait_done("report.pdf")
        self.assert_stored(source)

    def test_other_upload_left(self) -> None:
        """Who doesn't want that leaves the other upload as it was."""
        other = self.begin_other()
        self.go()
        self.choose(self.make_file("report.pdf", 100_000))
        self.card("report.pdf").get_by_role("button", name="Leave it").click()
        self.card("report.pdf").wait_for(state="detached")
        self.assertEqual(self.call("GET", "offset", other), {"offset": 18})

    def test_name_taken(self) -> None:
        """A name that is taken gets a number where both are to be kept, and the page says which."""
        (self.storage / "taken.txt").write_bytes(b"first")
        source = self.make_file("taken.txt", 10)
        self.go()
        self.choose(source)
        self.page.get_by_role("dialog", name="“taken.txt” is there already.").wait_for()
        self.page.get_by_role("button", name="Keep both").click()
        self.wait_done("taken.txt")
        self.card("taken.txt").get_by_text("Stored as taken (2).txt").wait_for()
        self.assert_stored(source, "taken (2).txt")
        self.assertEqual((self.storage / "taken.txt").read_bytes(), b"first")

    def test_refused_name(self) -> None:
        """What the server refuses for good is said in its words, and is not tried for ever."""
        self.go()
        self.choose(self.make_file(".peerstor-mine", 10))
        self.card(".peerstor-mine").get_by_role("button", name="Try again").wait_for()
        self.assertIn("cannot be used", self.card(".peerstor-mine").text_content() or "")
        self.assertLessEqual(len(self.begun_at), 1)

    def test_no_answer_of_the_server(self) -> None:
        """What a network shows in place of the server's answer (a page to sign in to it, say) counts as none."""
        source = self.make_file("kept.bin", 100_000)
        complete = re.compile("/api/upload/complete")
        self.page.route(complete, lambda route: route.fulfill(body="<p>Sign in to this network."))
        self.go()
        self.choose(source)
        self.card("kept.bin").get_by_text("The server answered with status 200.").wait_for()
        self.assertFalse((self.storage / "kept.bin").exists())
        self.page.unroute(complete)
        self.card("kept.bin").get_by_role("button", name="Try again").click()
        self.wait_done("kept.bin")
        self.assert_stored(source)

    def test_changed_file(self) -> None:
        """A file that changes under its upload is never stored as a mixture."""
        source = self.begin("changing.bin", 0.2)
        source.write_bytes(b"another content")
        self.card("changing.bin").get_by_text("The file has changed").wait_for()
        self.assertEqual(list(self.storage.glob("[!.]*")), [])


class LimitTest(BrowserCase):
    """A server that takes only small files."""

    options = ("--max-upload", "1000000")
    tolerated = ("Failed to load resource", "net::ERR")

    def test_too_large(self) -> None:
        """A file that is too large is refused in words."""
        self.go()
        self.choose(self.make_file("large.bin", 30 * MIB))
        self.page.get_by_text("This is larger than the 1000000 bytes allowed.").first.wait_for()
