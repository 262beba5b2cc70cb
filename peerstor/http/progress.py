"""Whether a busy connection moves, and whose fault it is when it doesn't."""

from enum import Enum, auto

from twisted.internet.interfaces import IReactorTime

from peerstor.http.body import BodyStream
from peerstor.http.timeouts import Timeouts


class Verdict(Enum):
    """What is to become of a connection."""

    GOES_ON = auto()
    TOO_SLOW = auto()  # the client doesn't send what it announced
    STALLED = auto()  # nothing moves, and nobody is left to be told


class Progress:
    """Remembers the last looks at a connection, and judges the present one."""

    def __init__(self, *, clock: IReactorTime, limits: Timeouts) -> None:
        self._clock = clock
        self._limits = limits
        self._moved_at = self._window_start = 0.0
        self._taken = self._received = self._window_received = 0

    def begin(self, *, taken: int, received: int) -> None:
        """Begin to measure anew.

        :param taken: bytes of answers that the client has taken so far.
        :param received: bytes of the present body that have come so far.
        """
        self._moved_at = self._window_start = self._clock.seconds()
        self._taken = taken
        self._received = self._window_received = received

    def takes(self, *, written: int, pending: int) -> bool:
        """Tell whether the client took anything since the last look, or has nothing to take.

        :param written: bytes of answers written so far.
        :param pending: those of them that have not reached the client.
        """
        taken = written - pending
        moved = pending == 0 or taken > self._taken
        self._taken = taken
        return moved

    def judge(self, *, body: BodyStream | None, taking: bool, waiting: bool) -> Verdict:
        """Look at a connection in the middle of a request.

        :param body: the request's body, while it may still come.
        :param taking: what `takes` says.
        :param waiting: whether the transport waits for the client to take something.
        """
        now, limits = self._clock.seconds(), self._limits
        if body is None or not body.open or (body.held and waiting):
            moved, allowed, fault = taking, limits.response, Verdict.STALLED
        elif body.held:
            moved, allowed, fault = False, limits.held, Verdict.STALLED
        else:
            moved, allowed, fault = body.received > self._received, limits.body, Verdict.TOO_SLOW
            self._received = body.received
            if self._trickles(body.received, now):
                return Verdict.TOO_SLOW
        if moved:
            self._moved_at = now
        return Verdict.GOES_ON if now - self._moved_at < allowed else fault

    def _trickles(self, received: int, now: float) -> bool:
        """Tell, at the end of each window, whether too little came in it."""
        if now - self._window_start < self._limits.rate_window:
            return False
        least = self._limits.rate * self._limits.rate_window
        came, self._window_received, self._window_start = received - self._window_received, received, now
        return came < least
