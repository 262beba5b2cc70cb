"""What tells a request from the others, and what a site counts."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.request import UNROUTED, StreamingRequest
from tests.http.wire import Plain, Secure, answer

ID = re.compile(rb"\r\nX-Request-ID: ([0-9a-f]{16})\r\n")


class RequestIdTests(SynchronousTestCase):
    def test_own(self) -> None:
        """Each request has an id of its own, and nobody's route until somebody takes it."""
        pair = Plain(answer)
        for _ in range(3):
            pair.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        ids = {request.request_id for request in pair.requests}
        self.assertEqual(len(ids), 3)
        for one in ids:
            self.assertRegex(one, r"\A[0-9a-f]{16}\Z")
        self.assertEqual({request.route for request in pair.requests}, {UNROUTED})

    def test_unreadable(self) -> None:
        """What can't be read as a request is refused with an id too, each with another one."""
        ids = set()
        for line in (b"GET / HTTP/1.1\r\n\r\n", b"GET /%s HTTP/1.1\r\n" % (b"x" * 9000), b"\x00\r\n\r\n"):
            pair = Plain(answer)
            pair.send(line)
            found = ID.search(pair.received())
            assert found is not None, pair.received()
            ids.add(found[1])
        self.assertEqual(len(ids), 3)

    def test_refused_in_the_middle(self) -> None:
        """A request that is broken off by a refusal is refused with the id that it has."""
        pair = Plain(lambda request: None)
        pair.send(b"PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        found = ID.search(pair.received())
        assert found is not None, pair.received()
        self.assertEqual(found[1].decode(), pair.requests[0].request_id)


class BytesTests(SynchronousTestCase):
    def test_counted(self) -> None:
        """The content of requests and answers counts: no head, nothing that TLS adds."""

        def handle(request: StreamingRequest) -> None:
            request.body.discard()
            answer(request, b"x" * 70)

        for make in (Plain, Secure):
            pair = make(handle)
            pair.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            self.assertEqual((pair.site.received, pair.site.sent), (0, 70))
            pair.send(b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 30\r\n\r\n" + b"y" * 30)
            self.assertEqual((pair.site.received, pair.site.sent), (30, 140))

    def test_while_it_goes_on(self) -> None:
        """What has come and gone counts at once, and not when the request has ended; no framing of chunks does."""

        def begin(request: StreamingRequest) -> None:
            request.body.discard()
            request.write(b"x" * 1000)

        pair = Plain(begin)
        pair.send(b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n")
        pair.send(b"y" * 50)
        self.assertEqual(pair.site.received, 50)
        self.assertGreaterEqual(pair.site.sent, 1000)
        pair = Plain(lambda request: request.body.discard())
        pair.send(b"PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        pair.send(b"a\r\n0123456789\r\n0\r\n\r\n")
        self.assertEqual(pair.site.received, 10)
