"""Heads at their limits and beyond, and what a connection may keep in memory for a client that means harm."""

from __future__ import annotations

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.channel import PIPELINED_AT_MOST, StreamingChannel
from peerstor.http.request import StreamingRequest
from peerstor.http.strict import TARGET_AT_MOST
from tests.http.wire import Plain, answer

HEAD_AT_MOST = StreamingChannel.totalHeadersSize
LINE = b"GET / HTTP/1.1"
HOST = b"Host: t"


def kept(channel: Any) -> int:
    """Count the bytes that a connection keeps of what was sent."""
    bodies = sum(sum(map(len, request.body._early)) for request in channel.requests)
    decoder = getattr(channel, "_transferDecoder", None)
    chunk = len(getattr(decoder, "_buffer", b""))
    return len(channel._buffer) + sum(map(len, channel._dataBuffer)) + bodies + chunk


class Limits(SynchronousTestCase):
    def status(self, *lines: bytes) -> int:
        """Send a head of these lines, and tell how it was answered."""
        c = Plain(answer)
        c.send(b"\r\n".join([*lines, b"", b""]))
        (status,) = re.findall(rb"HTTP/1\.1 (\d{3}) ", c.received())
        self.assertEqual(len(c.requests), 1 if status == b"200" else 0)
        return int(status)

    def test_target(self) -> None:
        """A target of 8 KiB is served, a byte more is 414."""
        for length, status in ((TARGET_AT_MOST, 200), (TARGET_AT_MOST + 1, 414)):
            self.assertEqual(self.status(b"GET /" + b"a" * (length - 1) + b" HTTP/1.1", HOST), status)

    def test_count(self) -> None:
        """A hundred fields are served, one more is 431."""
        for count, status in ((100, 200), (101, 431)):
            self.assertEqual(self.status(LINE, HOST, *[b"X: y"] * (count - 1)), status)

    def test_size(self) -> None:
        """A head of 16 KiB, its line ends not counted, is served, a byte more is 431: in one field or in many."""
        room = HEAD_AT_MOST - len(LINE) - len(HOST)
        for more, status in ((0, 200), (1, 431)):
            self.assertEqual(self.status(LINE, HOST, b"X: " + b"y" * (room - 3 + more)), status)
            many = [b"X: " + b"y" * 197] * (room // 200)
            rest = room - 200 * len(many)
            self.assertEqual(self.status(LINE, HOST, *many, b"X:" + b"y" * (rest - 2 + more)), status)

    def test_size_starts_anew(self) -> None:
        """The limits are those of one head, not of a connection."""
        c = Plain(answer)
        for _ in range(50):
            c.send(b"\r\n".join([LINE, HOST, *[b"X: " + b"y" * 150] * 90, b"", b""]))
        self.assertEqual(len(c.requests), 50)


class Memory(SynchronousTestCase):
    """A megabyte of whatever is sent, by pieces as the network brings them: only a bounded part of it is kept."""

    piece = 64 * 1024

    def send(self, data: bytes, handle: Any = lambda request: None, *, before: bytes = b"") -> Plain:
        c = Plain(handle)
        if before:
            c.send(before)
        for begin in range(0, len(data), self.piece):
            if not c.reading:
                break  # the socket isn't read any more
            c.send(data[begin : begin + self.piece])
        return c

    def test_line_without_end(self) -> None:
        """A first line, a field, and a line of a chunk that never end are refused, and dropped."""
        head = LINE + b"\r\n" + HOST + b"\r\n"
        for before in (b"GET /", head + b"X: ", head + b"Transfer-Encoding: chunked\r\n\r\n5;"):
            with self.subTest(before=before):
                c = self.send(b"y" * 1_000_000, before=before)
                self.assertTrue(c.closing)
                self.assertLessEqual(kept(c.channel), self.piece + 1024)

    def test_blank_lines(self) -> None:
        """Blank lines before a request are no request."""
        c = self.send(b"\r\n" * 500_000)
        self.assertTrue(c.closing)
        self.assertLessEqual(kept(c.channel), self.piece + 1024)

    def test_trailers_without_end(self) -> None:
        """Trailers are bounded."""
        head = b"PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        c = self.send(b"X: yyyyyyyy\r\n" * 80_000, lambda request: request.body.discard(), before=head)
        self.assertTrue(c.closing)
        self.assertLessEqual(kept(c.channel), self.piece + 1024)

    def test_pipelined(self) -> None:
        """Behind a request whose answer takes its time, 16 KiB and one read are kept."""
        c = self.send((LINE + b"\r\n" + HOST + b"\r\n\r\n") * 30_000)
        self.assertFalse(c.reading)
        self.assertEqual(len(c.requests), 1)
        self.assertLessEqual(kept(c.channel), PIPELINED_AT_MOST + self.piece)

    def test_body_nobody_wants(self) -> None:
        """Of a body that nobody asked for, one read is kept."""
        c = self.send(b"y" * 1_000_000, before=b"PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n")
        self.assertFalse(c.reading)
        self.assertLessEqual(kept(c.channel), self.piece + 1024)

    def test_answers_nobody_takes(self) -> None:
        """Who asks a thousand times and takes nothing gets one answer written, not a thousand."""
        c = Plain(lambda request: answer(request, b"x" * 1000))
        c.transport_full()
        c.send((LINE + b"\r\n" + HOST + b"\r\n\r\n") * 1000)
        self.assertLess(len(c.received()), 3000)


class Pipelining(SynchronousTestCase):
    def test_order(self) -> None:
        """Fast, slow and refused requests in one packet are answered in order, none lost and none twice."""
        c = Plain(self.handle)
        self.connection = c
        kinds = ["fast", "slow", "slow", "fast", "early", "slow", "fast"] * 20
        for packet in (b"".join(map(self.request, range(140), kinds)), b""):
            c.send(packet)
        c.clock.pump([1] * 125)
        answers = re.findall(rb"answer (\d+);", c.received())
        self.assertEqual(answers, [b"%d" % number for number in range(140)])
        self.assertEqual(len(c.requests), 140)
        self.assertFalse(c.closing)

    def test_order_in_pieces(self) -> None:
        """The same, when it comes byte by byte while the handlers work."""
        c = Plain(self.handle)
        self.connection = c
        packet = b"".join(map(self.request, range(12), ["slow", "fast", "early", "fast"] * 3))
        for place in range(len(packet)):
            c.send(packet[place : place + 1])
            c.clock.advance(0.05)
        c.clock.pump([1] * 20)
        self.assertEqual(re.findall(rb"answer (\d+);", c.received()), [b"%d" % number for number in range(12)])

    def request(self, number: int, kind: str) -> bytes:
        body = b"GET /%d-smuggled HTTP/1.1\r\nHost: t\r\n\r\n" % number
        length = b"Content-Length: %d\r\n" % len(body)
        return b"PUT /%d-%s HTTP/1.1\r\nHost: t\r\n%s\r\n%s" % (number, kind.encode(), length, body)

    def handle(self, request: StreamingRequest) -> None:
        number, _, kind = request.path[1:].partition(b"-")
        self.assertNotEqual(kind, b"smuggled")
        body = b"answer %s;" % number
        if kind == b"slow":
            self.connection.clock.callLater(1, answer, request, body)
        elif kind == b"fast":
            request.body.discard()
            self.connection.clock.callLater(0.01, answer, request, body)
        else:
            answer(request, body, 404)
