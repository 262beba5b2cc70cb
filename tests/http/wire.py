"""A client and a server joined in memory, over plain TCP or TLS, with a clock that the test turns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from peerstor.http.request import StreamingRequest
from peerstor.http.site import StreamingSite
from peerstor.http.tls import ServerContexts, server_context
from tests.certificates import Authority


@implementer(ITCPTransport)
class Wire(StringTransport):
    """A TCP transport that keeps what is written, and says what was asked of it."""

    half_closed = False
    aborted = False
    no_delay = False
    # As twisted's own have them: all that is written is with the kernel at once.
    dataBuffer = b""
    offset = 0
    _tempDataLen = 0

    def __init__(self) -> None:
        super().__init__(
            hostAddress=IPv4Address("TCP", "192.0.2.1", 8080), peerAddress=IPv4Address("TCP", "192.0.2.7", 4242)
        )

    def writeSomeData(self, data: bytes) -> int:
        """Take everything."""
        self.write(data)
        return len(data)

    def fileno(self) -> int:
        """Have no descriptor of which the kernel could tell."""
        return -1

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = bool(enabled)

    def getTcpNoDelay(self) -> bool:
        return self.no_delay

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nothing to keep alive."""

    def getTcpKeepAlive(self) -> bool:
        return False


class Scripted(Resource):
    """A resource whose behaviour the test gives; it keeps the requests that reached it."""

    isLeaf = True

    def __init__(self, handle: Callable[[StreamingRequest], None]) -> None:
        super().__init__()
        self.handle = handle
        self.requests: list[StreamingRequest] = []

    def render(self, request: Any) -> int:
        self.requests.append(request)
        self.handle(request)
        return NOT_DONE_YET


def answer(request: StreamingRequest, body: bytes = b"fine", status: int = 200) -> None:
    """Answer whole, as a handler would."""
    request.setResponseCode(status)
    request.setHeader(b"content-length", b"%d" % len(body))
    request.write(body)
    request.finish()


class Plain:
    """A connection over TCP."""

    def __init__(self, handle: Callable[[StreamingRequest], None], **site: Any) -> None:
        self.clock = Clock()
        self.resource = Scripted(handle)
        self.site = StreamingSite(self.resource, reactor=self.clock, **site)  # type: ignore[arg-type]
        self.wire = Wire()
        self.lost = False
        self.connect()

    @property
    def requests(self) -> list[StreamingRequest]:
        return self.resource.requests

    def connect(self) -> None:
        self.channel = self.site.buildProtocol(None)
        self.protocol = self.channel
        self.protocol.makeConnection(self.wire)

    def send(self, data: bytes) -> None:
        """Let the server read `data`, as one packet."""
        self.protocol.dataReceived(data)

    def received(self) -> bytes:
        """All that the server wrote so far."""
        return self.wire.value()

    def lose(self) -> None:
        """Let the client vanish."""
        self.lost = True
        self.protocol.connectionLost(Failure(ConnectionLost()))

    @property
    def reading(self) -> bool:
        """Whether the server reads its socket."""
        return self.wire.producerState == "producing"

    @property
    def closing(self) -> bool:
        """Whether the server closes, by whichever way."""
        return self.wire.disconnecting or self.wire.aborted or self.wire.half_closed

    def transport_full(self) -> None:
        """Let the transport say that its buffer is full."""
        self.wire.producer.pauseProducing()

    def transport_drained(self) -> None:
        """Let the transport say that its buffer is empty."""
        self.wire.producer.resumeProducing()


class Secure(Plain):
    """The same connection over TLS."""

    _contexts: ServerContexts | None = None

    def factory(self: Plain) -> TLSMemoryBIOFactory:
        """Make what puts TLS before the site."""
        if Secure._contexts is None:
            one = Authority().issue()
            Secure._contexts = ServerContexts(
                server_context(one.key, one.chain, protocols=self.site.acceptableProtocols())
            )
        return TLSMemoryBIOFactory(Secure._contexts, False, self.site, self.clock)

    def connect(self) -> None:
        self.protocol = self.factory().buildProtocol(None)
        self.channel = self.protocol.wrappedProtocol
        self.protocol.makeConnection(self.wire)
        self.shake_hands()

    def shake_hands(self) -> None:
        """Begin TLS as the client does."""
        self._clear = b""
        self._client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        self._client.set_connect_state()
        for _ in range(4):
            with contextlib.suppress(SSL.WantReadError):
                self._client.do_handshake()
            self._exchange()

    def _exchange(self) -> None:
        """Carry the records both ways until both sides are quiet."""
        while True:
            self.clock.advance(0)
            try:
                outgoing = self._client.bio_read(1 << 20)
            except SSL.WantReadError:
                outgoing = b""
            incoming = self.wire.value()
            self.wire.clear()
            if incoming:
                self._client.bio_write(incoming)
            try:
                while piece := self._client.recv(1 << 16):
                    self._clear += piece
            except (SSL.WantReadError, SSL.ZeroReturnError, SSL.SysCallError):
                pass
            if outgoing:
                self.protocol.dataReceived(outgoing)
            elif not incoming:
                return

    def send(self, data: bytes) -> None:
        while data:
            sent = self._client.send(data[: 1 << 14])
            data = data[sent:]
            self._exchange()

    def received(self) -> bytes:
        self._exchange()
        return self._clear

    @property
    def closing(self) -> bool:
        self._exchange()
        return self.wire.disconnecting or self.wire.aborted or self.channel._is_closing()

    def lose(self) -> None:
        self.lost = True
        self.protocol.connectionLost(Failure(ConnectionDone()))
