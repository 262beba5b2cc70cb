"""One timer for a connection that changes its mind at every request."""

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadline:
    """Calls back when a moment is reached; moving that moment is nearly free.

    A connection sets a new deadline several times a request. Instead of moving the reactor's call each time, the
    one that is armed looks at its firing whether the deadline has moved on. It never lies further ahead than
    `tick`, so that setting an earlier deadline of at least `tick` seconds needs no new call either.
    """

    def __init__(self, clock: IReactorTime, *, tick: float = 10.0) -> None:
        """Make a deadline that is not set.

        :param tick: seconds; a shorter one wakes an idle connection more often, a longer one moves the reactor's
            call more often on a busy one.
        """
        self._clock = clock
        self._tick = tick
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self._expired: Callable[[], None] | None = None

    def set(self, seconds: float, expired: Callable[[], None]) -> None:
        """Call `expired` after `seconds`, unless set anew or cleared before."""
        now = self._clock.seconds()
        self._due = now + seconds
        self._expired = expired
        wake = min(seconds, self._tick)
        if self._call is None:
            self._call = self._clock.callLater(wake, self._wake)
        elif now + wake < self._call.getTime():
            self._call.reset(wake)

    def clear(self) -> None:
        """Forget the deadline, and let go of the reactor's call."""
        self._expired = None
        if self._call is not None:
            call, self._call = self._call, None
            call.cancel()

    def _wake(self) -> None:
        self._call = None
        if self._expired is None:
            return
        left = self._due - self._clock.seconds()
        if left > 0:
            self._call = self._clock.callLater(min(left, self._tick), self._wake)
            return
        expired, self._expired = self._expired, None
        expired()
