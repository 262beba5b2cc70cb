"""A thread that looks at many things lets the others run meanwhile."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Things that the thread takes before it lets others run. The interpreter would take the lock from it only after
# 5 ms, which the reactor would wait anew for each of its own steps; 256 entries are about half a millisecond.
SLICE = 256
# A sleep of no length gives the lock up but mostly gets it back before a waiting thread has woken.
PAUSE = 0.000_05


def slices(items: Iterable[T]) -> Iterator[list[T]]:
    """Give some things in lists, with a pause after each that is full."""
    coming = iter(items)
    while some := list(islice(coming, SLICE)):
        yield some
        if len(some) == SLICE:
            time.sleep(PAUSE)


class Pace:
    """Counts the steps of one piece of work and pauses after every so many."""

    def __init__(self) -> None:
        self._steps = 0

    def step(self) -> None:
        """Count one thing. Blocks for a moment now and then."""
        self._steps += 1
        if self._steps % SLICE == 0:
            time.sleep(PAUSE)

    def through(self, items: Iterable[T]) -> Iterator[T]:
        """Give each of some things, one step each."""
        steps = self._steps
        try:
            for item in items:
                yield item
                steps += 1
                if steps % SLICE == 0:
                    time.sleep(PAUSE)
        finally:
            self._steps = steps
