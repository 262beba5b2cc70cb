"""A plain transport whose `doWrite` is borrowed for the length of one answer, to send files past its buffer.

twisted's reactor looks `doWrite` up on the transport each time that the socket takes bytes, so one on the instance
stands before that of the class. The private names of twisted that are touched here are listed in
`tests/http/test_twisted_names.py`.
"""

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.abstract import FileDescriptor

_MORE: int = getattr(socket, "MSG_MORE", 0)

#: The ways to write to a socket as it is. A transport that has another one may put something between, TLS say.
_PLAIN = frozenset({tcp.Connection.writeSomeData, unix.Server.writeSomeData})


def lendable(transport: Any) -> bool:
    """Tell whether a transport writes to a bare socket, is not full, and nobody has borrowed it nor closes it."""
    kind = type(transport)
    return (
        hasattr(os, "sendfile")
        and isinstance(transport, tcp.Connection)
        and kind.doWrite is FileDescriptor.doWrite
        and kind.writeSomeData in _PLAIN
        and not transport.TLS
        and "doWrite" not in vars(transport)
        and bool(transport.connected and not (transport.disconnecting or transport.producerPaused))
    )


class Lent:
    """A transport that is lent.

    While it is, its buffer holds nothing but what goes out before the next bytes of a file.
    """

    def __init__(self, transport: Any, writable: Callable[[], None]) -> None:
        """Borrow a transport for which `lendable` holds.

        :param writable: called in `doWrite`'s place, when the socket takes bytes again.
        """
        self._transport = transport
        self._writable = writable
        transport.doWrite = writable

    @property
    def closing(self) -> bool:
        """Whether somebody wants the connection closed."""
        return bool(self._transport.disconnecting or not self._transport.connected)

    def hold(self, data: bytes) -> None:
        """Put bytes behind those in the buffer."""
        self._transport._tempDataBuffer.append(data)
        self._transport._tempDataLen += len(data)

    def flush(self, *, more: bool) -> bool:
        """Send what is in the buffer; tell whether all of it went.

        :param more: further bytes follow at once, and may share a packet with the last of these.
        :raise OSError: the connection is lost.
        """
        transport = self._transport
        if not transport._tempDataLen and not transport.dataBuffer:
            return True
        data = b"".join((memoryview(transport.dataBuffer)[transport.offset :], *transport._tempDataBuffer))
        transport._tempDataBuffer, transport._tempDataLen = [], 0
        transport.dataBuffer, transport.offset = data, 0
        try:
            sent = transport.socket.send(data, _MORE if more else 0)
        except BlockingIOError:
            return False
        if sent < len(data):
            transport.offset = sent
            return False
        transport.dataBuffer = b""
        return True

    def sendfile(self, fd: int, position: int, length: int) -> int:
        """Send bytes of a file, which should be in memory.

        :return: how many went; 0 is the end of the file.
        :raise BlockingIOError: the socket takes nothing now.
        :raise OSError: the connection is lost, the disk fails, or this file can't be sent so.
        """
        return os.sendfile(self._transport.fileno(), fd, position, length)

    def wait(self) -> None:
        """Have `writable` called when the socket takes bytes."""
        self._transport.startWriting()

    def rest(self) -> None:
        """Don't have it called for now."""
        self._transport.stopWriting()

    def give_back(self) -> None:
        """End the loan: what is in the buffer goes the ordinary way."""
        transport = self._transport
        if vars(transport).get("doWrite") is not self._writable:
            return  # whoever aborts a connection puts an own one there
        del transport.doWrite
        if transport._tempDataLen or transport.dataBuffer or self.closing:
            return
        if transport.producerPaused:
            # The buffer was full for a moment, and only the ordinary way tells that it isn't any more.
            transport.startWriting()
        else:
            transport.stopWriting()
