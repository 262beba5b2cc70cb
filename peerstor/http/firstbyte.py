"""TLS and plain text on one port, told apart by the first byte that a client sends."""

import socket
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.tcp import Server
from twisted.python.failure import Failure

from peerstor.http.clients import client_address
from peerstor.http.deadline import Deadline
from peerstor.http.seams import House

HANDSHAKE = b"\x16"
"""The first byte of a TLS connection: the record type of a handshake (RFC 8446, section 5.1). No method of HTTP
begins so."""


class FirstByteFactory(ServerFactory):
    """Makes connections of which nobody knows yet whether TLS is spoken.

    :param house: whose books they stand on meanwhile, and whose time for a head holds for the first byte.
    :param secure: makes the protocol of a client that speaks TLS.
    :param plain: makes that of any other.
    """

    noisy = False

    def __init__(self, *, house: House, secure: IProtocolFactory, plain: IProtocolFactory) -> None:
        self.house = house
        self.secure = secure
        self.plain = plain

    def buildProtocol(self, addr: IAddress | None) -> "FirstByte":
        """Make the protocol of a new connection."""
        protocol = FirstByte(house=self.house, secure=self.secure, plain=self.plain)
        protocol.factory = self
        return protocol


class FirstByte(Protocol):
    """A connection before its first byte; then another protocol takes its place on the transport."""

    transport: Any

    def __init__(self, *, house: House, secure: IProtocolFactory, plain: IProtocolFactory) -> None:
        self._house = house
        self._secure = secure
        self._plain = plain
        self._deadline = Deadline(house.reactor)

    @property
    def address(self) -> str:
        """The client's address in words; `-` where it has none."""
        return client_address(self.transport)

    def connectionMade(self) -> None:
        """Begin to wait. A client that has too many connections is told so by the protocol that follows."""
        if not self._house.admit(self) and self._house.swamped(self):
            self.abort()
            return
        self._deadline.set(self._house.timeouts.head, self.abort)
        if self._house.lanes and type(self.transport) is Server:
            self.transport.doRead = self._peek  # type: ignore[method-assign]

    def dataReceived(self, data: bytes) -> None:
        """Hand over to whoever understands it."""
        self._hand_over(data)
        self.transport.protocol.dataReceived(data)

    def _peek(self) -> ConnectionDone | ConnectionLost | None:
        """Look at the first byte and leave it where it is, since OpenSSL reads the socket itself."""
        try:
            first = self.transport.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not first:
            return CONNECTION_DONE
        del self.transport.doRead
        self._hand_over(first)  # the reactor will find the socket still readable
        return None

    def _hand_over(self, first: bytes) -> None:
        """Give the connection to whoever understands its first bytes."""
        self._leave()
        chosen = self._secure if first.startswith(HANDSHAKE) else self._plain
        protocol: Any = chosen.buildProtocol(self.transport.getPeer())
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let go of everything."""
        self._leave()

    def finish_and_close(self) -> None:
        """Close; nothing is under way."""
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def _leave(self) -> None:
        self._deadline.clear()
        self._house.forget(self)
