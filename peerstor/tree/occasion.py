"""When a sweep of the trash is worth its while."""

import math
import threading

# A sweep looks at everything, so it may wait for some more; the share of the disk may be exceeded meanwhile.
REST = 60.0
REST_FACTOR = 10
# For what only grows old: it is kept for days.
EVERY = 3600.0


class Occasion:
    """Weighs what came into the trash since the last sweep against what may come; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._added = math.inf
        self._room = 0
        self._over = -math.inf
        self._took = 0.0

    def has_come(self, now: float) -> bool:
        """Tell whether to sweep now: what came may be too much, or an hour has passed.

        Never within a minute of the last sweep, nor before ten times as long has passed as that took.

        :param now: by a clock that may be set back, seconds.
        """
        waited = now - self._over
        if 0 <= waited < max(REST, REST_FACTOR * self._took):
            return False
        return self._added > self._room or not 0 <= waited < EVERY

    def add(self, weight: float) -> None:
        """Count what came; infinity where nobody knows how much that is.

        :param weight: bytes.
        """
        with self._lock:
            self._added += weight

    def begin(self) -> None:
        """Begin to count anew: a sweep may see what comes from now on, or not."""
        with self._lock:
            self._added = 0.0

    def settle(self, room: int) -> None:
        """Note how many bytes may come until it is too much."""
        self._room = room

    def end(self, now: float, took: float) -> None:
        """Note that a sweep is over, however it ended.

        :param took: seconds.
        """
        self._over, self._took = now, took
