"""TLS with OpenSSL at the socket itself: the fast way beside twisted's, from the same contexts.

twisted reads the socket, carries the bytes into OpenSSL's memory and what comes out there to the protocol, and the
same again on the way back. Here OpenSSL reads and writes the socket, which takes a third of the time. Whatever is
negotiated (versions, ciphers, groups, certificate, ALPN) comes from `peerstor.http.tls` on both ways. The private
names of twisted that this stands on are listed in `tests/http/test_twisted_names.py`.
"""

import contextlib
import socket
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IReactorTime, ISSLTransport
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.http.keen import Keenness
from peerstor.http.outflow import accepted
from peerstor.http.spans import BLOCK
from peerstor.http.tls import ServerContexts

RECORD = 16 * 1024
"""Bytes that a record holds at most (RFC 8446, section 5.1). Who reads no less at a time leaves nothing in
OpenSSL, of which the reactor wouldn't tell."""

PIECE = 256 * 1024
"""Bytes that are read, encrypted and sent in one go for a client that reads fast; for others it is a record."""

READ_AT_ONCE = 64 * 1024
"""Bytes that the protocol gets in one piece, give or take a record: as many as over plain TCP, and so as many as
may still arrive when it has paused."""

READ_PER_TURN = 256 * 1024
"""Bytes read before others have their turn."""

WRITTEN_PER_TURN = 1024 * 1024
"""Bytes sent before others have their turn: what a producer may hand over in one, see `peerstor.http.blocks`."""

UNSENT_OF_KEEN = 512 * 1024
"""Bytes that the kernel takes for a client that reads fast beyond what is on its way. The few that it takes of
everybody have it push each record by itself, which costs a fifth of the whole transfer."""

_CORK: int | None = getattr(socket, "TCP_CORK", None)


@implementer(ISSLTransport)
class SecureServer(Server):
    """A connection that a client made, encrypted.

    The handshake runs when the client's first bytes come; what is written before waits for its end. Nothing here
    watches the time: the protocol does, from the moment that it gets this transport.
    """

    protocol: Any
    producer: Any

    def __init__(self, plain: Server, protocol: IProtocol, connection: SSL.Connection) -> None:
        """Take over the socket of a connection of which nothing has been read, nor will be by it.

        :param connection: on that socket, in the server's role.
        """
        self._tls = connection
        self._shaken = False
        self._paused = False
        self._read_waits = False
        self._said_goodbye = False
        self._keenness = Keenness(UNSENT_OF_KEEN, now=cast(IReactorTime, plain.reactor).seconds)
        # Bytes that OpenSSL was given and hasn't done with, and what the kernel had accepted before them.
        self._begun = 0
        self._accepted_before: int | None = None
        super().__init__(
            plain.socket,
            protocol,
            plain.client,
            plain.server,
            plain.sessionno,
            plain.reactor,
        )

    def getPeerCertificate(self) -> Any:
        """See `ISSLTransport`; no client is asked for one."""
        return self._tls.get_peer_certificate()

    # Reading.

    def pauseProducing(self) -> None:
        """Read no more than what is being read."""
        self._paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._paused = False
        if not self._read_waits:
            super().resumeProducing()

    def doRead(self) -> Any:
        """Shake hands, or read what is there and hand it on; tells why the connection has ended, where it has."""
        if not self._shaken:
            return self._shake()
        left, why = READ_PER_TURN, None
        while left > 0 and why is None and not self._paused and not self._aborting:
            pieces, why, more = self._gather()
            if pieces:
                data = b"".join(pieces)
                left -= len(data)
                self.protocol.dataReceived(data)
            if not more:
                break
        return why

    def _gather(self) -> tuple[list[bytes], Any, bool]:
        """Read records: their content, why no more will come, and whether there may be more at once."""
        pieces: list[bytes] = []
        left = READ_AT_ONCE
        try:
            while left > 0:
                pieces.append(self._tls.recv(RECORD))
                left -= len(pieces[-1])
        except SSL.WantReadError:
            return pieces, None, False
        except SSL.WantWriteError:  # OpenSSL must send an answer of its own before it reads on
            self._read_waits = True
            self.stopReading()
            self.startWriting()
            return pieces, None, False
        except SSL.ZeroReturnError:
            return pieces, self._goodbye_heard(), False
        except SSL.Error:
            return pieces, self._broken(), False
        return pieces, None, True

    def readConnectionLost(self, reason: Failure) -> None:
        """Take it for the end of all: who still listens has not closed its side, since TLS has a word for that."""
        self.connectionLost(reason)

    # Writing.

    def doWrite(self) -> Any:
        """Send what waits, and have the producer bring more; tells why the connection has ended, where it has."""
        if not self._shaken:
            return self._shake()
        if self._read_waits:
            self._read_waits = False
            if not self._paused:
                self.startReading()
                if (why := self.doRead()) is not None or self._read_waits:
                    return why
        if not self._keenness.keen:
            return self._write_turn()
        # So that records share packets, as long as more of them follow.
        self._cork(True)
        try:
            return self._write_turn()
        finally:
            self._cork(False)

    def _cork(self, corked: bool) -> None:
        if _CORK is not None:
            with contextlib.suppress(OSError):  # the connection is lost, which shows elsewhere
                self.socket.setsockopt(socket.IPPROTO_TCP, _CORK, corked)

    def _write_turn(self) -> Any:
        """Send up to a turn's bytes; tells as `doWrite` does."""
        left = WRITTEN_PER_TURN
        while left > 0 and self.connected and not self._aborting:
            if self.offset >= len(self.dataBuffer) and not self._refill():
                return self._drained()
            count = self.writeSomeData(memoryview(self.dataBuffer)[self.offset : self.offset + left])
            if isinstance(count, Exception):
                return count
            self.offset += count
            left -= count
            self._keenness.took(count, self.socket)
            if left and self.offset < len(self.dataBuffer):
                return None  # the kernel takes no more for now
        return None

    def writeSomeData(self, data: Any) -> int | ConnectionLost:
        """Encrypt and send as much as the kernel takes.

        What it didn't take must come again, at least as much of it: OpenSSL may have sent a part of that.

        :return: bytes of `data` that are done with, or why the connection has ended.
        """
        view = memoryview(data)
        piece = max(self._begun, PIECE if self._keenness.keen else RECORD)
        done = 0
        try:
            while done < len(view):
                done += self._tls.send(view[done : done + piece])
        except (SSL.WantWriteError, SSL.WantReadError):
            if done or not self._begun:
                self._accepted_before = accepted(self.socket)
            self._begun = min(piece, len(view) - done)
        except SSL.Error:
            return CONNECTION_LOST
        else:
            self._begun, self._accepted_before = 0, None
        return done

    @property
    def block_size(self) -> int:
        """Bytes of a file that are best written at once."""
        return PIECE if self._keenness.keen else BLOCK

    @property
    def underway(self) -> int:
        """Bytes of those that wait here which are with the kernel already, as far as that is known.

        OpenSSL takes what it was given in one go, and tells of it when the last is with the kernel.
        """
        now = None if self._accepted_before is None else accepted(self.socket)
        if now is None or self._accepted_before is None:
            return 0
        return min(now - self._accepted_before, PIECE, len(self.dataBuffer) - self.offset)

    def _refill(self) -> bool:
        """Take the next bytes to be sent; tells whether there are any."""
        self.dataBuffer, self.offset = b"", 0
        producer = self.producer
        if not self._tempDataLen and producer is not None and (self.producerPaused or not self.streamingProducer):
            self.producerPaused = False
            producer.resumeProducing()
        if not self._tempDataLen:
            return False
        self.dataBuffer = b"".join(self._tempDataBuffer)
        self._tempDataBuffer, self._tempDataLen = [], 0
        return True

    def _drained(self) -> Any:
        if self.disconnecting and self.producer is None:
            return self._say_goodbye()
        self.stopWriting()
        return None

    # The handshake, and the end.

    def _shake(self) -> Any:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self.stopWriting()
            self.startReading()
            return None
        except SSL.WantWriteError:
            self.stopReading()
            self.startWriting()
            return None
        except SSL.Error:
            return self._broken()
        self._shaken = True
        if self._paused:
            self.stopReading()
        else:
            self.startReading()
        self.startWriting()
        return None

    def loseConnection(self, *args: Any, **kwargs: Any) -> None:
        """Send what waits and say goodbye (close_notify); close when the client has said its own.

        Who watches the time must abort where the client never does. Before the end of the handshake there is
        nothing to say goodbye to: the connection is aborted, unless something waits to be sent.
        """
        if self.disconnecting or not self.connected:
            return
        if not (self._shaken or self._tempDataLen):
            self.abortConnection()
            return
        self.disconnecting = True
        self.startWriting()

    def _say_goodbye(self) -> Any:
        if not self._said_goodbye:
            try:
                if self._tls.shutdown():  # the client has said its own before
                    return CONNECTION_DONE
            except SSL.WantWriteError:
                return None
            except SSL.Error:
                return self._broken()
            self._said_goodbye = True
        self.stopWriting()
        self._paused = False
        self.startReading()
        return None

    def _goodbye_heard(self) -> Exception:
        """Answer, and drop what waits: TLS 1.2 asks for that (RFC 5246, section 7.2.1)."""
        with contextlib.suppress(SSL.Error):
            self._tls.shutdown()
        return CONNECTION_DONE

    def _broken(self) -> Exception:
        """Read what the client has sent besides: closed over unread bytes, the connection would be reset, and the
        alert that says what was wrong be lost."""
        with contextlib.suppress(OSError):
            self.socket.recv(READ_AT_ONCE)
        return CONNECTION_LOST


class TlsLaneFactory(ServerFactory):
    """Makes connections that speak TLS from their first byte."""

    noisy = False

    def __init__(
        self, *, contexts: ServerContexts, protocols: IProtocolFactory, otherwise: IProtocolFactory
    ) -> None:
        """Make the factory.

        :param protocols: makes what speaks through the encryption.
        :param otherwise: makes the whole of it for a transport that isn't twisted's own for TCP.
        """
        self.contexts = contexts
        self.protocols = protocols
        self.otherwise = otherwise

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Make what brings the transport of a new connection to the lane."""
        return _Entry(self, addr)


class _Entry(Protocol):
    """Puts a `SecureServer` in the place of the transport that it gets."""

    def __init__(self, lane: TlsLaneFactory, addr: Any) -> None:
        self._lane = lane
        self._addr = addr

    def makeConnection(self, transport: Any) -> None:
        """Hand the connection to its protocol."""
        if type(transport) is not Server:
            protocol: Any = self._lane.otherwise.buildProtocol(self._addr)
            transport.protocol = protocol
            protocol.makeConnection(transport)
            return
        transport.stopReading()  # the socket stays open, and what is left of its transport is forgotten
        protocol = self._lane.protocols.buildProtocol(self._addr)
        connection = self._lane.contexts.on_socket(transport.socket)
        protocol.makeConnection(SecureServer(transport, protocol, connection))
