"""Answers to many clients, sent together at the end of a turn of the reactor.

A client on the same machine, a proxy say, sleeps until an answer comes. Sent one by one, each answer wakes it, and
it sleeps again before the next is ready; waking it can cost as much as the rest of a small answer. Sent together,
the first wakes it, and the others come while it is awake.
"""

from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerstor.http.outright import hold, holdable, let_go, send

CROWD = 0.0002
"""Seconds between two answers within which more are to be expected. A single client takes longer to ask again."""

HELD_AT_MOST = 1024 * 1024
"""Bytes of all answers that are held."""


class Departures:
    """Sends answers. Use it in the reactor's thread."""

    def __init__(self, reactor: IReactorTime) -> None:
        """Hold nothing yet."""
        self._reactor = reactor
        self._last = float("-inf")
        self._held: list[Any] = []
        self._bytes = 0

    def send(self, transport: Any, *pieces: bytes) -> None:
        """Send an answer at once, or with others before this turn is over.

        :param transport: one that is `emptied`.
        """
        now = self._reactor.seconds()
        alone, self._last = now - self._last > CROWD, now
        if alone or not holdable(transport):
            send(transport, *pieces)
            return
        if not self._held:
            self._reactor.callLater(0, self._depart)
        self._held.append(transport)
        self._bytes += hold(transport, *pieces)
        if self._bytes > HELD_AT_MOST:
            self._depart()

    def _depart(self) -> None:
        held, self._held, self._bytes = self._held, [], 0
        for transport in held:
            let_go(transport)
