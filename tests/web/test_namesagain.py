"""Files that are stored without deciding anew: beside one that was, for whoever could store it so, and no others."""

import os
from typing import Any
from unittest import mock

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Principal, Right
from peerstor.errors import StorageUnavailable
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Publisher
from peerstor.web.guard import Admission
from tests.fakes import HeldThreads
from tests.web.ends import Ends
from tests.web.house import Answer, House
from tests.web.test_repeating import RepeatingCase


class NamesCase(RepeatingCase):
    def build(self, **settings: Any) -> House:
        house = super().build(**{"anonymous": "full", **settings})
        os.mkdir(house.path("up"))
        return house

    def decided(self, house: House, *targets: str, content: bytes = b"content", **headers: str) -> list[bool]:
        """Put files one after the other; tell of each whether the ordinary way decided on it."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        found = []
        self.answers: list[Answer] = []
        for target in targets:
            with mock.patch.object(house.root, "render", wraps=house.root.render) as render:
                self.answers.append(house.ask("PUT", target, content, fields))
            found.append(render.call_count == 1)
        return found

    def held(self, house: House) -> Any:
        """Keep the disk from being visited."""
        small = house.engine._receiver._small
        assert small is not None
        return mock.patch.object(small._groups, "_threads", HeldThreads())

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


class StoredTests(NamesCase):
    """What is stored so."""

    def test_others(self) -> None:
        """Once one file was put, any other in its folder is, with what is its own."""
        house = self.build()
        self.assertEqual(self.decided(house, "/up/a", content=b"first"), [True])
        for number in range(4):
            content = os.urandom(number + 1)
            self.assertEqual(self.decided(house, f"/up/{number}.bin", content=content), [False])
            [answer] = self.answers
            self.assertEqual((answer.status, answer.body), (201, b""))
            self.assertEqual(answer.headers["location"], f"/up/{number}.bin")
            self.assertEqual(answer.headers["etag"], house.get(f"/up/{number}.bin").headers["etag"])
            self.assertEqual(house.content(f"up/{number}.bin"), content)
        self.assertEqual(self.decided(house, "/top", "/top2", "/-/tree/up/b", "/-/tree/up/c"), [True, False] * 2)

    def test_replaced(self) -> None:
        """A name that is taken is replaced, as the ordinary way does."""
        house = self.build()
        self.assertEqual(self.decided(house, "/up/a", "/up/b", "/up/b", "/up/a"), [True, False, False, False])
        self.assertEqual(self.statuses, [201, 201, 204, 204])
        self.assertNotIn("content-length", self.answers[-1].headers)
        self.assertEqual(len(house.audit.noted), 4)
        self.assertEqual([each["event"] for each in house.audit.noted], ["upload", "upload", "replace", "replace"])

    def test_same_head(self) -> None:
        """Its head is that of the ordinary way, line by line, but for what is its own."""
        house = self.build()
        own = dict.fromkeys(("x-request-id", "location", "etag"), "")
        for again in (False, True):
            self.assertEqual(self.decided(house, "/up/a", "/up/b"), [not again, False])
            heads = [{**answer.headers, **own} for answer in self.answers]
            self.assertEqual(*heads)
            self.assertEqual([*heads[0]], [*heads[1]])

    def test_ids(self) -> None:
        """Each has an id of its own."""
        house = self.build()
        self.decided(house, *[f"/up/{number}" for number in range(4)])
        self.assertEqual(len({answer.headers["x-request-id"] for answer in self.answers}), 4)

    def test_counted(self) -> None:
        """Figures, bytes and the audit log have them as they have others."""
        house = self.build()
        self.decided(house, "/up/a", "/up/b", "/up/c", content=b"12345")
        self.assertEqual(house.counts.requests["/", "PUT", 201], 3)
        counts = house.engine.counts
        self.assertEqual((counts.begun, counts.finished, counts.failed, house.site.received), (3, 3, 0, 15))
        self.assertEqual({each["address"] for each in house.audit.noted}, {house.audit.noted[0]["address"]})

    def test_one_connection(self) -> None:
        """Several on one connection, other requests between them."""
        house = self.build()
        channel, wire = house.connect()
        with mock.patch.object(house.root, "render", wraps=house.root.render) as render:
            for number in range(6):
                head = b"PUT /up/%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n" % number
                channel.dataReceived(head + b"%02d" % number)
                house.settle()
                channel.dataReceived(b"GET /up/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)
                house.settle()
        self.assertEqual(wire.value().count(b"HTTP/1.1 201 "), 6)
        self.assertEqual([house.content(f"up/{number}") for number in range(6)], [b"%02d" % n for n in range(6)])
        self.assertEqual(render.call_count, 1 + 6)


class RefusedTests(NamesCase):
    """What goes wrong with one of them is answered as it always is."""

    def both(self, house: House, target: str, **more: Any) -> Answer:
        """Put a file both ways; give what the faster one answered, which has to be the same."""
        self.decided(house, "/up/first", **{**more, "content": b"fine"})
        self.assertEqual(self.decided(house, target, **more), [False])
        [fast] = self.answers
        house.repeats.forget()
        self.assertEqual(self.decided(house, target, **more), [True])
        [plain] = self.answers
        own = {"x-request-id": "", "date": ""}
        self.assertEqual({**fast.headers, **own}, {**plain.headers, **own})
        self.assertEqual([*fast.headers], [*plain.headers])
        self.assertEqual((fast.status, fast.body), (plain.status, plain.body))
        return fast

    def test_taken(self) -> None:
        """By a folder; or by a file, for somebody who may only add."""
        house = self.build()
        os.mkdir(house.path("up", "folder"))
        self.assertEqual(self.both(house, "/up/folder").status, 409)
        house = self.build(anonymous="create")
        house.put_file("up/taken", b"old")
        house.put_file("up/first", b"fine")
        os.unlink(house.path("up", "first"))
        self.assertEqual(self.decided(house, "/up/first", "/up/taken"), [True, False])
        self.assertEqual((self.statuses, house.content("up/taken")), ([201, 403], b"old"))

    def test_folder_gone(self) -> None:
        """The folder has gone, is no folder any more, or leads out of the storage."""
        house = self.build()
        self.decided(house, "/up/a", "/up/b")
        os.rename(house.path("up"), house.path("gone"))
        self.assertEqual((self.decided(house, "/up/c"), self.statuses), ([False], [409]))
        house.put_file("up", b"a file")
        self.assertEqual((self.decided(house, "/up/c"), self.statuses), ([False], [409]))
        os.unlink(house.path("up"))
        outside = os.path.join(house.folder, "outside")
        os.mkdir(outside)
        os.symlink(outside, house.path("up"))
        self.assertEqual((self.decided(house, "/up/c"), self.statuses), ([False], [409]))
        self.assertEqual(os.listdir(outside), [])

    def test_disk(self) -> None:
        """The disk lets nothing be written; the log has it, and it is counted."""
        house = self.build()
        self.decided(house, "/up/a")
        with mock.patch.object(Publisher, "publish_all", lambda *_: [StorageUnavailable()]):
            self.assertEqual(self.decided(house, "/up/b"), [False])
        self.assertEqual((self.statuses, house.engine.counts.failed), ([503], 1))
        self.assertEqual(self.answers[0].headers["content-type"], "text/plain; charset=utf-8")

    def test_defect(self) -> None:
        """A defect is a 500 with its id, and a traceback in the log."""
        house = self.build()
        self.decided(house, "/up/a")
        with mock.patch.object(Publisher, "publish_all", side_effect=ZeroDivisionError):
            self.assertEqual(self.decided(house, "/up/b"), [False])
        self.assertEqual(self.statuses, [500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_digests_and_conditions(self) -> None:
        """What the head says of the content or of what is there holds for each file that comes with it."""
        house = self.build()
        digest = "sha-256=:z9jT+dXHHuI/EZSDMPe2fdSqYYnHGlMQgmz+gN+BoQg=:"  # of another content
        for headers in ({"Repr_Digest": digest}, {"Content_Digest": digest}, {"If_Match": '"x"'}):
            self.assertEqual(self.decided(house, "/up/a", "/up/b", **headers), [True, True], headers)
        house.put_file("up/there")
        self.decided(house, "/up/new", "/up/new2", "/up/there", If_None_Match="*")
        self.assertEqual(self.statuses, [201, 201, 412])
        self.assertEqual(self.decided(house, "/up/new3", If_None_Match="*"), [False])

    def test_too_large(self) -> None:
        """The limit holds for each."""
        house = self.build(max_upload=10)
        self.assertEqual(self.both(house, "/up/large", content=b"x" * 11).status, 413)

    def test_pipelined(self) -> None:
        """What comes while a file is being stored waits for its end."""
        house = self.build()
        self.decided(house, "/up/a")
        puts = [b"PUT /up/%c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\ncontent" % c for c in b"bc"]
        channel, wire = house.connect()
        with self.held(house) as threads:
            channel.dataReceived(puts[0])
            house.settle()
            channel.dataReceived(puts[1] + b"GET /up/b HTTP/1.1\r\nHost: localhost\r\n\r\nGET /")
            house.settle()
            self.assertEqual((wire.value(), len(threads.waiting)), (b"", 1))
            threads.release()
            house.settle()
            threads.release_all()
        house.settle()
        channel.dataReceived(b"up/c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        house.settle()
        answers = wire.value().split(b"HTTP/1.1 ")[1:]
        self.assertEqual([answer[:3] for answer in answers], [b"201", b"201", b"200", b"200"])
        self.assertEqual(
            [answer.partition(b"\r\n\r\n")[2] for answer in answers], [b"", b"", b"content", b"content"]
        )

    def test_client_leaves(self) -> None:
        """Whoever leaves meanwhile has the file stored all the same, and the access log says so."""
        house = self.build()
        self.decided(house, "/up/a")
        with self.held(house) as threads:
            channel, wire = house.connect()
            channel.dataReceived(b"PUT /up/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
            house.settle()
            channel.connectionLost(Failure(ConnectionError()))
            threads.release_all()
        self.assertEqual((house.content("up/b"), wire.value()), (b"x", b""))
        self.assertEqual(house.counts.requests["/", "PUT", 499], 1)

    def test_failure_of_one_who_left(self) -> None:
        """What goes wrong for whoever has left is in the log, as ever, unless it is nobody's defect."""
        for error, logged in ((StorageUnavailable(), 0), (OSError(5, "lost"), 1), (ZeroDivisionError(), 1)):
            for again in (False, True):
                house = self.build()
                if again:
                    self.decided(house, "/up/a")
                with self.held(house) as threads, mock.patch.object(Publisher, "publish_all", side_effect=error):
                    channel, _ = house.connect()
                    channel.dataReceived(b"PUT /up/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
                    house.settle()
                    channel.connectionLost(Failure(ConnectionError()))
                    threads.release_all()
                    house.settle()
                self.assertEqual(len(self.flushLoggedErrors(type(error))), logged, (error, again))


class NotStoredTests(NamesCase):
    """What the ordinary way has to decide on, each time."""

    def test_names(self) -> None:
        """Names that are ours, that are private, or that have to be understood."""
        house = self.build()
        self.decided(house, "/a", "/up/a")
        for target in (
            "/api",
            "/-",
            "/.peerstor",
            "/.PEERSTOR",
            "/..",
            "/.hidden",
            "/%61",
            "/up/",
            "/up/a%2Fb",
            "/up//b",
        ):
            self.assertEqual(self.decided(house, target), [True], target)
        self.assertFalse(os.path.exists(house.path("api")))
        self.assertEqual(self.decided(house, "/up/api", "/up/-"), [False, False])

    def test_other_requests(self) -> None:
        """Another folder, or any other header."""
        house = self.build()
        os.mkdir(house.path("other"))
        self.decided(house, "/up/a")
        for headers in (
            {"Origin": "https://evil.example"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Content_Range": "bytes 0-6/9"},
            {"Content_Encoding": "gzip"},
            {"Host": "evil.example"},
            {"Content_Type": "text/plain"},
        ):
            self.assertEqual(self.decided(house, "/up/b", **headers), [True], headers)
        self.assertEqual(self.decided(house, "/other/a"), [True])

    def test_refused_ones(self) -> None:
        """Nothing is learnt from a request that was refused."""
        house = self.build()
        for headers in (
            {"Origin": "https://evil.example"},
            {"Content_Range": "bytes 0-6/9"},
            {"Content_Encoding": "gzip"},
            {"Host": "evil.example"},
        ):
            self.assertEqual(self.decided(house, "/up/b", "/up/c", **headers), [True, True], headers)
        self.assertEqual(self.decided(house, "/none/a", "/none/b"), [True, True])
        self.assertEqual(os.listdir(house.path("up")), [])

    def test_telling_headers(self) -> None:
        """Requests that say who asks, or for whom, those of somebody who is signed in, and who waits to be asked."""
        house = self.build(token="correct-horse")
        for headers in (
            {"Authorization": "Bearer correct-horse"},
            {"Cookie": "a=b"},
            {"X_Request_ID": "a"},
            {"X_Forwarded_For": "192.0.2.1"},
            {"Forwarded": "for=192.0.2.1"},
            {"Expect": "100-continue"},
        ):
            self.assertEqual(self.decided(house, "/up/a", "/up/b", **headers), [True, True], headers)
            self.assertLess(max(self.statuses), 300, headers)

    def test_without_lanes(self) -> None:
        """Nothing is stored so where there are no lanes."""
        house = House(fast_lanes=False, anonymous="full")
        self.addCleanup(house.close)
        self.assertEqual(self.decided(house, "/a", "/b"), [True, True])


class BesideTests(SynchronousTestCase):
    """Where the rights at one name are those at every other of its folder."""

    def test_grants(self) -> None:
        """Unless a grant begins at a name itself."""
        for at, holds in (((), True), ((b"up",), True), ((b"up", b"a"), False), ((b"up", b"b"), False)):
            grants = (Grant((), Right.READ), Grant(at, Right.CREATE))
            path = TreePath((b"up", b"a"), slash=False)
            admission = Admission(Principal("anybody", grants), path, mock.Mock())
            self.assertIs(admission.holds_beside, holds, at)


class EndedTests(NamesCase, Ends):
    """What ends it."""

    some = ("/up/a", "/up/b", "/up/c")
    closed = "read"

    @property
    def last(self) -> Answer:
        return self.answers[-1]

    def test_settings_meanwhile(self) -> None:
        """What was decided before a change of settings, and answered after it, is no rule for the next."""
        house = self.build()
        with self.held(house) as threads:
            channel, wire = house.connect()
            channel.dataReceived(b"PUT /up/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\ncontent")
            house.settle()
            house.live.change(evolve(house.live.now, anonymous="read"))
            threads.release_all()
            house.settle()
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 201 "))
        self.assertEqual((self.decided(house, "/up/b"), self.statuses), ([True], [403]))
        self.assertFalse(os.path.exists(house.path("up", "b")))

    def test_stopped(self) -> None:
        """Nothing is begun any more by an engine that has stopped."""
        house = self.build()
        self.decided(house, "/up/a")
        house.site.stopping = True
        self.successResultOf(Deferred.fromCoroutine(house.engine.stop()))
        self.assertEqual((self.decided(house, "/up/c"), self.statuses), ([False], [503]))
