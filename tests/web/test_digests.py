"""Bytes that come with a digest, through the whole of the web room."""

import base64
import hashlib
import os
from typing import Any

from blake3 import blake3
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House

BODY = b"hello world"


def field(data: bytes, algorithm: str = "sha-256") -> str:
    value = hashlib.new(algorithm.replace("-", ""), data).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


GOOD = (
    field(BODY),
    field(BODY, "sha-512"),
    f"{field(BODY)}, {field(BODY, 'sha-512')}",
    f"md5=1, {field(BODY)}",
    "md5=:AA==:",
    "",
)
WRONG = (field(b"x"), field(b"x", "sha-512"), f"{field(BODY)}, {field(b'x', 'sha-512')}")
BROKEN = (
    "sha-256",
    "sha-256=1",
    "sha-256=:AA==:",
    "sha-512=" + field(BODY)[8:],
    field(BODY)[:-1],
    field(BODY) + ",",
    "é",
)


class Digests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(anonymous="full")
        self.addCleanup(self.house.close)

    def parts(self) -> list[str]:
        return os.listdir(self.house.path(".peerstor", "parts"))

    def told(self, answer: Answer) -> tuple[int, str]:
        return answer.status, answer.json["error"]


class Chunks(Digests):
    def chunk(self, offset: int, said: str, body: bytes = BODY) -> Answer:
        return self.house.ask("POST", f"/api/upload/chunk?name=f&offset={offset}", body, {"Content-Digest": said})

    def offset(self) -> Any:
        return self.house.get("/api/upload/offset?name=f").json["offset"]

    def test_true(self) -> None:
        """A chunk that is what its digests say is taken; an algorithm that isn't known says nothing."""
        for count, said in enumerate(GOOD):
            self.assertEqual(
                self.chunk(count * len(BODY), said).json, {"nextOffset": (count + 1) * len(BODY)}, said
            )

    def test_false(self) -> None:
        """A chunk that isn't is refused with the offset, which has not moved."""
        self.chunk(0, GOOD[0])
        for said in WRONG:
            answer = self.chunk(11, said)
            self.assertEqual((*self.told(answer), answer.json["offset"]), (400, "digest_mismatch", 11), said)
            self.assertEqual(self.offset(), 11)

    def test_broken(self) -> None:
        """A digest that can't be read is refused before a byte of the body is taken."""
        for said in BROKEN:
            channel, wire = self.house.connect()
            channel.dataReceived(
                b"POST /api/upload/chunk?name=f&offset=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n"
                b"Expect: 100-continue\r\nContent-Digest: " + said.encode() + b"\r\n\r\n"
            )
            self.assertTrue(wire.value().startswith(b"HTTP/1.1 400 "), said)
            self.assertIn(b'"bad_request"', wire.value())
        self.assertEqual(self.parts(), [])

    def test_cut(self) -> None:
        """Of a chunk that broke off nothing is kept."""
        channel, _ = self.house.connect()
        head = "POST /api/upload/chunk?name=f&offset=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n"
        channel.dataReceived(f"{head}Content-Digest: {GOOD[0]}\r\n\r\n".encode() + BODY[:5])
        self.house.clock.advance(1)
        channel.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.offset(), 0)

    def test_refused(self) -> None:
        """Neither a `Repr-Digest`, which speaks of the whole file, nor a digest in a query is looked at in a chunk."""
        fields = {"Repr-Digest": WRONG[0]}
        answer = self.house.ask("POST", "/api/upload/chunk?name=f&offset=0&digest=x", BODY, fields)
        self.assertEqual(answer.status, 200)


class Completes(Digests):
    def setUp(self) -> None:
        super().setUp()
        self.house.ask("POST", "/api/upload/chunk?name=f&offset=0", BODY)

    def complete(self, said: str) -> Answer:
        return self.house.ask("POST", f"/api/upload/complete?name=f&size=11&digest={said}", b"")

    def test_true(self) -> None:
        """A file that is what it should be is published, whichever algorithm says so."""
        for said in (
            f"sha-256:{hashlib.sha256(BODY).hexdigest()}", f"sha-256%3A{hashlib.sha256(BODY).hexdigest().upper()}",
            f"sha-512:{hashlib.sha512(BODY).hexdigest()}", f"blake3:{blake3(BODY).hexdigest()}",
        ):  # fmt: skip
            self.house.ask("POST", "/api/upload/chunk?name=f&offset=0", BODY)
            self.assertEqual(self.complete(said).json["status"], "ok", said)

    def test_false(self) -> None:
        """A file that isn't stays an upload, with its offset told; it may still be completed."""
        for said in (f"sha-256:{'0' * 64}", f"blake3:{'0' * 64}", f"sha-512:{'0' * 128}"):
            answer = self.complete(said)
            self.assertEqual((*self.told(answer), answer.json["offset"]), (400, "digest_mismatch", 11), said)
        self.assertEqual(self.house.get("/f").status, 404)
        self.assertEqual(self.complete(f"sha-256:{hashlib.sha256(BODY).hexdigest()}").status, 200)

    def test_malformed(self) -> None:
        """A digest that is none is refused, and changes nothing."""
        whole = hashlib.sha256(BODY).hexdigest()
        for said in (
            "", whole, f"sha-256={whole}", f"sha256:{whole}", f"md5:{whole[:32]}", f"sha-256:{whole[:-1]}", f"sha-256:{whole}0",
            f"SHA-256:{whole}", f"sha-512:{whole}", f"sha-256:{whole[:-1]}g", f"sha-256:{whole}&digest=x", f"sha-256:+{whole}",
            f"sha-256:{whole[:62]}%D9%A3", f"sha-256:{whole}%0A",
        ):  # fmt: skip
            self.assertEqual(self.told(self.complete(said)), (400, "bad_request"), said)
        self.assertEqual(self.house.get("/f").status, 404)

    def test_repeated(self) -> None:
        """A repeat with the same digest is told the same, and one with another is refused."""
        said = f"sha-256:{hashlib.sha256(BODY).hexdigest()}"
        first = self.complete(said)
        self.assertEqual(self.complete(said).json, first.json)
        self.assertEqual(self.told(self.complete(f"sha-256:{'0' * 64}")), (400, "digest_mismatch"))
        self.assertEqual(self.told(self.complete(f"sha-512:{'0' * 128}")), (400, "bad_request"))


class Puts(Digests):
    def test_put(self) -> None:
        """A file is put when it is what its digests say; else what was there stays, and nothing is left behind."""
        for name in ("Content-Digest", "Repr-Digest"):
            for said in GOOD:
                self.assertIn(self.house.ask("PUT", "/f", BODY, {name: said}).status, (201, 204))
            self.house.put_file("f", b"old")
            for cases, code in ((WRONG, "digest_mismatch"), (BROKEN, "bad_request")):
                for said in cases:
                    answer = self.house.ask("PUT", "/f", BODY, {name: said, "Accept": "application/json"})
                    self.assertEqual(self.told(answer), (400, code), said)
            self.assertEqual((self.house.content("f"), self.parts()), (b"old", []))

    def test_both(self) -> None:
        """Where there are both, both have to be true."""
        for content, whole, status in (
            (GOOD[0], GOOD[0], 201),
            (GOOD[0], WRONG[0], 400),
            (WRONG[0], GOOD[0], 400),
        ):
            answer = self.house.ask("PUT", f"/{status}", BODY, {"Content-Digest": content, "Repr-Digest": whole})
            self.assertEqual(answer.status, status)
