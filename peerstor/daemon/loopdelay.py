"""How late the reactor is: what everybody waits for while one thing holds it up."""

from bisect import bisect_left

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

EVERY = 0.5
"""Seconds between measurements: two a second find whatever lasts, and wake an idle machine up seldom enough."""

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the classes, seconds: from what nobody feels to what clients give up on."""


class LoopDelay:
    """Asks to be called at a time, and notes how long after it that happens.

    :ivar classes: how many measurements were within each of `BOUNDS`, and not within the one before; behind them,
        how many were beyond all.
    :ivar total: the sum of all delays, seconds.
    """

    def __init__(self, clock: IReactorTime) -> None:
        """Measure nothing yet."""
        self.classes = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self._clock = clock
        self._due = 0.0
        self._loop = LoopingCall(self._called)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._clock.seconds() + EVERY
        self._loop.start(EVERY, now=False)

    def stop(self) -> None:
        """Measure no more."""
        if self._loop.running:
            self._loop.stop()

    def _called(self) -> None:
        now = self._clock.seconds()
        delay = max(0.0, now - self._due)
        self.classes[bisect_left(BOUNDS, delay)] += 1
        self.total += delay
        # The loop goes on at the next of its times, and leaves those out that it has missed.
        missed = int(delay / EVERY)
        self._due += EVERY * (missed + 1)
