"""Rules of sending at once."""

import socket
from typing import Any, cast

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.outright import emptied, send
from peerstor.http.tls import ServerContexts
from tests.http.test_tls import context
from tests.http.wire import Wire


class EmptiedTests(SynchronousTestCase):
    def test_plain(self) -> None:
        """A plain transport that holds nothing is taken past its buffer, and one that holds something is not."""
        wire = Wire()
        self.assertTrue(emptied(wire))
        wire._tempDataLen = 1
        self.assertFalse(emptied(wire))

    def test_tls(self) -> None:
        """Over TLS never: what lies below would send it in plain text, and answers to every name of a transport."""
        inner = Factory.forProtocol(Protocol)
        factory = TLSMemoryBIOFactory(ServerContexts(context()), False, cast(Any, inner), cast(Any, Clock()))
        secure = cast(Any, factory.buildProtocol(cast(Any, None)))
        secure.makeConnection(Wire())
        self.assertTrue(hasattr(secure, "_tempDataLen"))
        self.assertFalse(emptied(secure))

    def test_wrapped(self) -> None:
        """Nor past any other wrapper."""
        wrapper = ProtocolWrapper(WrappingFactory(cast(Any, Factory())), Protocol())
        wrapper.makeConnection(Wire())
        self.assertFalse(emptied(wrapper))


class SendTests(SynchronousTestCase):
    """Over real sockets, since it is the kernel that takes less than all."""

    def setUp(self) -> None:
        self.far, near = socket.socketpair()
        near.setblocking(False)
        self.transport = Connection(near, cast(Any, None), cast(Any, Clock()))
        self.transport.connected = 1
        self.left: list[bytes] = []
        self.transport.write = self.left.append  # type: ignore[method-assign]
        self.addCleanup(self.far.close)
        self.addCleanup(near.close)

    def test_all_of_it(self) -> None:
        """Whatever its size and pieces, each byte is sent or left to the transport, in order."""
        for sizes in ((1, 2, 3), (100, 0, 40_000), (100, 3_000_000), (40_000, 3_000_000, 5)):
            pieces = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
            send(self.transport, *pieces)
            count = sum(sizes) - sum(map(len, self.left))
            self.assertGreater(count, 0)
            sent = b""
            while len(sent) < count:
                sent += self.far.recv(count - len(sent))
            self.assertEqual(sent + b"".join(self.left), b"".join(pieces))
            self.left.clear()

    def test_nobody_there(self) -> None:
        """Where the other side is gone, all is left to the transport, which finds out."""
        self.far.close()
        for size in (10, 100_000):
            send(self.transport, b"head", bytes(size))
            self.assertEqual(b"".join(self.left), b"head" + bytes(size))
            self.left.clear()

    def test_encrypting(self) -> None:
        """A transport that sends in a way of its own is never gone around."""

        class Own(Connection):
            def writeSomeData(self, data: bytes) -> int:
                took.append(data)
                return len(data)

        took: list[bytes] = []
        own = Own(self.transport.socket, cast(Any, None), cast(Any, Clock()))
        send(own, b"head", bytes(100_000))
        self.assertEqual(took, [b"head" + bytes(100_000)])
