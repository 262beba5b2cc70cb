"""Having the kernel take more of an answer for a client that reads than for one that may not.

Of everybody the kernel takes little beyond what is on its way (see `peerstor.daemon.listen`), so that many who
never read cost nothing. But one who does read drains that little at once, and is then woken for every few bytes
that come behind: where waking is dear, that costs more than the rest of a transfer.
"""

import contextlib
import socket

KEEN_AFTER = 4 * 1024 * 1024
"""Bytes of answers after which a client counts as one that reads, however many come."""


class Keenness:
    """Counts what one connection's client has taken."""

    def __init__(self, unsent: int) -> None:
        """Begin with one that has taken nothing.

        :param unsent: bytes that the kernel is to take for a keen client beyond what is on its way.
        """
        self._unsent = unsent
        self._missing = KEEN_AFTER

    def took(self, count: int, connection: socket.socket) -> None:
        """Note that the kernel has taken bytes, and have it take more as soon as they are enough."""
        if self._missing <= 0:
            return
        self._missing -= count
        if self._missing <= 0 and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):  # no TCP; or the connection is lost, which shows elsewhere
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self._unsent)
