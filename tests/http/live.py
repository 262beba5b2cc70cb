"""A client and a server joined by a real socket, whose reactor is the test's own hand."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.posixbase import _DisconnectSelectableMixin
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.internet.unix import Server as UnixServer

from peerstor.http.request import StreamingRequest
from peerstor.http.site import StreamingSite
from tests.http.wire import Scripted

PATIENCE = 10.0
"""Seconds within which the kernel carries what was sent over loopback."""


class HandReactor(Clock, _DisconnectSelectableMixin):  # type: ignore[misc]
    """Watches sockets, and lets each read or write once when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []
        self.writers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def addWriter(self, writer: Any) -> None:
        if writer not in self.writers:
            self.writers.append(writer)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: Any) -> None:
        if writer in self.writers:
            self.writers.remove(writer)

    def turn(self) -> bool:
        """Do what can be done now, each socket once; tells whether there was anything."""
        able = select.select(self.readers, self.writers, [], 0)
        for one in able[0]:
            if why := one.doRead():
                self._disconnectSelectable(one, why, True)
        for one in able[1]:
            if one in self.writers and (why := one.doWrite()):
                self._disconnectSelectable(one, why, False)
        self.advance(0)
        return bool(able[0] or able[1])

    def settle(self) -> None:
        """Go on until nothing is left to be done."""
        while self.turn():
            pass


class Live:
    """One connection to a site of ours.

    :param family: `AF_INET` or `AF_UNIX`.
    """

    def __init__(
        self, handle: Callable[[StreamingRequest], None], *, family: int = socket.AF_INET, **site: Any
    ) -> None:
        self.reactor = HandReactor()
        self.resource = Scripted(handle)
        self.site = StreamingSite(self.resource, reactor=cast(Any, self.reactor), **site)
        self.channel = self.site.buildProtocol(None)
        self.transport: Any = self._unix() if family == socket.AF_UNIX else self._tcp()
        self.channel.makeConnection(self.transport)
        self.answers = b""

    def _tcp(self) -> Server:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname())
            accepted, address = listener.accept()
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Server(accepted, self.channel, address, cast(Any, None), 0, cast(Any, self.reactor))

    def _unix(self) -> Any:
        self.client, accepted = socket.socketpair(socket.AF_UNIX)
        make: Any = UnixServer
        return make(accepted, self.channel, b"", None, 0, self.reactor)

    @property
    def lent(self) -> bool:
        """Whether the transport's reading is lent to a body."""
        return "doRead" in vars(self.transport)

    def send(self, data: bytes) -> None:
        """Send, and let the server take it as long as it takes any."""
        view = memoryview(data)
        self.client.setblocking(False)
        while view:
            try:
                view = view[self.client.send(view) :]
            except BlockingIOError:
                if not self.reactor.turn():
                    break
            except (BrokenPipeError, ConnectionResetError):
                break
        self.settle()

    def settle(self) -> None:
        """Let the server go on until it has nothing to do, and take what it answers."""
        self.reactor.settle()
        self.client.setblocking(False)
        try:
            while piece := self.client.recv(1 << 16):
                self.answers += piece
                self.reactor.settle()
        except (BlockingIOError, ConnectionResetError):
            return

    def lose(self, *, reset: bool = False) -> None:
        """Let the client go, by a close in good order or not."""
        if reset:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()
        select.select([self.transport] if self.transport.connected else [], [], [], PATIENCE)
        self.reactor.settle()

    def half_close(self) -> None:
        """Let the client say that it sends nothing more."""
        self.client.shutdown(socket.SHUT_WR)
        select.select([self.transport], [], [], PATIENCE)
        self.settle()

    def close(self) -> None:
        """Leave nothing behind."""
        self.client.close()
        if self.transport.connected:
            self.transport.abortConnection()
        self.reactor.advance(0)
