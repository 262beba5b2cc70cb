"""Sockets that listen, made before the daemon forks, and the service that hands them to the reactor."""

import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from peerstor.daemon.portholder import holder_of
from peerstor.daemon.unixport import adopt
from peerstor.errors import StartupError

# A page of small pictures opens many connections in one go; beyond the backlog a client waits a whole second
# for its next SYN. The kernel cuts it to net.core.somaxconn.
BACKLOG = 1024

# Bytes of answers that the kernel takes beyond what is on its way, for each connection. By default they are
# megabytes where the path is short: for a thousand clients who asked and didn't read it copied gigabytes, and
# meanwhile nobody else was served.
UNSENT_AT_MOST = 128 * 1024

# Further ports tried when the wanted one is in use.
FURTHER_PORTS = 100

_log = Logger()

Address = tuple[socket.AddressFamily, str, int]


def listen(
    host: str,
    port: int,
    *,
    strict: bool = False,
    option: str = "port",
    host_as: str = "--host ",
    who: Callable[[int], str | None] = holder_of,
) -> list[socket.socket]:
    """Bind `host` and listen, on `port` or the next free one.

    :param host: an address or a name of this machine; `::` takes IPv4 too.
    :param port: TCP port; 0 takes any free one.
    :param strict: take `port` or nothing.
    :param option: the one that names the port, for the message.
    :param host_as: what stands before the host where it was given, for the message.
    :param who: tells who holds a port, for the message.
    :return: one socket for each address of `host`, non-blocking and listening on the same port. They are
        closed by whoever adopts them.
    :raises StartupError: when that can't be done.
    """
    addresses = _resolve(host, host_as)
    last = port if strict or port == 0 else min(port + FURTHER_PORTS, 65535)
    for candidate in range(port, last + 1):
        sockets = _listen_on_all(addresses, candidate, host, host_as)
        if sockets is not None:
            if candidate != port:
                _log.warn("{reason} Port {port} is taken instead.", reason=_in_use(port, who), port=candidate)
            return sockets
    if strict or port in (0, last):
        raise StartupError(f"{_in_use(port, who)} Stop it, or choose another --{option}.")
    raise StartupError(f"{_in_use(port, who)} So are all up to {last}. Choose another --{option}.")


class Listening(Service):
    """Accepts connections on sockets that listen already.

    The kernel has queued connections since `listen`; the first is accepted when the reactor runs, hence after
    every service has started.
    """

    def __init__(
        self,
        *,
        reactor: IReactorSocket,
        sockets: Sequence[socket.socket],
        factory: ServerFactory,
        secure: tuple[Sequence[socket.socket], ServerFactory] | None = None,
        local: ServerFactory | None = None,
    ) -> None:
        """Make the service.

        :param factory: of the connections that come by `sockets`.
        :param secure: further sockets, and the factory of the connections that come by those.
        :param local: the factory for those of `sockets` that are UNIX sockets; None for the same.
        """
        self._reactor = reactor
        self._sockets = [
            (listener, local if local is not None and listener.family == socket.AF_UNIX else factory)
            for listener in sockets
        ]
        if secure is not None:
            self._sockets += [(listener, secure[1]) for listener in secure[0]]
        self._ports: list[Any] = []  # IListeningPort, and reads like any descriptor

    def privilegedStartService(self) -> None:
        """Hand the sockets over, and close our copies of them."""
        super().privilegedStartService()
        while self._sockets:
            listener, factory = self._sockets.pop(0)
            with listener:
                self._ports.append(adopt(self._reactor, listener, factory))

    def set_full(self, full: bool) -> None:
        """Stop accepting for as long as the process has no descriptors to spare; the kernel queues meanwhile."""
        for port in self._ports:
            if full:
                port.stopReading()
            else:
                # Otherwise twisted accepts a hundred or more in one go, for which there is no room.
                port.numberAccepts = 1
                port.startReading()

    def stopService(self) -> Deferred[None]:
        """Stop accepting; fires when every port is closed. Connections that are open stay."""
        super().stopService()
        ports, self._ports = self._ports, []
        for listener, _ in self._sockets:
            listener.close()
        self._sockets = []
        stopping = gatherResults([maybeDeferred(port.stopListening) for port in ports])
        return stopping.addCallback(lambda _: None)


def _resolve(host: str, host_as: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise StartupError(
            f"{host_as}{host} is no address or known name. Use an address of this machine, 0.0.0.0 or ::."
        ) from None
    addresses: list[Address] = []
    for family, _, _, _, where in found:
        scope = where[3] if len(where) == 4 else 0
        address = (family, str(where[0]), int(scope))
        if address not in addresses:
            addresses.append(address)
    return addresses


def _listen_on_all(addresses: Sequence[Address], port: int, host: str, host_as: str) -> list[socket.socket] | None:
    """Listen on `port` of each address that this machine has; None when it is in use on one of them."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for address in addresses:
        try:
            # A name that has several addresses gets one port on all of them.
            sockets.append(_listen_on(address, sockets[0].getsockname()[1] if sockets else port))
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                missing = error
                continue
            for listener in sockets:
                listener.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise StartupError(_refused(host, host_as, port, error)) from None
    if not sockets and missing is not None:
        raise StartupError(_refused(host, host_as, port, missing))
    return sockets


def _listen_on(address: Address, port: int) -> socket.socket:
    family, where, scope = address
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a restart waits for the old connections' TIME_WAIT. It lets nobody share a port on which
        # somebody listens.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # each accepted connection has it from here
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_AT_MOST)
        if family == socket.AF_INET6:
            # RFC 3493, section 5.3. Said for both cases: the system's default differs between machines.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if where == "::" else 1)
            listener.bind((where, port, 0, scope))
        else:
            listener.bind((where, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _in_use(port: int, who: Callable[[int], str | None]) -> str:
    if port == 0:
        return "No port is free."
    holder = who(port)
    if holder:
        return f"Port {port} is in use by {holder}."
    return f"Port {port} is in use (to see by whom: sudo ss -ltnp 'sport = :{port}')."


def _refused(host: str, host_as: str, port: int, error: OSError) -> str:
    if error.errno == errno.EAFNOSUPPORT or (error.errno == errno.EADDRNOTAVAIL and host == "::"):
        return f"This machine has no IPv6, so {host_as}{host} can't be used. Use {host_as}0.0.0.0."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host_as}{host} is no address of this machine. Use one of its own, 0.0.0.0 or ::."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} needs more rights than this user has. Choose one from 1024."
    return f"Can't listen on {host} port {port}: {os.strerror(error.errno or 0)}."
