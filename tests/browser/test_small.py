"""Small files from the page: one request for each, whatever comes between."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Request, Route

from tests.browser.stage import BrowserCase


class SmallTest(BrowserCase):
    """Files that fit into one request."""

    tolerated = ("Failed to load resource", "net::ERR")

    def setUp(self) -> None:
        """Note what the page asks for, and make a folder whose name has to be encoded."""
        super().setUp()
        self.asked: list[str] = []
        self.page.on("request", self._asked)
        (self.storage / "fol der%").mkdir()

    def send(self, *names: str, size: int = 1000) -> list[Path]:
        """Choose files of random bytes, and wait until all are stored."""
        files = [self.make_file(name, size) for name in names]
        self.go("fol%20der%25/")
        self.choose(*files)
        for name in names:
            self.wait_done(name)
        return files

    def assert_stored(self, *files: Path) -> None:
        """Hold the folder to their names and bytes."""
        stored = {path.name: path.read_bytes() for path in (self.storage / "fol der%").iterdir()}
        self.assertEqual(stored, {path.name: path.read_bytes() for path in files})

    def _asked(self, request: Request) -> None:
        if request.method != "GET":
            self.asked.append(f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}")

    def test_one_request(self) -> None:
        """Each takes one, however large it is up to 64 KiB, and however it is called; its name is a link to it."""
        files = self.send("plain.bin", "größe #1?.txt", "100%.bin", size=64 * 1024)
        self.assert_stored(*files)
        self.assertEqual([asked.partition(" ")[0] for asked in self.asked], ["PUT"] * 3)
        link = self.card("größe #1?.txt").get_by_role("link")
        self.assertEqual(self.page.request.get(str(link.evaluate("a => a.href"))).body(), files[1].read_bytes())
        self.assertEqual(self.page.evaluate("localStorage.length"), 0)

    def test_empty(self) -> None:
        """An empty one needs nothing but its name."""
        self.assert_stored(*self.send("empty", size=0))
        self.assertEqual(self.asked, ["POST complete"])

    def test_larger(self) -> None:
        """One byte more, and it can be resumed instead."""
        self.assert_stored(*self.send("large.bin", size=64 * 1024 + 1))
        self.assertEqual(self.asked, ["POST chunk", "POST complete"])

    def test_answer_lost(self) -> None:
        """A file whose answer got lost is neither stored twice nor asked about."""
        lost: list[str] = []

        def lose(route: Route) -> None:
            if route.request.method == "PUT" and not lost:
                lost.append(str(route.fetch().status))
                route.abort("connectionreset")
            else:
                route.continue_()

        self.page.route("**/*", lose)
        self.assert_stored(*self.send("once.bin"))
        self.assertEqual((lost, self.asked), (["201"], ["PUT once.bin"]))

    def test_no_put(self) -> None:
        """Behind a proxy that lets no PUT through, or answers it with a page of its own, they come all the same."""
        for status in (403, 200):
            with self.subTest(status):
                self.page.route("**/fol*/*", self._refuse(status))
                self.asked.clear()
                files = self.send(f"a {status}.bin", f"b {status}.bin")
                for file in files:
                    self.assertTrue((self.storage / "fol der%" / file.name).read_bytes() == file.read_bytes())
                puts = [f"PUT {file.name.replace(' ', '%20')}" for file in files]
                self.assertEqual(sorted(self.asked), ["POST chunk"] * 2 + ["POST complete"] * 2 + puts)

    def _refuse(self, status: int) -> Callable[[Route], None]:
        def answer(route: Route) -> None:
            if route.request.method == "PUT":
                route.fulfill(status=status, content_type="text/html", body="<h1>Not here</h1>")
            else:
                route.continue_()

        return answer

    def test_taken_meanwhile(self) -> None:
        """Where somebody took the name after the page was shown, its reader is asked, and nothing is replaced."""
        mine = self.make_file("same.bin", 1000)
        self.go("fol%20der%25/")
        theirs = self.storage / "fol der%" / "same.bin"

        def meanwhile(route: Route) -> None:
            if route.request.method == "PUT":
                theirs.write_bytes(b"theirs")
            route.continue_()

        self.page.route("**/*", meanwhile)
        self.choose(mine)
        self.page.get_by_role("button", name="Keep both").click()
        self.wait_done("same.bin")
        stored = {path.name: path.read_bytes() for path in (self.storage / "fol der%").iterdir()}
        self.assertEqual(stored, {"same.bin": b"theirs", "same (2).bin": mine.read_bytes()})
