"""Work that many ask for at once is done once for all of them, and begins after each of them has asked."""

import os

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Principal, Right
from peerstor.errors import NotFound
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.coalescing import Coalesced
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


class CoalescedTests(SynchronousTestCase):
    """Work that is done when the test says so."""

    def setUp(self) -> None:
        self.under_way: list[tuple[str, Deferred[str]]] = []
        self.coalesced: Coalesced[str, str] = Coalesced(self.work)

    def work(self, key: str) -> Deferred[str]:
        done: Deferred[str] = Deferred()
        self.under_way.append((key, done))
        return done

    def test_alone(self) -> None:
        """Who asks alone has it done at once."""
        asked = self.coalesced.ask("a")
        self.assertNoResult(asked)
        self.under_way[0][1].callback("first")
        self.assertEqual(self.successResultOf(asked), "first")

    def test_behind(self) -> None:
        """Who asks meanwhile gets nothing that began before, and shares the next with all others who have."""
        first = self.coalesced.ask("a")
        behind = [self.coalesced.ask("a") for _ in range(5)]
        self.assertEqual(len(self.under_way), 1)
        self.under_way[0][1].callback("first")
        self.assertEqual(self.successResultOf(first), "first")
        self.assertEqual(len(self.under_way), 2)
        late = self.coalesced.ask("a")
        for each in (*behind, late):
            self.assertNoResult(each)
        self.under_way[1][1].callback("second")
        self.assertEqual([self.successResultOf(each) for each in behind], ["second"] * 5)
        self.assertNoResult(late)
        self.under_way[2][1].callback("third")
        self.assertEqual(self.successResultOf(late), "third")
        self.assertEqual(len(self.under_way), 3)

    def test_others(self) -> None:
        """What differs doesn't wait for each other."""
        self.coalesced.ask("a")
        other = self.coalesced.ask("b")
        self.assertEqual([key for key, _ in self.under_way], ["a", "b"])
        self.under_way[1][1].callback("of b")
        self.assertEqual(self.successResultOf(other), "of b")

    def test_failure(self) -> None:
        """What goes wrong is told to all who waited for it, and to nobody after."""
        first, behind = self.coalesced.ask("a"), [self.coalesced.ask("a") for _ in range(2)]
        self.under_way[0][1].errback(NotFound())
        self.failureResultOf(first, NotFound)
        self.under_way[1][1].errback(NotFound())
        for each in behind:
            self.failureResultOf(each, NotFound)
        again = self.coalesced.ask("a")
        self.under_way[2][1].callback("well")
        self.assertEqual(self.successResultOf(again), "well")

    def test_left(self) -> None:
        """Who leaves takes nothing from the others; where all have, nothing is done for them."""
        first, stays, leaves = (self.coalesced.ask("a") for _ in range(3))
        leaves.cancel()
        self.failureResultOf(leaves, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.under_way[0][1].callback("first")
        last = self.coalesced.ask("a")
        last.cancel()
        self.failureResultOf(last, CancelledError)
        self.under_way[1][1].callback("second")
        self.assertEqual(self.successResultOf(stays), "second")
        self.assertEqual(len(self.under_way), 2)

    def test_nothing_is_left(self) -> None:
        """Nothing is remembered of what was asked for and done."""
        for number in range(10):
            self.coalesced.ask(str(number))
        for _, done in self.under_way:
            done.callback("")
        self.assertEqual(self.coalesced._behind, {})


class CrowdTests(SynchronousTestCase):
    """A crowd that asks for one folder, and threads that read it when the test says so."""

    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        self.house.put_file("folder/a")
        self.threads = HeldThreads()
        self.links = Links()
        self.listings = Listings(
            sandbox=self.house.sandbox,
            threads=self.threads,
            beginnings=self.threads,
            clock=self.house.clock,
            pages=Pages(links=self.links),
            readmes=Readmes(sandbox=self.house.sandbox, documents=Documents()),
        )

    def ask(self, *, name: str = "somebody", floor: int = 0, rights: Right = Right.READ) -> Plain:
        """Ask for the folder's page."""
        principal = Principal(name, (Grant((), rights),))
        visitor = Visitor.of(principal, self.links, can_sign_in=False)

        def handle(request: StreamingRequest) -> None:
            path = TreePath((b"folder",), slash=True, within=floor)
            answer = self.listings.answer(request, Admission(principal, path, lambda: visitor), self.links)
            complete(answer, request, lambda _, failure: failure.raiseException())

        connection = Plain(handle)
        connection.send(b"GET /folder/ HTTP/1.1\r\nHost: test\r\nAccept: text/html\r\n\r\n")
        return connection

    def test_one_reading_for_many(self) -> None:
        """Two readings serve a hundred; what has come before the second begins is told to all who share it."""
        crowd = [self.ask() for _ in range(100)]
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.release()
        self.house.put_file("folder/later")
        self.assertIn(b">a<", crowd[0].received())
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.release()
        for each in crowd[1:]:
            self.assertIn(b">later<", each.received())
        self.assertEqual(self.threads.waiting, [])

    def test_only_the_same(self) -> None:
        """Whoever may do something else, has another name or other links to follow is read to on their own."""
        self.house.put_file("beside")
        os.symlink("../beside", self.house.path("folder/out"))
        free, confined = self.ask(floor=0), self.ask(floor=1)
        self.ask(name="another")
        self.ask(rights=Right.READ | Right.CREATE)
        self.assertEqual(len(self.threads.waiting), 4)
        self.threads.release_all()
        self.assertIn(b">out<", free.received())
        self.assertNotIn(b">out<", confined.received())
