"""The framing of several ranges."""

import os
import tempfile
from email.parser import BytesParser

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.byteranges import frame
from peerstor.http.ranges import ByteRange
from peerstor.http.sender import send_spans
from tests.fakes import ImmediateThreads
from tests.http.streams import FillingTransport


class Framing(SynchronousTestCase):
    """What a client makes of the parts."""

    def setUp(self) -> None:
        """A file of known bytes."""
        file = self.enterContext(tempfile.TemporaryFile())
        self.content = os.urandom(1000)
        file.write(self.content)
        file.flush()
        self.fd = file.fileno()

    def sent(self, *ranges: ByteRange) -> tuple[bytes, bytes, int]:
        """Return the content type, the body and the promised length."""
        framed = frame(ranges, fd=self.fd, size=1000, media_type="text/plain; charset=utf-8")
        transport = FillingTransport(mark=10**9)
        self.successResultOf(send_spans(transport, framed.parts, threads=ImmediateThreads(), clock=Clock()))
        return framed.content_type, transport.value(), framed.length

    def test_an_independent_parser_reads_it(self) -> None:
        """Each part has the type of the whole, its place, and its bytes, in the order given; the length promised
        is the length sent (RFC 9110, section 14.6)."""
        ranges = (ByteRange(990, 10), ByteRange(0, 1), ByteRange(100, 300))
        content_type, body, length = self.sent(*ranges)
        self.assertEqual(len(body), length)
        message = BytesParser().parsebytes(b"Content-Type: " + content_type + b"\r\n\r\n" + body)
        parts = message.get_payload()
        self.assertEqual(
            [part["Content-Range"] for part in parts],
            ["bytes 990-999/1000", "bytes 0-0/1000", "bytes 100-399/1000"],
        )
        self.assertEqual({part["Content-Type"] for part in parts}, {"text/plain; charset=utf-8"})
        pieces = body.split(b"\r\n\r\n", 1)[1]
        self.assertTrue(pieces.startswith(self.content[990:]))
        for each in ranges:
            self.assertIn(b"\r\n\r\n" + self.content[each.start : each.stop] + b"\r\n--", body)

    def test_boundary_differs_each_time(self) -> None:
        """No stored file can hold the boundary of an answer that is yet to come."""
        self.assertNotEqual(self.sent(ByteRange(0, 1))[0], self.sent(ByteRange(0, 1))[0])
