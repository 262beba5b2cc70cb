"""What it takes to make a small file on this disk, and so how many threads are worth having for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, thread_time

TOILSOME = 0.000_25
"""Seconds of processor a file beyond which the kernel has most of the work, which it does beside the interpreter:
encryption, or an ext4 without a journal that looks for a free inode among those deleted in the last minute. A file
takes a quarter of it otherwise."""

REMOTE = 0.001_5
"""Seconds a file beyond which the thread mostly waits for something far away, a network drive say. Waiting for the
interpreter's lock, which is in it too, takes less on the average."""

ABREAST = 3
"""Visits at the same time where that helps. Two have most of the gain on two processors; each syncs for itself,
and some of the threads that the disk always has must be left for everybody else."""

REMEMBERED = 64
"""Files over which the averages go, about."""

OUTLIER = 2
"""Times a limit that a reading counts for at most: a disk that hung once is no slow disk, not even for the largest
group."""


class Effort:
    """Measures what small files take. Its methods may be called in any thread."""

    def __init__(
        self, *, clock: Callable[[], float] = monotonic, worked: Callable[[], float] = thread_time
    ) -> None:
        """Begin with the best expectations.

        :param worked: seconds of processor that the calling thread has used.
        """
        self._clock = clock
        self._worked = worked
        self._toil = self._time = 0.0

    @contextmanager
    def measured(self, files: int) -> Iterator[None]:
        """Measure the making of so many files, which may be none."""
        began, before = self._clock(), self._worked()
        try:
            yield
        finally:
            # Threads that come here together may lose each other's news, which is no more than a delay.
            if files > 0:
                weight = min(1.0, files / REMEMBERED)
                toil, time = (self._worked() - before) / files, (self._clock() - began) / files
                self._toil += weight * (min(toil, OUTLIER * TOILSOME) - self._toil)
                self._time += weight * (min(time, OUTLIER * REMOTE) - self._time)

    def abreast(self) -> int:
        """Tell how many visits are worth making at the same time.

        Where files are made quickly they contend for the interpreter's lock, and one alone is faster than several.
        """
        return ABREAST if self._toil > TOILSOME or self._time > REMOTE else 1
