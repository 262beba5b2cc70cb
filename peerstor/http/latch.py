"""Waiting for an end that a cancellation may bring forward but not skip."""

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred


class Latch:
    """Holds one coroutine until it is opened.

    A cancelled Deferred fires at once, whatever is still under way; a caller that then closes a descriptor pulls
    it from under a read in a thread. A coroutine that waits here hears of the cancellation and goes on waiting.
    """

    def __init__(self) -> None:
        self._open = False
        self._waiting: Deferred[None] | None = None

    def open(self) -> None:
        """Let the coroutine go on, now or when it comes; more than once is the same as once."""
        self._open = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def wait(self, cancelled: Callable[[], None]) -> None:
        """Return once the latch is open.

        :param cancelled: called for each cancellation while waiting; it should see to it that the latch opens.
        """
        while not self._open:
            self._waiting = Deferred()
            try:
                await self._waiting
            except CancelledError:
                self._waiting = None
                cancelled()
