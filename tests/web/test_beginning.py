"""The beginning of a folder's page, which comes while the folder is still being read."""

import os
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Principal, Right
from peerstor.errors import StorageUnavailable
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web import listing
from peerstor.web.beginning import PATIENCE
from peerstor.web.completion import complete
from peerstor.web.guard import Admission
from peerstor.web.links import Links
from peerstor.web.listing import Listings
from peerstor.web.pages import Pages
from peerstor.web.viewing.documents import Documents
from peerstor.web.viewing.readmes import Readmes
from peerstor.web.visitors import Visitor
from tests.fakes import HeldThreads
from tests.http.wire import Plain
from tests.web.house import House

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
NAMES = ("one.txt", "two & <three>.txt", "README.md")


class BeginningTests(SynchronousTestCase):
    """A folder, and threads that take as long as the test says."""

    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        for name in NAMES:
            self.house.put_file(f"folder/{name}")
        self.clock, self.threads = Clock(), HeldThreads()
        links = Links("/sub")
        listings = Listings(
            sandbox=self.house.sandbox,
            threads=self.threads,
            beginnings=self.threads,
            clock=self.clock,
            pages=Pages(links=links),
            readmes=Readmes(sandbox=self.house.sandbox, documents=Documents()),
        )
        principal = Principal("somebody", (Grant((), Right.READ | Right.CREATE | Right.CHANGE),))
        visitor = Visitor.of(principal, links, can_sign_in=False)
        self.failed: list[Failure] = []

        def fail(request: StreamingRequest, failure: Failure) -> bytes:
            self.failed.append(failure)
            return b""

        def handle(request: StreamingRequest) -> None:
            admission = Admission(principal, TreePath((b"folder",), slash=True), lambda: visitor)
            complete(listings.answer(request, admission, links), request, fail)

        self.handle = handle
        self.connection = Plain(handle)

    def ask(self, accept: str = BROWSER, version: str = "1.1", method: str = "GET") -> None:
        """Send a request."""
        head = f"{method} /folder/ HTTP/{version}\r\nHost: test\r\nAccept: {accept}\r\n\r\n"
        self.connection.send(head.encode())

    def turn(self) -> None:
        """Let the thread that was asked last have its turn first."""
        self.threads.waiting.insert(0, self.threads.waiting.pop())
        self.threads.release()

    def answer(self) -> tuple[bytes, bytes]:
        """Give the head of what was received and, put together, its body."""
        head, _, body = self.connection.received().partition(b"\r\n\r\n")
        if b"Transfer-Encoding: chunked" in head:
            self.assertNotIn(b"Content-Length", head)
            rest, body = body, b""
            while rest:
                size, _, rest = rest.partition(b"\r\n")
                body += rest[: int(size, 16)]
                rest = rest[int(size, 16) + 2 :]
        return head, body

    def whole(self) -> bytes:
        """Give the page as it is without waiting."""
        self.ask()
        self.threads.release_all()
        head, body = self.answer()
        self.assertIn(b"Content-Length: %d" % len(body), head)
        self.connection = Plain(self.handle)
        return body

    def test_whole(self) -> None:
        """A folder that is read at once comes at once, with its length, and nothing more is done."""
        page = self.whole()
        for name in (b"one.txt", b"two &amp; &lt;three&gt;.txt"):
            self.assertIn(name, page)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow(self) -> None:
        """Where it takes long, the page begins with what is known; in all it is the same page."""
        page = self.whole()
        self.ask()
        self.clock.advance(PATIENCE)
        self.assertEqual(self.connection.received(), b"")
        self.turn()
        _, begun = self.answer()
        self.assertTrue(page.startswith(begun))
        self.assertTrue(begun.endswith(b'<section id="listing"'))
        self.assertIn(b"<h1><bdi>folder</bdi></h1>", begun)
        self.threads.release_all()
        _, body = self.answer()
        self.assertEqual(body, page)
        self.assertTrue(self.connection.received().endswith(b"0\r\n\r\n"))

    def test_late(self) -> None:
        """A beginning that is made too late isn't sent."""
        page = self.whole()
        self.ask()
        self.clock.advance(PATIENCE)
        self.threads.release_all()
        head, body = self.answer()
        self.assertIn(b"Content-Length: %d" % len(page), head)
        self.assertEqual(body, page)

    def test_programs(self) -> None:
        """Programs, old protocols and HEAD are told the length: they get no beginning."""
        for asked in ({"accept": "*/*"}, {"accept": "application/json"}, {"version": "1.0"}, {"method": "HEAD"}):
            self.connection = Plain(self.handle)
            self.ask(**asked)
            self.clock.advance(PATIENCE)
            self.assertEqual(len(self.threads.waiting), 1, asked)
            self.threads.release_all()
            head, _ = self.answer()
            self.assertNotIn(b"chunked", head)
            self.assertIn(b" 200 OK", head)

    def test_absent(self) -> None:
        """Of a folder that isn't there, no page begins."""
        self.ask()
        os.rename(f"{self.house.storage}/folder", f"{self.house.storage}/elsewhere")
        self.clock.advance(PATIENCE)
        self.turn()
        self.assertEqual(self.connection.received(), b"")
        self.threads.release_all()
        self.assertEqual(len(self.failed), 1)

    def test_breaks(self) -> None:
        """Where the disk fails when the page has begun, the page says so."""

        def fail(*_: Any, **__: Any) -> None:
            raise StorageUnavailable()

        self.patch(listing, "list_folder", fail)
        self.ask()
        self.clock.advance(PATIENCE)
        self.turn()
        self.threads.release_all()
        _, body = self.answer()
        self.assertIn(b"This folder cannot be read at the moment.", body)
        self.assertTrue(body.endswith(b"</html>"))
        self.assertEqual(self.failed, [])

    def test_gone(self) -> None:
        """Whoever has left meanwhile is sent nothing, and nothing is left behind."""
        for turns in (0, 1):
            self.connection = Plain(self.handle)
            self.ask()
            if turns:
                self.clock.advance(PATIENCE)
            self.connection.lose()
            self.threads.release_all()
            self.assertEqual(self.connection.received(), b"")
            self.assertEqual(self.clock.getDelayedCalls(), [])
