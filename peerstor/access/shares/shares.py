"""The share links of one storage: asked in memory, kept in the database."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.access.rights import Right
from peerstor.access.shares.share import Delivery, Share
from peerstor.access.shares.tables import Counts, ShareBook
from peerstor.access.shares.visits import DAY, REMEMBERED, Visits
from peerstor.errors import Fault
from peerstor.interfaces import IThreads

_log = Logger()


class Shares:
    """Every share, as a kind of credentials (`Keyring.include`).

    All but `read` is called in the reactor's thread. Nobody else writes these tables while the daemon runs, so
    what was counted here is never less than what they say.
    """

    kind = "share"

    def __init__(
        self,
        *,
        book: ShareBook,
        visits: Visits,
        threads: IThreads,
        wall: Callable[[], float],
        may: Callable[[str, Right, Sequence[bytes]], bool],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Know no share yet.

        :param threads: the one thread in which everything that concerns the database runs.
        :param wall: the time, seconds since the epoch.
        :param may: tells whether a maker could still make what they shared (`Makers.may`).
        :param changed: called whenever a share may have ended otherwise than by time (`Keyring.changed`).
        """
        self.visits = visits
        self._book = book
        self._threads = threads
        self._wall = wall
        self._may = may
        self._changed = changed
        self._held: dict[str, Share] = {}
        # What was read of the database just before must not bring these back.
        self._ended: set[str] = set()
        self._counts = Counts()
        self._saving = False
        self._savers: list[Deferred[None]] = []

    # In memory

    def find(self, share_id: str) -> Share | None:
        """Find a share that holds; None when it is unknown, expired, revoked, or its maker lost the right.

        What the look-up's time tells of 128 random bits helps nobody to guess them.
        """
        share = self._held.get(share_id)
        return share if share is not None and self.holds(share) else None

    def get(self, share_id: str) -> Share | None:
        """Find a share, also one that holds no more; None when there is none."""
        return self._held.get(share_id)

    def all(self) -> list[Share]:
        """Give all shares, also those that hold no more, the newest first."""
        return sorted(self._held.values(), key=lambda share: share.created, reverse=True)

    def holds(self, share: Share) -> bool:
        """Tell whether a share is open at this moment."""
        return not share.has_expired(self._wall()) and self._may(share.maker, share.mode.right, share.parts)

    def live(self, identity: str) -> bool:
        """Tell whether a share of that identity holds."""
        return self.find(identity.partition(":")[2]) is not None

    def next_end(self, after: float) -> float:
        """Tell when the next one expires after a time; infinity when none does."""
        ends = [share.expires for share in self._held.values() if share.expires is not None]
        return min((end for end in ends if end > after), default=math.inf)

    def read(self) -> tuple[list[Share], list[tuple[str, bytes, float]]]:
        """Read what `take` understands. Blocks."""
        return self._book.read()

    def take(self, found: tuple[list[Share], list[tuple[str, bytes, float]]]) -> None:
        """Hold what `read` has found instead of what was held."""
        shares, visits = found
        before, self._held = self._held, {}
        for share in shares:
            if share.id not in self._ended:
                self._held[share.id] = _counted_on(share, before.get(share.id))
        self.visits.take(visits)

    # Changing; each returns when it is durable, and raises what `Database` does

    async def add(self, share: Share) -> None:
        """Begin a share.

        :raise BadRequest: there are as many as there may be.
        """

        def add() -> Any:
            self._book.add(share, self._wall())
            return self._book.read()

        self.take(await self._threads.run(add))
        self._changed()

    async def change(self, share_id: str, changes: dict[str, object]) -> None:
        """Change a share.

        :param changes: of `expires`, `password`, `max_downloads`, `max_bytes` and `note`.
        """

        def change() -> Any:
            self._book.change(share_id, changes)
            return self._book.read()

        self.take(await self._threads.run(change))
        self._changed()

    async def revoke(self, share_id: str) -> None:
        """End a share: in memory at once, and then for good."""
        if self._held.pop(share_id, None) is None:
            return
        self._ended.add(share_id)
        self._changed()
        await self._threads.run(self._book.remove, share_id)
        self._ended.discard(share_id)

    # Counting

    def count_download(self, share_id: str, visit: bytes) -> None:
        """Count a visit that has downloaded; it is written soon."""
        now = self._wall()
        self.visits.note(share_id, visit, now)
        self._counts.visits.append((share_id, visit, now))
        self._count(share_id, downloads=1)
        Deferred.fromCoroutine(self.save()).addErrback(
            lambda failure: _log.warn("A download was not written down yet: {reason}", reason=failure.value)
        )

    def count_bytes(self, share_id: str, count: int) -> None:
        """Count bytes that were uploaded, or taken back (below 0); `save` writes it."""
        self._count(share_id, size=count)

    async def save(self) -> None:
        """Write what was counted up to now; however many ask while one write is under way, the next is for all."""
        if not (self._counts or self._saving):
            return
        saved: Deferred[None] = Deferred()
        self._savers.append(saved)
        if not self._saving:
            self._saving = True
            Deferred.fromCoroutine(self._save())
        await saved

    async def _save(self) -> None:
        while self._savers:
            savers, self._savers = self._savers, []
            counts, self._counts = self._counts, Counts()
            failure: Failure | None = None
            try:
                if counts:
                    counts.before = self._wall() - DAY
                    await self._write(counts)
            except Exception:
                failure = Failure()
            for saved in savers:
                if failure is None:
                    saved.callback(None)
                else:
                    saved.errback(failure)
        self._saving = False

    async def _write(self, counts: Counts) -> None:
        try:
            await self._threads.run(self._book.count, counts)
        except BaseException:
            # Totals, not steps: whatever of it was written may be written again.
            self._counts = Counts(
                counts.totals | self._counts.totals, (counts.visits + self._counts.visits)[-REMEMBERED:]
            )
            raise

    def _count(self, share_id: str, *, downloads: int = 0, size: int = 0) -> None:
        share = self._held.get(share_id)
        if share is None:  # revoked meanwhile
            return
        share = evolve(share, downloads=share.downloads + downloads, bytes=max(0, share.bytes + size))
        self._held[share_id] = share
        self._counts.totals[share_id] = (share.downloads, share.bytes)

    # Deliveries

    async def deliver(self, share_id: str, delivery: Delivery) -> None:
        """Keep what somebody sent. Files that lie there already aren't lost for a note that can't be written."""
        try:
            await self._threads.run(self._book.deliver, share_id, delivery)
        except Fault as fault:
            _log.warn("A delivery was not written down: {fault}", fault=fault)

    async def deliveries(self, share_id: str) -> list[Delivery]:
        """Give what was sent through a share, the last first."""
        return await self._threads.run(self._book.deliveries, share_id)


def _counted_on(found: Share, known: Share | None) -> Share:
    """Give a share as it was read, with what has been counted since."""
    if known is None:
        return found
    return evolve(found, downloads=max(found.downloads, known.downloads), bytes=known.bytes)
