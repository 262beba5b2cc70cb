"""What becomes of a lent transport afterwards."""

import select
import socket
import tempfile
import time
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.channel import UNSENT_AT_MOST
from peerstor.http.request import StreamingRequest
from peerstor.http.sender import Span, send_spans
from tests.fakes import ImmediateThreads
from tests.http.live import PATIENCE, Live

SIZE = 300_000


class PausedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = self.enterContext(tempfile.TemporaryFile())
        self.file.truncate(SIZE)
        self.slow: list[StreamingRequest] = []
        self.live = Live(self.handle)
        self.addCleanup(self.live.close)
        self.live.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)

    def handle(self, request: StreamingRequest) -> None:
        if request.path == b"/slow":
            self.slow.append(request)
        elif request.path == b"/file":
            request.setHeader(b"content-length", b"%d" % SIZE)
            request.setHeader(b"x-long", b"x" * 1000)
            parts = (Span(self.file.fileno(), 0, SIZE),)
            clock = cast(IReactorTime, self.live.reactor)
            done = send_spans(request, parts, threads=ImmediateThreads(), clock=clock)
            done.addCallback(lambda _: request.finish())
        else:
            request.setHeader(b"content-length", b"4")
            request.write(b"last")
            request.finish()

    @property
    def buffered(self) -> int:
        """How many bytes the transport holds."""
        transport = self.live.transport
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen

    def test_paused_meanwhile(self) -> None:
        """A buffer that only the head of a lent answer has made too full holds up nothing that comes behind it."""
        self.live.client.sendall(
            b"".join(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % one for one in (b"slow", b"file", b"x"))
        )
        self.live.reactor.settle()
        [request] = self.slow
        while (room := UNSENT_AT_MOST - 100 - self.buffered) > 100:
            request.write(b"s" * min(room, 8192))
            self.live.reactor.settle()
        request.finish()
        self.live.reactor.settle()
        self.assertTrue(self.live.transport.producerPaused)
        end = time.monotonic() + PATIENCE
        while not self.live.answers.endswith(b"\r\n\r\nlast") and time.monotonic() < end:
            self.live.settle()
            select.select([self.live.client], [], [], 0.05)  # loopback holds some bytes back for a moment
        self.assertEqual(self.live.answers.count(b"HTTP/1.1 200 "), 3)
        self.assertTrue(self.live.answers.endswith(b"\r\n\r\nlast"))
