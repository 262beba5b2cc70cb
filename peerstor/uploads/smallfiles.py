"""The fast lane of small files: kept in memory while they come, and stored by one visit to a thread in company."""

from typing import TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from peerstor.interfaces import IByteSource, IThreads
from peerstor.uploads.collecting import Collector, Kept
from peerstor.uploads.counts import UploadCounts
from peerstor.uploads.groups import Groups
from peerstor.uploads.records import Completed
from peerstor.uploads.storing import Elsewhere, Small, Storer
from peerstor.uploads.terms import Terms
from peerstor.uploads.writers import Holder

T = TypeVar("T")

SMALL = 64 * 1024
"""Bytes that a small file has at most: one read of a socket. A larger one gains little, and its disk work would
keep the others of its group waiting."""

TOGETHER = 16 * 1024 * 1024
"""Bytes that all small files in memory may have; what comes beyond that goes the ordinary way."""


class SmallFiles:
    """Receives files that are small enough. Use it in the reactor's thread."""

    def __init__(self, *, storer: Storer, threads: IThreads, clock: IReactorTime, counts: UploadCounts) -> None:
        """Make the lane; the collaborators are those of `Engine`."""
        self._clock = clock
        self._counts = counts
        self._groups: Groups[Small, Completed | None] = Groups(
            threads=threads, clock=clock, visit=storer.visit, abreast=storer.effort.abreast
        )
        self._room = TOGETHER
        self._arriving: list[Deferred[None]] = []

    async def receive(
        self, holder: Holder, terms: Terms, source: IByteSource, *, limit: int | None
    ) -> Completed | IByteSource:
        """Take a whole file and publish it, as `Receiver.receive` does.

        A body that is here with its head costs one visit. Of any other none is asked for before a visit has
        found that it may come.

        :param limit: the largest file that is taken, bytes.
        :return: what became of it; or, where this is no way for it, the source from which it can be taken still.
        """
        if not (source.ended if terms.length is None else terms.length <= SMALL):
            return source
        if not source.ended:
            await self._arrived()
        reserved = SMALL if terms.length is None else terms.length
        if reserved > self._room:
            return source
        self._room -= reserved
        try:
            return await self._store(holder, Small(terms), source, limit)
        finally:
            self._room += reserved

    def store(self, terms: Terms, data: bytes) -> Deferred[Completed] | None:
        """Publish a file that is here, together with those that come in the same turn of the reactor.

        :return: what becomes of it, or `Elsewhere`; None where this is no way for it.
        """
        length = len(data)
        if length > SMALL or length > self._room:
            return None
        self._room -= length
        small = Small(terms, data)
        done = self._groups.join(small, at_once=False)
        done.addBoth(self._stored, small, length)
        return cast("Deferred[Completed]", done)

    def _stored(self, outcome: T, small: Small, length: int) -> T:
        self._room += length
        if not isinstance(outcome, Failure):
            self._counts.begun += 1
        elif not isinstance(outcome.value, Elsewhere):
            self._counts.begun += small.begun
            self._counts.failed += small.begun
        return outcome

    async def _store(
        self, holder: Holder, small: Small, source: IByteSource, limit: int | None
    ) -> Completed | IByteSource:
        looked = False
        try:
            if not source.ended:
                await self._groups.join(small)
                looked = True
                self._counts.begun += 1
            data = await self._collect(holder, small.terms, source, limit)
            if len(data) > SMALL:  # its length was not said
                return Kept(data)
            small.data = data
            done = await self._groups.join(small)
        except Elsewhere:
            self._counts.begun -= looked
            return source if small.data is None else Kept(small.data)
        except BaseException:
            self._counts.begun += small.begun and not looked
            self._counts.failed += small.begun
            raise
        assert done is not None
        self._counts.begun += not looked
        return done

    async def _collect(self, holder: Holder, terms: Terms, source: IByteSource, limit: int | None) -> bytes:
        collector = Collector(limit=limit)
        holder.writes(collector)
        with self._counts.reception():
            data = await collector.take(source, terms.length)
        holder.check()
        return data

    def _arrived(self) -> Deferred[None]:
        """Fires when what the socket has given so far is here: at the end of this turn of the reactor.

        All who wait for it go together.
        """
        done: Deferred[None] = Deferred()
        if not self._arriving:
            self._clock.callLater(0, self._all_arrived)
        self._arriving.append(done)
        return done

    def _all_arrived(self) -> None:
        arriving, self._arriving = self._arriving, []
        with self._groups.gathering():
            for done in arriving:
                done.callback(None)
