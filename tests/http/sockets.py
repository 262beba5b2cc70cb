"""A client and a server joined by a real socket, with a reactor and a clock that the test turns."""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.python.failure import Failure

from peerstor.http.request import StreamingRequest
from peerstor.http.site import StreamingSite
from peerstor.http.tls import ServerContexts
from peerstor.http.tlslane import TlsLaneFactory
from tests.http.wire import Plain, Scripted, Secure

PATIENCE = 100
"""Milliseconds for which what the kernel carries may not move: a delayed acknowledgement takes 40."""


class HandReactor(Clock):
    """Watches descriptors as twisted's reactors do, one look at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()
        self.lost: list[Exception] = []

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)

    def turn(self) -> bool:
        """Do what is due, and read and write what can be; tell whether there was anything."""
        self.advance(0)
        readable, writable, _ = select.select(self.readers, self.writers, [], 0)
        for one in readable:
            if one in self.readers:
                self._act(one, one.doRead, reading=True)
        for one in writable:
            if one in self.writers:
                self._act(one, one.doWrite, reading=False)
        self.advance(0)
        return bool(readable or writable)

    def _act(self, one: Any, act: Callable[[], Any], *, reading: bool) -> None:
        why = act()
        if why is None:
            return
        self.lost.append(why)
        self.removeReader(one)
        if reading and isinstance(why, ConnectionDone):
            one.readConnectionLost(Failure(why))
            return
        self.removeWriter(one)
        one.connectionLost(Failure(why))


def joined() -> tuple[socket.socket, socket.socket]:
    """Give the client's and the server's end of a TCP connection, neither of which blocks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    for one in (client, server):
        one.setblocking(False)
    return client, server


def _carried(end: Any) -> int:
    """Count the bytes that one end has sent and the other's kernel hasn't got yet."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(end.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except (OSError, ValueError, AttributeError):  # it is closed
        return 0


class _State:
    """What `Plain` tells of its wire, told of a transport."""

    def __init__(self, pair: Lane) -> None:
        self._pair = pair

    @property
    def aborted(self) -> bool:
        return bool(self._pair.transport._aborting)

    @property
    def disconnecting(self) -> bool:
        return bool(self._pair.transport.disconnecting or self._pair.transport.disconnected)


class Lane(Plain):
    """A connection over TLS whose server's side is a `SecureServer` on a socket of its own."""

    def __init__(self, handle: Callable[[StreamingRequest], None], **site: Any) -> None:
        self.reactor = HandReactor()
        self.clock = self.reactor
        self.resource = Scripted(handle)
        self.site = StreamingSite(self.resource, reactor=self.clock, **site)  # type: ignore[arg-type]
        self.wire = _State(self)  # type: ignore[assignment]
        self.lost = False
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.connect()

    def contexts(self) -> ServerContexts:
        """Make what connections are made from."""
        Secure.factory(self)
        assert Secure._contexts is not None
        return Secure._contexts

    def begin(self) -> None:
        """Connect, and say nothing."""
        self.raw, accepted = joined()
        factory = self.factory()
        address = IPv4Address("TCP", "192.0.2.7", 4242)
        protocol = factory.buildProtocol(address)
        plain = Server(accepted, protocol, ("192.0.2.7", 4242), None, 1, self.reactor)  # type: ignore[arg-type]
        protocol.makeConnection(plain)
        self.plain = plain
        self.out, self._clear, self.ended = b"", b"", False
        self.failure: SSL.Error | None = None

    def factory(self) -> Any:
        """Make what puts TLS before the site."""
        return TlsLaneFactory(contexts=self.contexts(), protocols=self.site, otherwise=Secure.factory(self))

    def connect(self) -> None:
        self.begin()
        self.channel = next(iter(self.site._channels), None)
        self.transport = self.channel.transport if self.channel is not None else self.plain
        self.protocol = self.channel
        self.shake_hands()

    def shake_hands(self) -> None:
        """Begin TLS as the client does."""
        self._client = SSL.Connection(self.context, None)
        self._client.set_connect_state()
        with contextlib.suppress(SSL.WantReadError):
            self._client.do_handshake()
        self._exchange()

    def _exchange(self) -> None:
        """Let both sides read and write until they are quiet, and the kernel carries nothing any more."""
        patience = PATIENCE
        while patience:
            if any((self._client_turn(), self.reactor.turn())):
                patience = PATIENCE
                continue
            if self.ended or not (_carried(self.raw) or _carried(self.transport)):
                break
            patience -= 1  # nobody may read at the other end
            time.sleep(0.001)
        while any((self._client_turn(), self.reactor.turn())):
            pass

    def _client_turn(self) -> bool:
        with contextlib.suppress(SSL.WantReadError):
            self.out += self._client.bio_read(1 << 20)
        sent = self._push()
        came = self._pull()
        if came:
            self._client.bio_write(came)
        try:
            while piece := self._client.recv(1 << 16):
                self._clear += piece
        except (SSL.WantReadError, SSL.ZeroReturnError, SSL.SysCallError):
            pass
        except SSL.Error as error:
            self.failure = self.failure or error
        return bool(sent or came)

    def _push(self) -> int:
        if not self.out:
            return 0
        try:
            sent = self.raw.send(self.out)
        except BlockingIOError:
            return 0
        except OSError:
            sent = len(self.out)
        self.out = self.out[sent:]
        return sent

    def _pull(self) -> bytes:
        try:
            came = self.raw.recv(1 << 18)
        except BlockingIOError:
            return b""
        except OSError:
            came = b""
        self.ended = self.ended or not came
        return came

    def send(self, data: bytes) -> None:
        while data:
            sent = self._client.send(data[: 1 << 14])
            data = data[sent:]
            self._exchange()

    def received(self) -> bytes:
        self._exchange()
        return self._clear

    def lose(self) -> None:
        self.lost = True
        self.transport.connectionLost(Failure(ConnectionLost()))

    @property
    def reading(self) -> bool:
        return self.transport in self.reactor.readers

    @property
    def closing(self) -> bool:
        self._exchange()
        return self.wire.disconnecting or self.wire.aborted or self.channel._is_closing()

    def transport_full(self) -> None:
        self.channel.pauseProducing()

    def transport_drained(self) -> None:
        self.channel.resumeProducing()

    def close(self) -> None:
        """Let go of the sockets; nobody is told."""
        self.raw.close()
        if not self.transport.disconnected:
            self.transport.socket.close()
