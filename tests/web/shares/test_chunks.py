"""The resumable upload API below an upload-only share."""

from typing import Any, ClassVar

from twisted.python.failure import Failure

from tests.fakes import HeldThreads
from tests.web.house import Answer
from tests.web.shares.scaffold import HTML, OWNER, SharingCase

ANN, BOB = {"User-Agent": "ann"}, {"User-Agent": "bob"}


class Resuming(SharingCase):
    fields: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        super().setUp()
        self.address = self.share(mode="upload", **self.fields)

    def call(self, verb: str, query: str = "name=f", body: bytes = b"", who: dict[str, str] = ANN) -> Answer:
        method = "GET" if verb == "offset" else "POST"
        return self.ask(method, f"{self.address}/upload/{verb}?{query}", body if method == "POST" else None, who)

    def cut(self, offset: int, body: bytes, length: int) -> None:
        """Send the beginning of a chunk, and be gone."""
        channel, _ = self.house.connect()
        head = f"POST {self.address}/upload/chunk?name=f&offset={offset} HTTP/1.1\r\nHost: localhost\r\n"
        channel.dataReceived(f"{head}User-Agent: ann\r\nContent-Length: {length}\r\n\r\n".encode() + body)
        channel.connectionLost(Failure(ConnectionError()))
        for _ in range(10):
            self.house.clock.advance(0.1)


class Story(Resuming):
    def test_whole(self) -> None:
        """Offset, chunks, complete, as ever; the answer tells the wished name, and the maker who it was."""
        self.assertEqual(self.call("offset").json, {"offset": 0})
        self.assertEqual(self.call("chunk", "name=a.txt&offset=0", b"hello ").json, {"nextOffset": 6})
        self.cut(0, b"x", 9)
        self.assertEqual(self.call("offset").json, {"offset": 1})
        self.assertEqual(self.call("chunk", "name=a.txt&offset=5", b"x").json["offset"], 6)
        self.assertEqual(self.call("chunk", "name=a.txt&offset=6", b"world").json, {"nextOffset": 11})
        done = self.call("complete", "name=a.txt&size=11&sender=Ann&note=hi&conflict=replace")
        self.assertEqual((done.status, done.json["path"], done.json["href"]), (200, "/a.txt", None))
        self.assertEqual(self.house.content("shared/a (2).txt"), b"hello world")
        self.assertEqual(self.call("complete", "name=a.txt&size=11&sender=Ann").json, done.json)
        [delivery] = self.told()["deliveries"]
        self.assertEqual((delivery["sender"], delivery["note"]), ("Ann", "hi"))
        self.assertEqual(delivery["files"], [{"name": "a.txt", "size": 11}])

    def test_apart(self) -> None:
        """Two visitors don't get into each other's uploads: by ticket, or by address and program."""
        one, two = (self.cookie(self.get(self.address, HTML)) for _ in range(2))
        for number, who in enumerate((ANN, BOB, one, two), 1):
            self.assertEqual(self.call("chunk", "name=f&offset=0", b"x" * number, who).status, 200)
        for number, who in enumerate((ANN, BOB, one, two), 1):
            self.assertEqual(self.call("offset", who=who).json, {"offset": number})
        self.assertEqual(self.house.get("/api/upload/offset?dir=/shared&name=f", **OWNER).json, {"offset": 0})

    def test_only_there(self) -> None:
        """There is no other folder."""
        for query in ("dir=/sub&name=f", "dir=/..&name=f", "dir=/shared&name=f", "dir=out&name=f"):
            self.assertEqual(self.call("chunk", f"{query}&offset=0", b"x").status, 404, query)
        for query in ("name=../f", "name=sub/f", "name=.peerstor", "name=", "name=%00"):
            self.assertEqual(self.call("chunk", f"{query}&offset=0", b"x").status, 400, query)
        self.assertEqual(self.call("chunk", "dir=/&name=f&offset=0", b"x").status, 200)

    def test_not_of_a_read_share(self) -> None:
        """Where files are only shown there is no such call."""
        self.address = self.share()
        for verb in ("offset", "chunk", "complete", "abandon"):
            self.assertIn(self.call(verb, "name=f&offset=0&size=0").status, (403, 404))

    def test_id_in_no_record(self) -> None:
        """Those who are told of the upload aren't told the id."""
        self.call("chunk", "name=f&offset=0", b"x")
        self.call("complete", "name=f&size=1")
        self.assertNotIn(self.id, str(self.house.audit.noted))
        with open(f"{self.house.folder}/uploads.sqlite", "rb") as file:
            self.assertNotIn(self.id.encode(), file.read())


class Limited(Resuming):
    fields: ClassVar[dict[str, Any]] = {"max_bytes": 10}

    def test_limit(self) -> None:
        """The pieces of an upload count as they come, once each; no more than is allowed."""
        self.assertEqual(self.call("chunk", "name=f&offset=0", b"123456").status, 200)
        self.assertEqual(self.call("chunk", "name=f&offset=0", b"1234").json["error"], "offset_mismatch")
        self.assertEqual(self.told()["bytes"], 6)
        refused = self.call("chunk", "name=f&offset=6", b"12345")
        self.assertEqual((refused.status, refused.json["left"]), (507, 4))
        self.assertEqual(self.call("chunk", "name=f&offset=6", b"1234").status, 200)
        self.assertEqual(self.call("complete", "name=f&size=10").status, 200)
        self.assertEqual(self.told()["bytes"], 10)
        self.assertEqual(self.call("chunk", "name=g&offset=0", b"1", BOB).status, 507)

    def test_cut(self) -> None:
        """What arrived of a body that broke off counts, and the rest is free."""
        self.cut(0, b"123", 10)
        self.assertEqual((self.call("offset").json, self.told()["bytes"]), ({"offset": 3}, 3))
        self.assertEqual(self.call("chunk", "name=f&offset=3", b"4567890").status, 200)

    def test_abandoned(self) -> None:
        """What is abandoned may be sent again."""
        self.call("chunk", "name=f&offset=0", b"1234567890")
        self.assertEqual(self.call("abandon").json, {"status": "ok", "abandoned": True})
        self.assertEqual(self.call("abandon").json, {"status": "ok", "abandoned": False})
        self.assertEqual(self.told()["bytes"], 0)
        self.assertEqual(self.call("chunk", "name=f&offset=0", b"1234567890").status, 200)

    def test_abandoned_while_it_comes(self) -> None:
        """Bytes are given back once they were counted: whoever abandons what is still coming gains nothing."""
        self.assertEqual(self.ask("PUT", f"{self.address}/real", b"12345678").status, 201)
        for _ in range(3):
            channel, wire = self.house.connect()
            head = f"POST {self.address}/upload/chunk?name=f&offset=0&session=s HTTP/1.1\r\nHost: localhost\r\n"
            channel.dataReceived(f"{head}User-Agent: ann\r\nContent-Length: 2\r\n\r\n1".encode())
            self.assertEqual(self.call("abandon", "name=f&session=s").json["abandoned"], True)
            self.house.settle()
            self.assertIn(b" 409 ", wire.value())
            channel.connectionLost(Failure(ConnectionError()))
            self.assertEqual(self.told()["bytes"], 8)

    def test_completed_while_it_comes(self) -> None:
        """What is published before the call that brought it has ended counts."""
        channel, _ = self.house.connect()
        head = f"POST {self.address}/upload/chunk?name=f&offset=0&session=s HTTP/1.1\r\nHost: localhost\r\n"
        channel.dataReceived(f"{head}User-Agent: ann\r\nContent-Length: 10\r\n\r\n123456789".encode())
        self.assertEqual(self.call("complete", "name=f&size=9&session=s").status, 200)
        self.house.settle()
        channel.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.told()["bytes"], 9)

    def test_limit_of_now(self) -> None:
        """A limit that its maker sets, moves or takes away holds for what is coming already."""
        channel, wire = self.house.connect()
        head = f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        channel.dataReceived(head.encode() + b"5\r\n12345\r\n")
        self.api("PATCH", f"/{self.id}", {"max_bytes": None})
        channel.dataReceived(b"a\r\n1234567890\r\n0\r\n\r\n")
        self.house.settle()
        self.assertIn(b" 201 ", wire.value())

    def test_gone_before_the_answer(self) -> None:
        """Whoever leaves as soon as the last byte is sent has sent it all the same."""
        channel, _ = self.house.connect()
        head = f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
        channel.dataReceived(head.encode() + b"1234567890")
        channel.connectionLost(Failure(ConnectionError()))
        for _ in range(10):
            self.house.clock.advance(0.1)
        self.assertEqual((self.house.content("shared/f"), self.told()["bytes"]), (b"1234567890", 10))
        self.assertEqual(len(self.told()["deliveries"]), 1)

    def test_gone_while_it_is_published(self) -> None:
        """Whoever leaves after asking for the end is the sender all the same, and once."""
        self.call("chunk", "name=f&offset=0", b"123")
        held = HeldThreads()
        restore = self.patch(self.house.engine._disk, "_threads", held)
        channel, _ = self.house.connect()
        head = f"POST {self.address}/upload/complete?name=f&size=3&sender=Ann HTTP/1.1\r\nHost: localhost\r\n"
        channel.dataReceived(f"{head}User-Agent: ann\r\nContent-Length: 0\r\n\r\n".encode())
        channel.connectionLost(Failure(ConnectionError()))
        held.release_all()
        restore.restore()
        self.assertEqual(self.call("complete", "name=f&size=3&sender=Ann").status, 200)
        self.assertEqual([one["sender"] for one in self.told()["deliveries"]], ["Ann"])
        self.assertIn("delivery", [one["event"] for one in self.house.audit.noted])
