"""How much of what was written has not yet reached the client."""

import contextlib
import fcntl
import socket
import struct
import termios
from typing import Any

_ACKED = 120
"""Where Linux's `struct tcp_info` has the bytes that the client has acknowledged (tcp(7); linux/tcp.h)."""

_COUNT = struct.Struct("Q")


def unsent(transport: Any) -> int:
    """Count the bytes that the transport and the kernel still hold for the client.

    twisted tells a producer only that its buffer has emptied, which a slow reader behind a large kernel buffer may
    not do for minutes while it reads all the time. The kernel's own count tells such a reader from one that
    stalled.

    :param transport: a stream transport of twisted; TLS is looked through to the socket below.
    :return: bytes; 0 where the transport doesn't tell.
    """
    while hasattr(transport, "transport") and not hasattr(transport, "_tempDataLen"):
        transport = transport.transport
    if not hasattr(transport, "_tempDataLen"):
        return 0
    held: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    held -= getattr(transport, "underway", 0)
    with contextlib.suppress(OSError, ValueError):  # no such request for this kind of socket, or it is closed
        held += _queued(transport)
    return held


def accepted(connection: socket.socket) -> int | None:
    """Count the bytes that the kernel has taken for the client since the connection began, sent or not.

    :return: None where that isn't known.
    """
    if not hasattr(socket, "TCP_INFO"):
        return None
    with contextlib.suppress(OSError, ValueError, struct.error):
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED + _COUNT.size)
        return int(_COUNT.unpack_from(told, _ACKED)[0]) + _queued(connection)
    return None


def _queued(connection: Any) -> int:
    """Count the bytes that the kernel has and the client hasn't acknowledged. Raises OSError, ValueError."""
    return int(struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])
