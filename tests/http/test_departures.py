"""When answers leave, over real sockets."""

import socket
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.departures import CROWD, HELD_AT_MOST, Departures


class DeparturesTests(SynchronousTestCase):
    """A few connections, the clock turned by the test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.departures = Departures(self.clock)

    def connect(self) -> tuple[Any, socket.socket]:
        """Give a transport, and the client's end of it."""
        far, near = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        self.addCleanup(far.close)
        self.addCleanup(near.close)
        transport: Any = Connection(near, cast(Any, None), cast(Any, self.clock))
        transport.connected = 1
        transport.startWriting = transport.stopWriting = transport.stopReading = lambda: None
        return transport, far

    def arrived(self, far: socket.socket) -> bytes:
        """Read what is there."""
        try:
            return far.recv(1 << 20)
        except BlockingIOError:
            return b""

    def test_alone(self) -> None:
        """Who asks alone is answered at once, as often as it asks."""
        transport, far = self.connect()
        for _ in range(3):
            self.departures.send(transport, b"head", b"body")
            self.assertEqual(self.arrived(far), b"headbody")
            self.clock.pump([CROWD * 1.01])

    def test_together(self) -> None:
        """Of many, the first is answered at once and the others at the end of the turn, in order."""
        connections = [self.connect() for _ in range(3)]
        for number, (transport, _) in enumerate(connections):
            self.departures.send(transport, b"head", b"%d" % number)
        self.assertEqual([self.arrived(far) for _, far in connections], [b"head0", b"", b""])
        self.clock.advance(0)
        self.assertEqual([self.arrived(far) for _, far in connections], [b"", b"head1", b"head2"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bytes(self) -> None:
        """When much is held, it leaves before the turn is over."""
        self.departures.send(*self.connect()[:1], b"first")
        transport, far = self.connect()
        self.departures.send(transport, b"second")
        large, _ = self.connect()
        self.departures.send(large, bytes(HELD_AT_MOST))
        self.assertEqual(self.arrived(far), b"second")
        self.clock.advance(0)
        self.assertEqual(self.arrived(far), b"")

    def held(self) -> tuple[Any, socket.socket]:
        """Give a connection whose answer is held."""
        self.departures.send(*self.connect()[:1], b"first")
        transport, far = self.connect()
        self.departures.send(transport, b"answer")
        self.assertEqual(self.arrived(far), b"")
        return transport, far

    def test_written_behind(self) -> None:
        """What is written meanwhile goes out behind it."""
        transport, far = self.held()
        transport.write(b" and more")
        self.clock.advance(0)
        self.assertEqual(self.arrived(far), b"answer and more")
        transport.doWrite()
        self.assertEqual(self.arrived(far), b"")

    def test_transport_first(self) -> None:
        """Where the transport sends before that, nothing is sent twice."""
        transport, far = self.held()
        transport.doWrite()
        self.assertEqual(self.arrived(far), b"answer")
        self.clock.advance(0)
        self.assertEqual(self.arrived(far), b"")

    def test_lost(self) -> None:
        """Nothing is sent to who has gone meanwhile."""
        transport, far = self.held()
        transport.connected = 0
        self.clock.advance(0)
        self.assertEqual(self.arrived(far), b"")

    def test_full(self) -> None:
        """What the kernel doesn't take is left to the transport."""
        self.departures.send(*self.connect()[:1], b"first")
        transport, far = self.connect()
        content = bytes(900_000)
        self.departures.send(transport, content)
        self.clock.advance(0)
        received = len(self.arrived(far))
        self.assertTrue(0 < received < len(content))
        while received < len(content):
            transport.doWrite()
            received += len(self.arrived(far))

    def test_encrypted(self) -> None:
        """A transport that sends in a way of its own is never held."""

        class Own(Connection):
            def writeSomeData(self, data: bytes) -> int:
                sent.append(bytes(data))
                return len(data)

        sent: list[bytes] = []
        self.departures.send(*self.connect()[:1], b"first")
        plain, _ = self.connect()
        own = Own(plain.socket, cast(Any, None), cast(Any, self.clock))
        self.departures.send(own, b"a", b"b")
        self.assertEqual(sent, [b"ab"])
