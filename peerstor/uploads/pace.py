"""What the uploads that are under way share: the time of the reactor's thread, and memory."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.internet.interfaces import IReactorTime

SLOW = 0.02
"""Seconds that one write may hold the reactor up. Writes to the page cache take a hundredth of it; one that takes
longer waits for the disk itself, because more is written than it takes (or it is no disk of this machine)."""

REST = 10.0
"""Seconds for which nothing is written in the reactor's thread after a slow write, at least."""

STALLED_AT_MOST = 0.01
"""The part of the time that slow writes may take from everybody else: so long is the rest after one."""

HELD_AT_MOST = 24 * 1024 * 1024
"""Bytes that all uploads together may hold for a slow disk, while each has its least."""

LEAST = 64 * 1024
"""Bytes that each may hold however many they are: one read of a socket."""


_WHOSE = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


def waits() -> int:
    """Count how often this thread has waited for something, not how often others had the processor."""
    return resource.getrusage(_WHOSE).ru_nvcsw


class Pace:
    """Whether the disk keeps up with the reactor's thread, and how much one upload may hold when it doesn't."""

    def __init__(self, *, clock: IReactorTime, waited: Callable[[], int] = waits) -> None:
        """Begin with the best expectations.

        :param waited: counts how often the reactor's thread has waited for anything.
        """
        self._clock = clock
        self._waited = waited
        self._rests_until = 0.0
        self._takers = 0

    @property
    def quick(self) -> bool:
        """Whether it is worth trying to write in the reactor's thread."""
        return self._clock.seconds() >= self._rests_until

    def timed(self) -> Callable[[], bool]:
        """Begin to time a write in the reactor's thread.

        :return: to be called at its end; tells whether it was quick. A busy processor isn't held against the disk.
        """
        began, before = self._clock.seconds(), self._waited()

        def ended() -> bool:
            now = self._clock.seconds()
            if now - began <= SLOW or self._waited() == before:
                return True
            self._rests_until = now + max(REST, (now - began) / STALLED_AT_MOST)
            return False

        return ended

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Count an upload that takes bytes while the context is entered."""
        self._takers += 1
        try:
            yield
        finally:
            self._takers -= 1

    @property
    def share(self) -> int:
        """Bytes that one upload may hold."""
        return max(LEAST, HELD_AT_MOST // max(1, self._takers))
