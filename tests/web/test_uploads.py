"""The resumable upload API through the whole of the web room."""

import os
from typing import Any

from blake3 import blake3
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House


class Api(SynchronousTestCase):
    level = "create"

    def setUp(self) -> None:
        self.house = House(anonymous=self.level)
        self.addCleanup(self.house.close)

    def offset(self, query: str = "name=f") -> Any:
        return self.house.get(f"/api/upload/offset?{query}").json

    def chunk(self, offset: int | str, body: bytes, query: str = "name=f", **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.house.ask("POST", f"/api/upload/chunk?{query}&offset={offset}", body, fields)

    def complete(self, size: int | str, query: str = "name=f") -> Answer:
        return self.house.ask("POST", f"/api/upload/complete?{query}&size={size}", b"")


class Uploading(Api):
    def test_whole_story(self) -> None:
        """Offset, chunks, complete: exactly the answers that the API promises."""
        self.assertEqual(self.offset(), {"offset": 0})
        self.assertEqual(self.chunk(0, b"hello ").json, {"nextOffset": 6})
        self.assertEqual(self.offset(), {"offset": 6})
        self.assertEqual(self.chunk(6, b"world").json, {"nextOffset": 11})
        done = self.complete(11)
        self.assertEqual((done.status, done.json["status"], done.json["path"]), (200, "ok", "/f"))
        self.assertEqual(done.json["blake3"], blake3(b"hello world").hexdigest())
        self.assertEqual(self.house.content("f"), b"hello world")

    def test_dir(self) -> None:
        """An upload goes to its folder; its name there is another upload than the same name elsewhere."""
        self.house.put_file("sub dir/x")
        self.chunk(0, b"root")
        for spelling in ("%2Fsub%20dir", "/sub+dir/", "sub%20dir"):
            self.assertEqual(self.offset(f"dir={spelling}&name=f"), {"offset": 0})
        self.chunk(0, b"sub", "dir=/sub%20dir&name=f")
        self.assertEqual(self.complete(3, "dir=/sub%20dir/&name=f").json["path"], "/sub dir/f")
        self.assertEqual(self.offset("dir=/&name=f"), {"offset": 4})

    def test_wrong_offset(self) -> None:
        """Another offset than the present one is 409 with it, and changes nothing."""
        self.chunk(0, b"12345")
        for wrong in (0, 4, 6, 2**63 - 1):
            answer = self.chunk(wrong, b"x")
            self.assertEqual(
                (answer.status, answer.json["error"], answer.json["offset"]), (409, "offset_mismatch", 5)
            )
            self.assertEqual(answer.json["message"], "The upload is at byte 5.")
        self.assertEqual(self.offset(), {"offset": 5})

    def test_wrong_size(self) -> None:
        """A wrong size at the end is 409 with the offset; nothing is lost."""
        self.chunk(0, b"12345")
        for wrong in (0, 4, 6):
            answer = self.complete(wrong)
            self.assertEqual((answer.status, answer.json["offset"]), (409, 5))
        self.assertEqual(self.complete(5).status, 200)

    def test_complete_of_nothing(self) -> None:
        """Completing what was never begun is 409 at byte 0; a file of no bytes needs no chunk."""
        answer = self.complete(5)
        self.assertEqual((answer.status, answer.json["error"], answer.json["offset"]), (409, "offset_mismatch", 0))
        self.assertEqual(self.complete(0).json["status"], "ok")
        self.assertEqual(self.house.content("f"), b"")

    def test_repeat(self) -> None:
        """A repeated complete gives the same answer and publishes nothing."""
        self.chunk(0, b"12345")
        first, second = self.complete(5), self.complete(5)
        self.assertEqual(first.json, second.json)
        self.assertEqual([n for n in os.listdir(self.house.storage) if not n.startswith(".")], ["f"])

    def test_name_that_exists(self) -> None:
        """A taken name is numbered, refused, or replaced, as the client wishes and may."""
        self.house.put_file("f", b"old")
        self.chunk(0, b"new")
        self.assertEqual(self.complete(3, "name=f&conflict=refuse").json["error"], "exists")
        self.assertEqual(self.complete(3, "name=f&conflict=replace").json["error"], "forbidden")
        self.assertEqual(self.complete(3).json["path"], "/f (2)")
        self.assertEqual(self.house.content("f"), b"old")

    def test_numbers(self) -> None:
        """Anything but ASCII digits from 0 to 2^63-1 is `bad_number`, named."""
        for bad in ("", "-1", "%2B1", "1_0", "%201", "1.0", "0x1", "%D9%A3", str(2**63), "9" * 30, "a"):
            answer = self.chunk(bad, b"x")
            self.assertEqual((answer.status, answer.json["error"]), (400, "bad_number"), bad)
            self.assertEqual(answer.json["message"], "offset must be a whole number from 0 to 2^63-1.")
            self.assertEqual(self.complete(bad).json["error"], "bad_number")
        self.assertEqual(self.house.ask("POST", "/api/upload/complete?name=f", b"").json["error"], "bad_number")
        self.assertEqual(self.chunk("0", b"x", "name=f&size=x").json["error"], "bad_number")

    def test_names(self) -> None:
        """Bad names and folders are refused by their codes; a missing name too."""
        for query, status, code in (
            ("name=", 400, "bad_name"), ("name=a%2Fb", 400, "bad_name"), ("name=..", 400, "bad_name"),
            ("name=a%0a", 400, "bad_name"), ("name=.peerstor", 400, "bad_name"), (f"name={'x' * 256}", 400, "bad_name"),
            ("dir=/..&name=f", 400, "bad_path"), ("dir=/a//b&name=f", 400, "bad_path"), ("dir=/%00&name=f", 400, "bad_path"),
            ("dir=/nowhere&name=f", 409, "no_parent"), ("dir=/.peerstor&name=f", 404, "not_found"),
            ("dir=/", 400, "bad_request"), ("name=f&name=g", 400, "bad_request"),
        ):  # fmt: skip
            answer = self.chunk(0, b"x", query)
            self.assertEqual((answer.status, answer.json["error"]), (status, code), query)
        self.assertEqual(os.listdir(self.house.path(".peerstor", "parts")), [])

    def test_other_upload(self) -> None:
        """This week's file never continues last week's."""
        query = "name=f&size=10&fingerprint=aaa"
        self.chunk(0, b"12345", query)
        self.house.wall += 100
        for other in ("name=f&size=10&fingerprint=bbb", "name=f&size=11&fingerprint=aaa"):
            for answer in (self.house.get(f"/api/upload/offset?{other}"), self.chunk(5, b"x", other)):
                self.assertEqual((answer.status, answer.json["error"]), (409, "other_upload"))
                self.assertEqual((answer.json["offset"], answer.json["age"]), (5, 100))
        self.assertEqual(self.offset(query), {"offset": 5})
        abandoned = self.house.ask("POST", "/api/upload/abandon?name=f", b"")
        self.assertEqual((abandoned.status, abandoned.json["status"]), (200, "ok"))
        self.assertEqual(self.offset("name=f&size=10&fingerprint=bbb"), {"offset": 0})

    def test_more_than_said(self) -> None:
        """A body that would exceed the stated size is refused before a byte of it is taken."""
        answer = self.chunk(0, b"x" * 11, "name=f&size=10")
        self.assertEqual((answer.status, answer.json["error"]), (413, "too_large"))
        self.assertEqual(self.offset(), {"offset": 0})

    def test_cut(self) -> None:
        """A connection cut in the middle keeps what arrived."""
        channel, _ = self.house.connect()
        channel.dataReceived(
            b"POST /api/upload/chunk?name=f&offset=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234"
        )
        channel.connectionLost(Failure(ConnectionError()))
        for _ in range(10):
            self.house.clock.advance(0.1)
        self.assertEqual(self.offset(), {"offset": 5})
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_expect(self) -> None:
        """A 100 comes only after the checks have passed."""
        self.chunk(0, b"12345")
        for offset, begins in ((4, b"HTTP/1.1 409 "), (5, b"HTTP/1.1 100 ")):
            channel, wire = self.house.connect()
            channel.dataReceived(
                b"POST /api/upload/chunk?name=f&offset=%d HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n" % offset
            )
            self.assertTrue(wire.value().startswith(begins), wire.value()[:40])

    def test_two_writers(self) -> None:
        """While one writer makes progress, another is refused at once, and disturbs nothing."""
        head = b"POST /api/upload/chunk?name=f&offset=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
        channel, wire = self.house.connect()
        channel.dataReceived(head + b"01234")
        answer = self.chunk(0, b"x")
        self.assertEqual((answer.status, answer.json["error"]), (409, "busy"))
        self.assertIn("retry-after", answer.headers)
        self.assertIn("offset", answer.json)
        self.assertEqual(self.complete(5).json["error"], "busy")
        channel.dataReceived(b"56789")
        self.assertIn(b'"nextOffset": 10', wire.value())

    def test_session(self) -> None:
        """A client that names its session takes its older connection over; with another one it is busy."""
        head = b"POST /api/upload/chunk?name=f&offset=0&session=%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
        for session in ("mine", "%C3%BC%26"):
            channel, wire = self.house.connect()
            channel.dataReceived(head % session.encode() + b"01234")
            self.assertEqual(self.chunk(5, b"x", "name=f&session=yours").json["error"], "busy")
            self.assertEqual(self.offset(f"name=f&session={session}"), {"offset": 0})  # not yet written
            answer = self.chunk(0, b"x", f"name=f&session={session}")
            self.assertEqual((answer.status, answer.json["offset"]), (409, 5))
            self.assertIn(b'"busy"', wire.value())
            self.assertEqual(self.chunk(5, b"!", f"name=f&session={session}").json, {"nextOffset": 6})
            self.house.ask("POST", f"/api/upload/abandon?name=f&session={session}", b"")

    def test_odd_session(self) -> None:
        """A session that is empty, too long, no text or given twice is refused by every call."""
        for odd in ("session=", f"session={'x' * 1025}", "session=%ff", "session=a&session=b"):
            answers = [
                self.house.get(f"/api/upload/offset?name=f&{odd}"),
                self.chunk(0, b"x", f"name=f&{odd}"),
                self.complete(0, f"name=f&{odd}"),
                self.house.ask("POST", f"/api/upload/abandon?name=f&{odd}", b""),
            ]
            self.assertEqual(
                {(answer.status, answer.json["error"]) for answer in answers}, {(400, "bad_request")}, odd
            )

    def test_coded_chunk(self) -> None:
        """A coded body is refused."""
        self.assertEqual(self.chunk(0, b"x", Content_Encoding="gzip").json["error"], "bad_type")

    def test_partial_is_nowhere_to_be_seen(self) -> None:
        """What isn't complete is in no listing and at no address."""
        self.chunk(0, b"12345")
        self.assertEqual(self.house.get("/", Accept="application/json").json["entries"], [])
        self.assertEqual(self.house.get("/f").status, 404)

    def test_expiry(self) -> None:
        """A partial upload that hasn't moved for the expiry period is gone."""
        self.chunk(0, b"12345")
        self.house.wall += 7 * 86400 + 1
        self.successResultOf(self.house_expire())
        self.assertEqual(self.offset(), {"offset": 0})
        self.assertEqual(os.listdir(self.house.path(".peerstor", "parts")), [])

    def house_expire(self) -> Any:
        return Deferred.fromCoroutine(self.house.engine.expire())


class Replacing(Api):
    level = "full"

    def test_replace(self) -> None:
        """Who may change can replace by name."""
        self.house.put_file("f", b"old")
        self.chunk(0, b"new")
        self.assertEqual(self.complete(3, "name=f&conflict=replace").json["path"], "/f")
        self.assertEqual(self.house.content("f"), b"new")
