"""Looking after the cache while the server runs."""

from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from peerstor.cache.store import Cache
from peerstor.interfaces import IThreads

_log = Logger()

LOOK_EVERY = 60.0
"""Seconds between looks: for so long a disk that others have filled waits for what the cache holds."""


class Upkeep:
    """Looks after a cache from the start on. Use it in the reactor's thread.

    :param threads: where it looks; a look at a cold disk may take seconds.
    :param clock: the reactor.
    """

    def __init__(self, *, cache: Cache, threads: IThreads, clock: Any) -> None:
        self._cache = cache
        self._threads = threads
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        """Look at once, and then each minute."""
        self._looking.start(LOOK_EVERY)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def resize(self, asked: int | None) -> None:
        """Let another size hold, bytes; None for a share of the disk."""
        self._cache.asked = asked
        if self._looking.running:
            self._look()

    def _look(self) -> None:
        # Not waited for: on a disk that hangs, the next look is as good.
        self._threads.run(self._cache.look).addErrback(
            lambda failure: _log.failure("The cache could not be looked after", failure=failure)
        )
