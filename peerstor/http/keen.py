"""Having the kernel take more of an answer for a client that reads fast than for one that may not.

Of everybody the kernel takes little beyond what is on its way (see `peerstor.daemon.listen`), so that many who
read slowly, or never, cost little. But one who reads fast drains that little at once, and is then woken for every
few bytes that come behind: where waking is dear, that costs more than the rest of a transfer.
"""

import contextlib
import socket
from collections.abc import Callable

MUCH = 1024 * 1024
"""Bytes of answers that make a client count as fast, if it takes them in time."""

IN_TIME = 0.25
"""Seconds in which it has to take them, again and again: some 33 Mbit/s."""

_UNSENT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class Keenness:
    """Knows whether one connection's client reads fast just now.

    :ivar keen: whether it does.
    """

    def __init__(self, unsent: int, *, now: Callable[[], float]) -> None:
        """Begin with one that has taken nothing.

        :param unsent: bytes that the kernel is to take for a keen client beyond what is on its way.
        :param now: seconds of a clock that only goes forward.
        """
        self.keen = False
        self._unsent = unsent
        self._now = now
        self._since = now()
        self._taken = 0
        self._usual: int | None = None

    def took(self, count: int, connection: socket.socket) -> None:
        """Note that the kernel has taken bytes, and have it take more or less from now on."""
        now = self._now()
        self._taken += count
        if now - self._since > IN_TIME:
            self._since, self._taken = now, 0
            self._become(False, connection)
        elif self._taken >= MUCH:
            self._since, self._taken = now, 0
            self._become(True, connection)

    def _become(self, keen: bool, connection: socket.socket) -> None:
        if keen is self.keen:
            return
        self.keen = keen
        if _UNSENT is None:
            return
        with contextlib.suppress(OSError):  # no TCP; or the connection is lost, which shows elsewhere
            if self._usual is None:
                self._usual = connection.getsockopt(socket.IPPROTO_TCP, _UNSENT)
            connection.setsockopt(socket.IPPROTO_TCP, _UNSENT, self._unsent if keen else self._usual)
