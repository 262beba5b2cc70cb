"""How far a part file is known to be on the disk itself, following the writer in the background."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from peerstor.interfaces import IThreads

EVERY = 1.0
"""Seconds that a written byte may wait for its sync; what a power failure can take from an upload."""

SYNC_AT = 32 * 1024 * 1024
"""Bytes behind at which a sync begins before the second is over, so that the next bytes are written meanwhile."""

BEHIND = 64 * 1024 * 1024
"""Bytes behind at which the writer has to wait: the mark is never further behind, and the last sync is short."""


class Syncs(Protocol):
    """What can be synced: a part file."""

    def sync(self) -> None:
        """Bring the data to the disk, in a thread. Raises OSError."""


class SyncedMark:
    """Keeps the synced mark of one part file close behind what is written.

    After a failed sync the mark stays where it is for good: the kernel may have dropped the pages, and a second
    sync would succeed without them. Whoever owns the file cuts it back to the mark and makes a new object.

    :ivar synced: bytes from the file's beginning that survive a power failure.
    :ivar failed: the error of the sync that failed, or None.
    """

    def __init__(
        self,
        *,
        part: Syncs,
        synced: int,
        threads: IThreads,
        clock: IReactorTime,
        moved: Callable[[int], None] = lambda synced: None,
        broke: Callable[[OSError], None] = lambda error: None,
    ) -> None:
        """Make a mark.

        :param moved: told of each new value of `synced`.
        :param broke: told once, when a sync has failed.
        """
        self.synced = synced
        self.failed: OSError | None = None
        self._part = part
        self._threads = threads
        self._clock = clock
        self._moved = moved
        self._broke = broke
        self._written = synced
        self._since = 0.0
        self._timer: IDelayedCall | None = None
        self._busy = False
        self._waiting: list[Deferred[None]] = []
        self._stopped = False

    def written(self, offset: int) -> Deferred[None] | None:
        """Note that the file is written up to `offset`.

        :return: None, or a Deferred to wait for before more is written, because the mark is too far behind. It
            fails with the OSError of a failed sync.
        """
        if self._written <= self.synced:
            self._since = self._clock.seconds()
        self._written = max(self._written, offset)
        self._schedule()
        if self._written - self.synced < BEHIND or self.failed is not None or self._stopped:
            return None
        return self._next()

    async def reach_end(self) -> None:
        """Wait until all that is written is synced. Raises OSError when that fails."""
        while self.failed is None and self.synced < self._written:
            moved = self._next()
            if not self._busy:
                self._begin()
            await moved
        if self.failed is not None:
            raise self.failed

    async def stop(self) -> None:
        """Begin no more syncs and wait for the one under way, so that the file can be closed."""
        self._stopped = True
        self._stop_timer()
        while self._busy:
            try:
                await self._next()
            except OSError:
                return

    def _next(self) -> Deferred[None]:
        """What fires at the end of the next sync."""
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        return done

    def _schedule(self) -> None:
        if self._busy or self._stopped or self.failed is not None or self._written <= self.synced:
            return
        if self._written - self.synced >= SYNC_AT:
            self._begin()
        elif self._timer is None:
            late = self._clock.seconds() - self._since
            self._timer = self._clock.callLater(max(0.0, EVERY - late), self._due)

    def _due(self) -> None:
        self._timer = None
        if not self._busy and not self._stopped and self._written > self.synced:
            self._begin()

    def _begin(self) -> None:
        self._stop_timer()
        self._busy = True
        self._since = self._clock.seconds()
        target = self._written
        self._threads.run(self._part.sync).addCallbacks(self._synced, self._broken, callbackArgs=(target,))

    def _synced(self, _: None, target: int) -> None:
        self._busy = False
        self.synced = target
        self._moved(target)
        self._schedule()
        self._release(None)

    def _broken(self, failure: Failure) -> None:
        self._busy = False
        error = failure.value
        self.failed = error if isinstance(error, OSError) else OSError(str(error))
        self._release(self.failed)
        self._broke(self.failed)

    def _release(self, error: OSError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            if error is None:
                done.callback(None)
            else:
                done.errback(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
