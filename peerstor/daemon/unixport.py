"""A UNIX socket in the reactor, whose entry in its folder is nobody's business there."""

import socket
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure


class UnixPort(unix.Port):
    """Accepts connections on a UNIX socket that listens already.

    Twisted's own changes the permissions of the socket's entry, makes its queue shorter and removes it at the end.
    That fails for a socket of systemd's, or once root is given up, and would be wrong for the former.
    """

    def __init__(self, *, listener: socket.socket, factory: IProtocolFactory, reactor: Any) -> None:
        """Take over a socket.

        :param listener: non-blocking and listening; a copy of it is made.
        """
        super().__init__(_path_of(listener), factory, reactor=reactor)
        self._copy: socket.socket | None = listener.dup()

    def startListening(self) -> None:
        """Begin to accept."""
        assert self._copy is not None
        # Where no descriptor is left, twisted gives this one up to turn a client away; all ports share it.
        tcp._reservedFD.reserve()
        self.factory.doStart()  # type: ignore[union-attr]
        self.socket, self._copy = self._copy, None
        self.fileno = self.socket.fileno  # type: ignore[method-assign]
        self.connected = True
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: Failure) -> None:
        """Close the socket, and leave its entry to whoever made it."""
        tcp.Port.connectionLost(self, reason)


def adopt(reactor: Any, listener: socket.socket, factory: IProtocolFactory) -> Any:
    """Hand a socket that listens to the reactor, which makes a copy of it.

    :return: a port, as `IReactorSocket.adoptStreamPort` gives one.
    """
    if listener.family != socket.AF_UNIX:
        return reactor.adoptStreamPort(listener.fileno(), listener.family, factory)
    port = UnixPort(listener=listener, factory=factory, reactor=reactor)
    port.startListening()
    return port


def _path_of(listener: socket.socket) -> bytes:
    name = listener.getsockname()  # bytes where it is in Linux's abstract namespace
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
