"""A folder as one archive."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import quote

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from peerstor.tree import walk
from peerstor.web import archiving
from tests.fakes import HeldThreads
from tests.web.house import Answer, House

CHUNKED = b"0\r\n\r\n"


def unzipped(answer: Answer) -> dict[str, bytes]:
    """Read an archive as Python does, which checks all sums; folders have no content."""
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


class ArchiveCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        self.house.put_file("docs/a.txt", b"first")
        self.house.put_file("docs/sub/deep/b.txt", b"second")
        os.mkdir(self.house.path("docs", "empty"))

    def zip(self, target: str = "/docs/?archive=zip") -> dict[str, bytes]:
        answer = self.house.get(target)
        self.assertEqual(answer.status, 200, answer.body)
        return unzipped(answer)


class Archive(ArchiveCase):
    def test_folder(self) -> None:
        """All of a folder is in it, empty folders too, by the names below it and with what each file holds."""
        self.house.put_file("docs/nothing", b"")
        self.assertEqual(
            self.zip(),
            {
                "a.txt": b"first",
                "empty/": b"",
                "nothing": b"",
                "sub/": b"",
                "sub/deep/": b"",
                "sub/deep/b.txt": b"second",
            },
        )

    def test_head(self) -> None:
        """It is an attachment that has the folder's name, of a length that nobody knows yet."""
        name = 'Grüße "7"'
        os.rename(self.house.path("docs"), self.house.path(name))
        answer = self.house.get(f"/{quote(name)}/?archive=zip")
        self.assertEqual(answer.headers["content-type"], "application/zip")
        self.assertEqual(
            answer.headers["content-disposition"],
            "attachment; filename=\"Gr__e _7_.zip\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%227%22.zip",
        )
        self.assertNotIn("content-length", answer.headers)
        self.assertEqual(answer.headers["cache-control"], "no-cache")

    def test_top(self) -> None:
        """The whole storage is `files.zip`, without the private folder and partial uploads."""
        self.house.put_file(".PeerStor-old/x", b"private by its name")
        self.house.put_file("docs/.peerstor-0123.part", b"partial")
        self.assertEqual(self.house.ask("POST", "/api/upload/chunk?name=half&offset=0", b"partial").status, 200)
        self.assertEqual(
            list(self.zip("/?archive=zip")),
            ["docs/", "docs/a.txt", "docs/empty/", "docs/sub/", "docs/sub/deep/", "docs/sub/deep/b.txt"],
        )
        disposition = self.house.get("/?archive=zip").headers["content-disposition"]
        self.assertIn('filename="files.zip"', disposition)

    def test_asking_for_the_head(self) -> None:
        """HEAD tells the same head without walking anything; of what isn't there it is 404."""
        self.patch(walk.Walk, "begin", lambda self: self.fail("walked"))
        answer = self.house.ask("HEAD", "/docs/?archive=zip")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertIn("docs.zip", answer.headers["content-disposition"])
        self.assertEqual(self.house.ask("HEAD", "/docs2/?archive=zip").status, 404)

    def test_old_clients(self) -> None:
        """HTTP/1.0 knows no chunks: the end of the connection is the end of the archive."""
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET /docs/?archive=zip HTTP/1.0\r\n\r\n")
        self.house.settle()
        head, _, body = wire.value().partition(b"\r\n\r\n")
        self.assertNotIn(b"Transfer-Encoding", head)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(unzipped(Answer(200, {}, body))["a.txt"], b"first")
        channel.connectionLost(Failure(ConnectionError()))

    def test_another_kind(self) -> None:
        """A kind that isn't made is 400; what is no folder has no archive, and other parameters change nothing."""
        answer = self.house.get("/docs/?archive=rar", accept="application/json")
        self.assertEqual((answer.status, answer.json["error"]), (400, "bad_request"))
        self.assertEqual(self.house.get("/docs/?archive=zip&archive=zip").status, 400)
        self.assertEqual(self.house.get("/docs/a.txt?archive=zip").body, b"first")
        self.assertEqual(self.house.get("/nowhere/?archive=zip").status, 404)
        self.assertEqual(self.house.get("/docs/?archived=zip", accept="text/plain").body[:12], b"/docs/a.txt\n")

    def test_order_of_a_listing(self) -> None:
        """What a listing takes changes nothing, but is refused alike where it makes no sense."""
        self.assertEqual(self.house.get("/docs/?archive=zip&sort=size&order=desc&limit=1").status, 200)
        for query in ("limit=-1", "limit=0", "sort=colour", "order=up"):
            for method in ("GET", "HEAD"):
                self.assertEqual(self.house.ask(method, f"/docs/?archive=zip&{query}").status, 400, query)

    def test_without_slash(self) -> None:
        """A folder without its slash is sent to the one with it, wish and all."""
        answer = self.house.get("/docs?archive=zip&name=a.txt")
        self.assertEqual((answer.status, answer.headers["location"]), (307, "/docs/?archive=zip&name=a.txt"))

    def test_links_and_specials(self) -> None:
        """Symbolic links and what is neither file nor folder are left out, wherever they lead."""
        os.symlink("a.txt", self.house.path("docs", "link"))
        os.symlink("..", self.house.path("docs", "up"))
        os.symlink("/etc/passwd", self.house.path("docs", "out"))
        os.mkfifo(self.house.path("docs", "pipe"))
        self.assertEqual(list(self.zip()), ["a.txt", "empty/", "sub/", "sub/deep/", "sub/deep/b.txt"])


class Selection(ArchiveCase):
    def test_some(self) -> None:
        """Named entries are in it, and nothing beside them; what is named twice is there once."""
        found = self.zip("/docs/?archive=zip&name=a.txt&name=sub&name=a.txt")
        self.assertEqual(list(found), ["a.txt", "sub/", "sub/deep/", "sub/deep/b.txt"])

    def test_odd_names(self) -> None:
        """Names are bytes, percent-encoded."""
        for name in (b"caf\xe9", "ü&=+%".encode()):
            self.house.put_file(b"docs/" + name, name)
            found = self.zip(f"/docs/?archive=zip&name={quote(name)}")
            self.assertEqual(list(found.values()), [name])

    def test_absent(self) -> None:
        """What isn't there, or is none of a reader's business, is left out; where nothing is left it is 404."""
        os.symlink("a.txt", self.house.path("docs", "link"))
        self.house.put_file("docs/.peerstor-x", b"private")
        gone = "name=gone&name=.peerstor-x&name=link"
        self.assertEqual(list(self.zip(f"/docs/?archive=zip&{gone}&name=a.txt")), ["a.txt"])
        self.assertEqual(self.house.get(f"/docs/?archive=zip&{gone}").status, 404)

    def test_impossible(self) -> None:
        """A name that leads elsewhere is refused."""
        for name in ("..", ".", "", "sub/deep", "%2e%2e%2fdocs", "a%00"):
            answer = self.house.get(f"/docs/?archive=zip&name={name}", accept="application/json")
            self.assertEqual((answer.status, answer.json["error"]), (400, "bad_path"), name)


class Change(ArchiveCase):
    """What is there when it is listed, and isn't when it is opened or read."""

    def during(self, parts: tuple[bytes, ...], change: Callable[[], Any]) -> Answer:
        """Ask for the archive, with a change that comes when the walk has opened something."""
        met = archiving._member

        def member(one: walk.Met, mark: archiving.Mark) -> Any:
            if one.parts == parts:
                change()
            return met(one, mark)

        self.patch(archiving, "_member", member)
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET /docs/?archive=zip HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.house.settle()
        self.aborted = wire.aborted
        channel.connectionLost(Failure(ConnectionError()))
        body = wire.value().partition(b"\r\n\r\n")[2]
        return Answer(int(wire.value().split()[1]), {}, body)

    def test_shrinks(self) -> None:
        """A file that shrinks while it is read cuts the connection, and says so in one line: never a wrong whole."""
        self.house.put_file("docs/b", os.urandom(1_000_000))
        answer = self.during((b"b",), lambda: os.truncate(self.house.path("docs", "b"), 500_000))
        self.assertEqual((answer.status, self.aborted), (200, True))
        self.assertFalse(answer.body.endswith(CHUNKED))

    def test_grows(self) -> None:
        """A file that grows is in it as long as it was when it was opened."""

        def grow() -> None:
            with open(self.house.path("docs", "a.txt"), "ab") as file:
                file.write(b" and more")

        answer = self.during((b"a.txt",), grow)
        self.assertFalse(self.aborted)
        self.assertIn(b"first", answer.body)
        self.assertNotIn(b"and more", answer.body)
        self.assertEqual(self.house.content("docs/a.txt"), b"first and more")

    def test_vanishes(self) -> None:
        """What vanishes before it is opened is left out."""
        answer = self.during((b"a.txt",), lambda: os.rmdir(self.house.path("docs", "empty")))
        self.assertFalse(self.aborted)
        self.assertIn(b"sub/deep/b.txt", answer.body)
        self.assertNotIn(b"empty", answer.body)


class Limits(ArchiveCase):
    def limited(self, **limits: int) -> None:
        made = walk.Limits(**limits)
        self.patch(walk.Walk.__init__, "__kwdefaults__", {"names": (), "limits": made})

    def refused(self) -> None:
        answer = self.house.get("/docs/?archive=zip", accept="application/json")
        self.assertEqual((answer.status, answer.json["error"]), (413, "too_many_entries"))
        self.assertNotIn("content-disposition", answer.headers)

    def test_entries(self) -> None:
        """Too many entries are refused before the first byte; as many as may be aren't."""
        self.limited(entries=5)
        self.assertEqual(len(self.zip()), 5)
        self.limited(entries=4)
        self.refused()

    def test_depth(self) -> None:
        """So are folders too deep."""
        self.limited(depth=2)
        self.assertEqual(len(self.zip()), 5)
        self.limited(depth=1)
        self.refused()

    def test_names(self) -> None:
        """So are names too long together, which somebody has to remember until the end."""
        spelled = len("a.txtemptysubsub/deepsub/deep/b.txt")
        self.limited(spelled=spelled)
        self.assertEqual(len(self.zip()), 5)
        self.limited(spelled=spelled - 1)
        self.refused()

    def test_real(self) -> None:
        """The limits are 100,000 entries and 64 folders below each other."""
        self.assertEqual((walk.Limits().entries, walk.Limits().depth), (100_000, 64))
        deep = os.path.join(*["d"] * 64)
        os.makedirs(self.house.path("docs", deep))
        self.zip()
        os.mkdir(self.house.path("docs", deep, "d"))
        self.refused()


class AtOnce(ArchiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.threads = HeldThreads()
        face: Any = self.house.root._tree
        self.archives = face._face._archives
        self.archives._threads = self.threads

    def begin(self, remote: str) -> tuple[Any, Any]:
        """Ask as somebody, and leave the threads to be done."""
        channel, wire = self.house.connect()
        own, channel.address = channel.address, remote
        channel.dataReceived(
            b"GET /docs/?archive=zip HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
        )
        channel.address = own  # by which the site knows it
        return channel, wire

    def end(self, channel: Any) -> None:
        channel.connectionLost(Failure(ConnectionError()))
        self.threads.release_all()

    def test_one_client(self) -> None:
        """Of one address two are made at once; a third is told to come back. Who leaves makes room."""
        first, _ = self.begin("192.0.2.1")
        second, _ = self.begin("192.0.2.1")
        third, wire = self.begin("192.0.2.1")
        self.assertIn(b"429 ", wire.value())
        self.assertIn(b"Retry-After: ", wire.value())
        self.assertIn(b"too_many", wire.value())
        other, wire = self.begin("192.0.2.2")
        self.assertEqual(wire.value(), b"")
        self.end(first)
        again, wire = self.begin("192.0.2.1")
        self.assertEqual(wire.value(), b"")
        for channel in (second, third, other, again):
            self.end(channel)

    def test_all_clients(self) -> None:
        """In all there are eight; addresses of one IPv6 network count as one."""
        channels = [self.begin(f"2001:db8:0:{number // 2}::{number}")[0] for number in range(8)]
        self.assertEqual(self.archives._under_way.total(), 8)
        last, wire = self.begin("192.0.2.1")
        self.assertIn(b"429 ", wire.value())
        for channel in channels:
            self.end(channel)
        self.assertEqual(dict(self.archives._under_way), {})
        self.end(last)


class Rights(SynchronousTestCase):
    def test_read(self) -> None:
        """Who may list a folder may have it; who may only add to it, or nothing there, may not."""
        house = House(token="the owner's secret")
        self.addCleanup(house.close)
        house.put_file("docs/a.txt", b"first")
        house.put_file("other/canary.txt", b"canary")

        def status(rights: Right, *parts: bytes) -> int:
            secret = house.keyring.tokens.add(f"t{len(house.keyring.tokens.all())}", rights, parts, None)
            house.clock.advance(1)
            who = {"Authorization": f"Bearer {secret}"}
            return house.ask("GET", "/docs/?archive=zip", headers=who).status

        self.assertEqual(house.get("/docs/?archive=zip").status, 401)
        self.assertEqual(status(Right.READ), 200)
        self.assertEqual(status(Right.READ, b"docs"), 200)
        self.assertEqual(status(Right.READ, b"other"), 404)
        self.assertIn(status(Right.CREATE, b"docs"), (403, 404))


class Tar(ArchiveCase):
    def test_folder(self) -> None:
        """A tar has the same in it, by names that are kept to the byte."""
        self.house.put_file(b"docs/caf\xe9\\", b"third")
        answer = self.house.get("/docs/?archive=tar")
        self.assertEqual(answer.headers["content-type"], "application/x-tar")
        self.assertIn('filename="docs.tar"', answer.headers["content-disposition"])
        with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
            names = [os.fsencode(name) for name in archive.getnames()]
        self.assertEqual(names, [b"a.txt", b"caf\xe9\\", b"empty", b"sub", b"sub/deep", b"sub/deep/b.txt"])
        chosen = self.house.get("/docs/?archive=tar&name=caf%e9%5c")
        with tarfile.open(fileobj=io.BytesIO(chosen.body)) as archive:
            self.assertEqual(len(archive.getnames()), 1)


class Posted(ArchiveCase):
    """`POST /api/archive`, for more names than an address has room for."""

    FORM: ClassVar = {"Content-Type": "application/x-www-form-urlencoded"}

    def post(self, body: bytes, query: str = "dir=/docs&format=zip", **headers: str) -> Answer:
        return self.house.ask("POST", f"/api/archive?{query}", body, {**self.FORM, **headers})

    def test_names(self) -> None:
        """The fields `name` pick the folder's entries, to the byte; without any it is all of them."""
        self.house.put_file(b"docs/caf\xe9 &.txt", b"third")
        answer = self.post(b"name=a.txt&name=caf%E9+%26.txt&other=sub")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/zip"))
        self.assertIn("docs.zip", answer.headers["content-disposition"])
        self.assertEqual(list(unzipped(answer).values()), [b"first", b"third"])
        self.assertEqual(len(unzipped(self.post(b""))), 6)
        self.assertEqual(unzipped(self.post(b"name=docs", "format=zip"))["docs/a.txt"], b"first")
        self.assertEqual(self.post(b"", "dir=/docs/sub/&format=tar").headers["content-type"], "application/x-tar")

    def test_many(self) -> None:
        """Ten thousand names are taken, and no more."""
        names = b"&".join(b"name=%04d" % number for number in range(9_999))
        self.assertEqual(list(unzipped(self.post(names + b"&name=a.txt"))), ["a.txt"])
        answer = self.post(names + b"&name=a.txt&name=sub")
        self.assertEqual((answer.status, answer.json["error"]), (400, "bad_request"))
        self.assertEqual(self.post(b"name=" + b"x" * 8 * 1024 * 1024).status, 413)

    def test_refused(self) -> None:
        """What isn't understood is refused, each for its reason."""
        for query, body, code in (
            ("dir=/docs", b"", "bad_request"),
            ("dir=/docs&format=rar", b"", "bad_request"),
            ("dir=/docs/../x&format=zip", b"", "bad_path"),
            ("dir=/docs&format=zip", b"name=sub%2fdeep", "bad_path"),
            ("dir=/docs&format=zip", b"name=..", "bad_path"),
            ("dir=/docs&format=zip", b"name=gone", "not_found"),
            ("dir=/gone&format=zip", b"", "not_found"),
            ("dir=/docs/a.txt&format=zip", b"", "not_found"),
            ("dir=/.peerstor&format=zip", b"", "not_found"),
        ):
            self.assertEqual(self.post(body, query).json["error"], code, (query, body))
        self.assertEqual(self.post(b"{}", **{"Content-Type": "application/json"}).status, 415)
        self.assertEqual(self.house.get("/api/archive?dir=/docs&format=zip").status, 405)

    def test_other_sites(self) -> None:
        """A page of another site can't have it made."""
        self.assertEqual(self.post(b"", Origin="http://evil.example").json["error"], "cross_site")
        self.assertEqual(self.post(b"", Origin="http://localhost").status, 200)

    def test_turn(self) -> None:
        """Whoever has too many archives is told so before the names are read."""
        self.patch(archiving, "AT_ONCE_EACH", 0)
        channel, wire = self.house.connect()
        channel.dataReceived(
            b"POST /api/archive?format=zip HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 429 "), wire.value())
        channel.connectionLost(Failure(ConnectionError()))
