"""Clients that close their side of the connection behind what they ask."""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from peerstor.http.body import BodyCut
from peerstor.http.request import StreamingRequest
from peerstor.http.site import StreamingSite
from tests.http.test_channel import Collector, head, statuses
from tests.http.wire import Plain, Scripted, answer


class HalfClosed(SynchronousTestCase):
    """What the server does when the transport says that nothing more will come."""

    def holding(self) -> Plain:
        return Plain(lambda request: None)

    def test_answer_comes_all_the_same(self) -> None:
        """What was asked in whole is answered, and then the connection closes."""
        c = self.holding()
        c.send(head("GET"))
        c.channel.readConnectionLost()
        self.assertFalse(c.closing)
        answer(c.requests[0])
        self.assertEqual(statuses(c.received()), [200])
        self.assertTrue(c.wire.disconnecting)

    def test_pipelined_requests_are_answered(self) -> None:
        """So is what was pipelined behind it."""
        c = self.holding()
        c.send(head("GET") * 3)
        c.channel.readConnectionLost()
        for number in range(3):
            self.assertFalse(c.closing)
            answer(c.requests[number])
        self.assertEqual(statuses(c.received()), [200] * 3)
        self.assertTrue(c.wire.disconnecting)

    def test_whole_body(self) -> None:
        """A body that had come whole before the close is taken."""
        c = self.holding()
        c.send(head(length=5) + b"01234")
        c.channel.readConnectionLost()
        collector = Collector()
        c.requests[0].body.deliver(collector).addCallback(lambda count: answer(c.requests[0], b"%d" % count))
        self.assertEqual(collector.data, b"01234")
        self.assertTrue(c.received().endswith(b"5"))

    def test_cut_body(self) -> None:
        """A body that can't be whole any more fails at once; the client is told, and the connection closed."""
        c = self.holding()
        failures: list[Failure] = []
        c.send(head(length=10))
        collector = Collector()
        c.requests[0].body.deliver(collector).addErrback(failures.append)
        c.send(b"01234")
        c.channel.readConnectionLost()
        self.assertEqual([failure.type for failure in failures], [BodyCut])
        self.assertEqual(collector.data, b"01234")
        self.assertEqual(statuses(c.received()), [400])
        self.assertTrue(c.wire.disconnecting)

    def test_cut_body_that_nobody_wanted(self) -> None:
        """An answer that was given before the body's end stays the only one."""
        c = Plain(lambda request: answer(request, b"no", 404))
        c.send(head(length=20) + b"0123")
        c.channel.readConnectionLost()
        self.assertEqual(statuses(c.received()), [404])
        self.assertTrue(c.wire.disconnecting)

    def test_head_that_was_not_ended(self) -> None:
        """Nothing whole was asked, so nothing is answered."""
        for sent in (b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: t\r\n"):
            c = Plain(answer)
            c.send(sent)
            c.channel.readConnectionLost()
            self.assertEqual(c.received(), b"")
            self.assertTrue(c.wire.disconnecting)

    def test_part_of_a_head_behind_a_request(self) -> None:
        """Half a request behind a whole one doesn't keep the connection."""
        c = self.holding()
        c.send(head("GET") + b"GET / HT")
        c.channel.readConnectionLost()
        answer(c.requests[0])
        self.assertEqual(statuses(c.received()), [200])
        self.assertTrue(c.wire.disconnecting)

    def test_client_that_closes_while_we_linger(self) -> None:
        """A client that closes behind a refusal ends the wait for the rest of its body."""
        c = Plain(lambda request: answer(request, b"no", 413))
        c.send(head(length=10_000_000))
        self.assertFalse(c.wire.disconnecting)
        c.channel.readConnectionLost()
        self.assertTrue(c.wire.disconnecting)


class OverSockets(TestCase):
    """The same by a real socket: that the reactor tells of a half-close at all."""

    def serve(self, handle: Callable[[StreamingRequest], None]) -> int:
        """Serve on a port of its own."""
        site = StreamingSite(Scripted(handle), reactor=reactor)  # type: ignore[arg-type]
        port = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def ask(self, port: int, data: bytes) -> Deferred[bytes]:
        """Send `data`, close that side, and read to the end."""

        def talk() -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                received = b""
                while piece := client.recv(1 << 16):
                    received += piece
            return received

        return deferToThread(talk)

    async def test_answers_that_take_time(self) -> None:
        """Answers that are given long after the close reach the client, pipelined ones too, and end in a close."""

        def later(request: StreamingRequest) -> None:
            reactor.callLater(0.05, answer, request, b"x" * 300_000)  # type: ignore[attr-defined]

        received = await self.ask(self.serve(later), head("GET") * 2)
        self.assertEqual(statuses(received), [200, 200])
        self.assertEqual(received.count(b"x"), 600_000)

    async def test_cut_body(self) -> None:
        """A client whose body breaks off is told so."""

        def take(request: StreamingRequest) -> None:
            request.body.deliver(Collector()).addErrback(lambda failure: failure.trap(BodyCut))

        self.assertEqual(statuses(await self.ask(self.serve(take), head(length=10) + b"0123")), [400])
