"""Bytes that two readers could cut in two ways: no part of one request is ever read as another."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.request import StreamingRequest
from tests.http.wire import Plain, answer

CANARY = b"GET /canary HTTP/1.1\r\nHost: t\r\n\r\n"
"""A request that stands where only one of two readers would see a request."""

CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Taker:
    """A consumer that keeps nothing."""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Need no pauses."""

    def unregisterProducer(self) -> None:
        """Have nothing to undo."""

    def write(self, data: bytes) -> None:
        """Drop it."""


def take(request: StreamingRequest) -> None:
    """Read the body, then answer."""
    done = request.body.deliver(Taker())
    done.addCallbacks(lambda _: answer(request), lambda failure: None)


class Smuggling(SynchronousTestCase):
    def refused(self, data: bytes, status: int = 400) -> None:
        """Send bytes whole and one by one: refused, closed, and no canary either way."""
        for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
            c = Plain(take)
            for piece in pieces:
                c.send(piece)
            self.assertEqual([int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", c.received())], [status], data)
            self.assertTrue(c.closing, data)
            self.assertNotIn(b"/canary", [request.path for request in c.requests], data)

    def put(self, fields: bytes, body: bytes = b"") -> bytes:
        return b"PUT /x HTTP/1.1\r\nHost: t\r\n" + fields + b"\r\n" + body

    def test_codings(self) -> None:
        """Only `chunked` alone, once, is a transfer coding, however it is disguised."""
        for value in (
            b"chunked, identity", b"identity, chunked", b"chunked;q=1", b"chunked,", b",chunked", b'"chunked"', b"",
            b"chunked\x0b", b"\x0bchunked", b"chunked\x00", b"chunked chunked", b"chu nked", b"identity", b"x",
        ):  # fmt: skip
            with self.subTest(value=value):
                self.refused(self.put(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n" + CANARY))
        self.refused(self.put(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n" + CANARY))
        self.refused(self.put(b"Transfer_Encoding: chunked\r\n" + CHUNKED * 2, b"0\r\n\r\n" + CANARY))

    def test_codings_that_are_chunked(self) -> None:
        """Case and blanks around it make no other coding of it."""
        for line in (
            b"transfer-encoding:chunked",
            b"Transfer-Encoding:\tCHUNKED \t",
            b"TRANSFER-ENCODING: Chunked",
        ):
            with self.subTest(line=line):
                c = Plain(take)
                c.send(self.put(line + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n" + CANARY))
                self.assertEqual([request.path for request in c.requests], [b"/x", b"/canary"])

    def test_chunk_sizes(self) -> None:
        """A chunk's size is hexadecimal digits below 2^63: what is more overflows in other readers."""
        for size in (
            b"0x5", b"-5", b"+5", b"5_0", b" 5", b"5 ", b"\t5", b"", b"5\n", b"\xd9\xa5", b"5 ;x", b"8" + b"0" * 15,
            b"f" * 17, b"1" + b"0" * 16 + b"5", b"5;a\x00b", b"5;a\nb", b"5;a\rb", b"5;" + b"x" * 2000,
        ):  # fmt: skip
            with self.subTest(size=size):
                self.refused(self.put(CHUNKED, size + b"\r\nhello\r\n0\r\n\r\n" + CANARY))

    def test_chunk_ends(self) -> None:
        """Each chunk's data ends in CR LF, where its size says."""
        for rest in (
            b"hello0\r\n\r\n",
            b"hello\n0\r\n\r\n",
            b"hello\r0\r\n\r\n",
            b"hellohello\r\n0\r\n\r\n",
            b"hell\r\n0\r\n\r\n",
        ):
            with self.subTest(rest=rest):
                self.refused(self.put(CHUNKED, b"5\r\n" + rest + CANARY))

    def test_trailers(self) -> None:
        """Fields behind the last chunk frame nothing, and are bounded."""
        c = Plain(take)
        trailers = b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\nHost: other\r\n"
        c.send(self.put(CHUNKED, b"0\r\n" + trailers + b"\r\n" + CANARY))
        self.assertEqual([request.path for request in c.requests], [b"/x", b"/canary"])
        self.assertEqual(c.requests[0].getHeader(b"host"), b"t")
        self.refused(self.put(CHUNKED, b"0\r\n" + b"X: y\r\n" * 20_000))

    def test_behind_the_last_chunk(self) -> None:
        """What follows the end of a body is a request of its own, or nothing."""
        c = Plain(take)
        c.send(self.put(CHUNKED, b"0\r\n\r\nnonsense\r\n" + CANARY))
        self.assertEqual([request.path for request in c.requests], [b"/x"])
        self.assertTrue(c.closing)

    def test_line_ends(self) -> None:
        """Only CR LF ends a line: a bare LF or CR is an end to some readers and not to others."""
        for head in (
            b"GET / HTTP/1.1\nHost: t\n\n",
            b"GET / HTTP/1.1\r\nHost: t\n\r\n",
            b"GET / HTTP/1.1\r\nHost: t\r\nX: a\nContent-Length: 40\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: t\r\nX: a\rContent-Length: 40\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\rY: b\r\n\r\n",
            b"GET / HTTP/1.1\rHost: t\r\n\r\n",
        ):
            with self.subTest(head=head):
                self.refused(head + b"\r\n\r\n" + CANARY)

    def test_names(self) -> None:
        """A field's name is a token, with nothing between it and the colon."""
        for name in (b"X ", b"X\t", b"X\x0b", b"X\x00", b"X\xff", b"X(", b"\x01X", b'"X"', b"Content-Length\x0c"):
            with self.subTest(name=name):
                self.refused(self.put(name + b": 40\r\n") + CANARY)

    def test_folding(self) -> None:
        """A line that begins with a blank continues nothing."""
        for fields in (b" X: a\r\n", b"X: a\r\n\tb\r\n", b"X: a\r\n \r\n", b"Content-Length:\r\n 40\r\n"):
            with self.subTest(fields=fields):
                self.refused(self.put(fields) + CANARY)

    def test_target_beyond_ascii(self) -> None:
        """A target is printable ASCII: DEL and all that lies beyond come percent-encoded."""
        for byte in (0x7F, 0x80, 0xA9, 0xB0, 0xB1, 0xC3, 0xFF):
            with self.subTest(byte=byte):
                self.refused(b"GET /a" + bytes([byte]) + b" HTTP/1.1\r\nHost: t\r\n\r\n" + CANARY)

    def test_versions(self) -> None:
        """HTTP/0.9, the preface of HTTP/2, and versions that are none are refused, and so is what they hide."""
        for line in (
            b"GET /", b"GET / HTTP/0.9", b"GET / HTTP/1.2", b"GET / HTTP/1.10", b"GET / http/1.1", b"GET / HTTP/1.1 ",
            b"GET / HTTP /1.1", b"GET /\tHTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.\xd9\xa1", b"PRI * HTTP/2.0",
            b"\x00GET / HTTP/1.1",
        ):  # fmt: skip
            with self.subTest(line=line):
                self.refused(line + b"\r\nHost: t\r\n\r\n" + CANARY)

    def test_end_of_a_connection(self) -> None:
        """Behind HTTP/1.0 and behind `close`, nothing is a request."""
        for head in (
            b"GET /x HTTP/1.0\r\nHost: t\r\n\r\n",
            b"GET /x HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\n\r\n",
            b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, CLOSE\r\n\r\n",
            b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: x\r\nConnection: close\r\n\r\n",
        ):
            with self.subTest(head=head):
                c = Plain(take)
                c.send(head + CANARY * 3)
                c.send(CANARY)
                self.assertEqual([request.path for request in c.requests], [b"/x"])
                self.assertTrue(c.closing)
