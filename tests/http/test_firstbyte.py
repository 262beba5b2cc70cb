"""Rules of the port on which TLS and plain text are told apart."""

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel

from peerstor.http.firstbyte import FirstByteFactory
from peerstor.http.request import StreamingRequest
from tests.http.wire import Plain, Secure, answer


class Switching:
    """A connection whose protocol is whichever the transport has, as with the reactor's own."""

    def connect(self) -> None:
        self.wire.protocol = None
        factory = FirstByteFactory(house=self.site, secure=self.secure(), plain=self.site)
        self.first = factory.buildProtocol(None)
        self.wire.protocol = self.first
        self.first.makeConnection(self.wire)

    @property
    def protocol(self) -> Any:
        return self.wire.protocol

    @protocol.setter
    def protocol(self, value: Any) -> None:
        self.wire.protocol = value

    @property
    def channel(self) -> Any:
        return getattr(self.protocol, "wrappedProtocol", self.protocol)

    site: Any
    wire: Any


class SniffedPlain(Switching, Plain):
    """A client that speaks no TLS."""

    def secure(self) -> Any:
        return Secure.factory(self)


class SniffedSecure(Switching, Secure):
    """A client that speaks TLS."""

    def secure(self) -> Any:
        return Secure.factory(self)

    def connect(self) -> None:
        super().connect()
        self.shake_hands()


class FirstByteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.secure: list[bool] = []

    def answer(self, request: StreamingRequest) -> None:
        self.secure.append(request.isSecure())
        answer(request)

    def test_plain(self) -> None:
        """A client that speaks plain text is served so, however its first bytes are cut."""
        c = SniffedPlain(self.answer)
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":
            c.send(bytes([byte]))
        self.assertIn(b"HTTP/1.1 200 OK\r\n", c.received())
        self.assertEqual(self.secure, [False])

    def test_secure(self) -> None:
        """A client that speaks TLS is served so."""
        c = SniffedSecure(self.answer)
        c.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200 OK\r\n", c.received())
        self.assertEqual(self.secure, [True])

    def test_whole_request_in_the_first_packet(self) -> None:
        """What comes with the first byte is not lost: two requests in one packet get two answers."""
        c = SniffedPlain(answer)
        c.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        self.assertEqual(c.received().count(b"HTTP/1.1 200 OK\r\n"), 2)

    def test_silent_client(self) -> None:
        """A client that sends nothing is closed after 10 s."""
        c = SniffedPlain(answer)
        c.clock.advance(9)
        self.assertFalse(c.wire.aborted)
        c.clock.advance(2)
        self.assertTrue(c.wire.aborted)

    def test_stalled_handshake(self) -> None:
        """A client that begins a handshake and goes no further is closed after 10 s."""
        c = SniffedPlain(answer)
        c.send(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(c.site.connections, 1)
        c.clock.advance(11)
        self.assertTrue(c.wire.aborted)
        c.protocol.connectionLost(Failure(ConnectionError()))
        self.assertEqual(c.site.connections, 0)

    def test_garbage(self) -> None:
        """What only begins like TLS is closed, and nothing is logged as a defect."""
        c = SniffedPlain(answer)
        c.send(b"\x16" + b"garbage" * 100)
        self.assertTrue(c.wire.disconnecting)
        c.protocol.connectionLost(Failure(ConnectionError()))
        self.assertEqual(c.site.connections, 0)

    def test_on_the_books(self) -> None:
        """A connection is counted once from its beginning to its end, before its first byte and after."""
        told: list[bool] = []
        c = SniffedPlain(answer, capacity=1, full=told.append)
        self.assertEqual((c.site.connections, told), (1, [True]))
        c.send(b"G")
        self.assertEqual((c.site.connections, told[-1]), (1, True))
        self.assertIsInstance(c.protocol, HTTPChannel)
        c.lose()
        self.assertEqual((c.site.connections, told[-1]), (0, False))

    def test_lost_before_the_first_byte(self) -> None:
        """One that is lost before is off the books, and its timer is gone."""
        c = SniffedPlain(answer)
        c.lose()
        self.assertEqual((c.site.connections, c.clock.getDelayedCalls()), (0, []))

    def test_too_many_from_one_address(self) -> None:
        """Who has too many connections is told so in the language that it speaks."""
        for make in (SniffedPlain, SniffedSecure):
            c = make(answer, per_address=1)
            c.wire = type(c.wire)()
            c.connect()
            c.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"HTTP/1.1 429 ", c.received())

    def test_far_too_many_from_one_address(self) -> None:
        """Beyond twice that number nobody is told: whoever says nothing would take the room of all others."""
        for make in (SniffedPlain, Plain):
            c = make(answer, per_address=2)
            aborted = []
            for _ in range(5):
                c.wire = type(c.wire)()
                c.connect()
                aborted.append(c.wire.aborted)
            self.assertEqual(aborted, [False, False, False, True, True])
            self.assertEqual(c.received(), b"")

    def test_stop(self) -> None:
        """At the end of the server one that has sent nothing is closed at once."""
        c = SniffedPlain(answer)
        c.site.begin_stopping()
        self.assertTrue(c.wire.disconnecting)

    def test_cut(self) -> None:
        """When all is cut, so is one that has sent nothing."""
        c = SniffedPlain(answer)
        c.site.cut_all()
        self.assertTrue(c.wire.aborted)

    def test_no_address(self) -> None:
        """A client without an IP address (a UNIX socket) is served too."""
        c = SniffedPlain(answer)
        self.assertEqual(c.first.address, "192.0.2.7")
        c.first.transport = StringTransport(peerAddress=object())  # type: ignore[arg-type]
        self.assertEqual(c.first.address, "-")
