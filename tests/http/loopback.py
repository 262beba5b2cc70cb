"""A site on real sockets of this machine, and clients beside it, all turned by the test in its own thread."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.epollreactor import EPollReactor
from twisted.trial.unittest import SynchronousTestCase

PATIENCE = 30.0
"""Seconds; reached only by what hangs."""


class Client:
    """A client's end of a connection.

    :ivar received: all bytes so far.
    :ivar ended: how the server has ended it, `"closed"` or `"reset"`; else empty.
    """

    def __init__(self, sock: socket.socket, transport: Any) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.transport = transport
        self.received = bytearray()
        self.ended = ""

    def take(self, most: int = 1 << 30) -> int:
        """Read what is there, at most so many bytes; tell how many came."""
        before = len(self.received)
        with contextlib.suppress(BlockingIOError):
            while most > 0 and not self.ended:
                try:
                    data = self.socket.recv(min(most, 1 << 20))
                except ConnectionResetError:
                    self.ended = "reset"
                    break
                if not data:
                    self.ended = "closed"
                self.received += data
                most -= len(data)
        return len(self.received) - before

    def reset(self) -> None:
        """Close as a machine does that crashed: with RST, not FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


class Loopback:
    """Connects clients to a site.

    :param site: one whose own clock the test turns.
    :param family: `AF_INET` or `AF_UNIX`.
    """

    def __init__(self, case: SynchronousTestCase, site: Any, *, family: int = socket.AF_INET) -> None:
        self.reactor = EPollReactor()
        self.site = site
        self._case = case
        self._family = family
        case.addCleanup(self._close)

    def connect(self, *, receive_buffer: int = 0, protocol: Any = None) -> Client:
        """Open a connection.

        :param receive_buffer: bytes; a small one makes a slow reader slow at once.
        :param protocol: the server's side of it, where it isn't the site's own.
        """
        theirs, ours = self._pair(receive_buffer)
        protocol = protocol or self.site.buildProtocol(None)
        if self._family == socket.AF_UNIX:
            transport: Any = unix.Server(ours, protocol, "", None, 0, self.reactor)  # type: ignore[no-untyped-call]
        else:
            transport = tcp.Server(ours, protocol, ("127.0.0.1", 1), None, 0, self.reactor)  # type: ignore[arg-type]
        protocol.makeConnection(transport)
        client = Client(theirs, transport)
        self._case.addCleanup(theirs.close)
        return client

    def turn(self, times: int = 1) -> None:
        """Let the reactor do what is due now."""
        for _ in range(times):
            self.reactor.iterate(0)
            self.site.reactor.advance(0)

    def until(self, condition: Callable[[], object], *clients: Client) -> None:
        """Turn until something holds, while `clients` read whatever comes."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            self.turn()
            for client in clients:
                client.take()

    def settle(self) -> None:
        """Turn until nothing moves any more: over loopback all moves within a turn."""
        self.turn(100)

    def watched(self, client: Client) -> bool:
        """Tell whether the reactor waits for the socket to take bytes."""
        return client.transport in self.reactor.getWriters()

    def _pair(self, receive_buffer: int) -> tuple[socket.socket, socket.socket]:
        if self._family == socket.AF_UNIX:
            return socket.socketpair()
        theirs = socket.socket()
        if receive_buffer:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs.connect(listener.getsockname())
            return theirs, listener.accept()[0]

    def _close(self) -> None:
        for selectable in self.reactor.removeAll():
            if isinstance(selectable, tcp.Connection):
                selectable.abortConnection()
        self.turn(2)
        self.reactor.removeAll()
        self.reactor._poller.close()
        for end in (self.reactor.waker.i, self.reactor.waker.o):
            os.close(end)
