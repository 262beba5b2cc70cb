"""Requests that are small to send and would be large to serve."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House

FILE = b'Content-Disposition: form-data; name="f"; filename="%s"\r\n'
FIELD = b'Content-Disposition: form-data; name="f"\r\n'
END = b"\r\n--b--\r\n"


class Bombs(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(anonymous="full")
        self.addCleanup(self.house.close)

    def post(self, body: bytes, boundary: bytes = b"b") -> Answer:
        kind = f"multipart/form-data; boundary={boundary.decode()}"
        return self.house.ask("POST", "/", body, {"Content-Type": kind, "Accept": "application/json"})

    def names(self) -> set[str]:
        return set(os.listdir(self.house.storage)) - {".peerstor"}

    def test_many_parts(self) -> None:
        """The part beyond ten thousand ends the form; so does the field beyond a hundred."""
        fields = b"--b\r\n" + FIELD + b"\r\nv\r\n"
        self.assertEqual(self.post(fields * 101 + b"--b--\r\n").status, 400)
        empty = b"--b\r\n" + FILE % b"" + b"\r\n\r\n"
        self.assertEqual(self.post(empty * 10_000 + b"--b--\r\n").json["message"], "No file was chosen.")
        answer = self.post(empty * 10_001 + b"--b--\r\n")
        self.assertEqual(answer.status, 400)
        self.assertIn("too many", answer.json["message"])
        self.assertEqual(self.names(), set())

    def test_headers_of_parts(self) -> None:
        """A megabyte of one header, and a thousand headers, end the form."""
        for head in (FILE % (b"x" * 1_000_000), FILE % b"x" + b"X: y\r\n" * 1000, b"X" * 1_000_000):
            body = b"--b\r\n" + head + b"\r\ncontent" + END
            self.assertEqual(self.post(body).status, 400)
        self.assertEqual(self.names(), set())

    def test_no_last_boundary(self) -> None:
        """A form that never ends is told so, and its last file isn't stored as if it were whole."""
        whole = b"--b\r\n" + FILE % b"whole" + b"\r\ncontent\r\n"
        for end in (
            b"--b\r\n" + FILE % b"cut" + b"\r\nconte",
            b"--b\r\n" + FILE % b"cut",
            b"--b",
            b"",
            b"--b-\r\n",
        ):
            self.assertEqual(self.post(whole + end).status, 400, end)
        self.assertNotIn("cut", self.names())

    def test_boundaries(self) -> None:
        """A boundary has 1 to 70 characters (RFC 2046, section 5.1.1); another is no form at all."""
        for length, status in ((1, 201), (70, 201), (71, 415), (5000, 415)):
            mark = b"z" * length
            body = b"--" + mark + b"\r\n" + FILE % b"%d" % length + b"\r\nx\r\n--" + mark + b"--\r\n"
            self.assertEqual(self.post(body, mark).status, status, length)
        for mark in (b'""', b"\xff".decode("latin-1").encode(), b'"b\tb"'):
            self.assertEqual(self.post(b"--b--\r\n", mark).status, 415, mark)

    def test_nested(self) -> None:
        """A form within a form is the content of its part, and no more."""
        inner = b"--c\r\n" + FILE % b"inner" + b"\r\nx\r\n--c--\r\n"
        part = FILE % b"outer" + b"Content-Type: multipart/mixed; boundary=c\r\n\r\n" + inner
        self.assertEqual(self.post(b"--b\r\n" + part + END).status, 201)
        self.assertEqual(self.names(), {"outer"})
        self.assertEqual(self.house.content("outer"), inner)

    def test_ranges(self) -> None:
        """Ranges never make an answer larger than the file and a head for each of 16 parts."""
        self.house.put_file("file", bytes(10_000))
        for ranges in (
            ",".join(["0-"] * 1000),
            ",".join(f"{n}-{n}" for n in range(0, 1000, 2)),
            ",".join(["-1"] * 3000),
            ",".join(f"0-{n}" for n in range(1000)),
            ",".join(["5-6", "0-"] * 500),
        ):
            answer = self.house.get("/file", Range=f"bytes={ranges}")
            self.assertIn(answer.status, (200, 206))
            self.assertLess(len(answer.body), 10_000 + 16 * 200)

    def test_parameters(self) -> None:
        """A hundred parameters are read, one more is refused, whatever separates or spells them."""
        for count, status in ((100, 200), (101, 400), (4000, 400)):
            for field in ("a=1", "", "a", "%61="):
                target = "/?" + "&".join([field] * count)
                if len(target) <= 8192:
                    self.assertEqual(self.house.get(target).status, status, (count, field))

    def test_inflation(self) -> None:
        """A coded body is never inflated: 415, whichever way it comes."""
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip"):
            fields = {"Content-Encoding": coding}
            self.assertEqual(self.house.ask("PUT", "/new", b"x", fields).status, 415, coding)
            target = "/api/upload/chunk?name=new&offset=0"
            self.assertEqual(self.house.ask("POST", target, b"x", fields).status, 415, coding)
            form = {**fields, "Content-Type": "multipart/form-data; boundary=b"}
            body = b"--b\r\n" + FILE % b"new" + b"\r\nx" + END
            self.assertEqual(self.house.ask("POST", "/", body, form).status, 415, coding)
        self.assertEqual(self.names(), set())

    def test_long_names(self) -> None:
        """Names and paths of any length are refused or absent, not errors."""
        for length in (255, 256, 4000):
            self.assertIn(self.house.get("/" + "n" * length).status, (404,), length)
            self.assertEqual(self.house.ask("PUT", "/" + "n" * length, b"x").status, 201 if length < 256 else 400)
        for count in (100, 2000, 4000):
            self.assertEqual(self.house.get("/" + "d/" * count).status, 404, count)
