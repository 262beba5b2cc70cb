"""The verbs of uploading. Every upload protocol is a face on these; none has a way of its own to the disk."""

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from peerstor.errors import (
    Fault,
    Stopping,
)
from peerstor.interfaces import IByteSource, IChangeListener, IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Check, Conflict, Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.announcing import announce
from peerstor.uploads.appending import Appender
from peerstor.uploads.counts import UploadCounts
from peerstor.uploads.digests import Digest
from peerstor.uploads.disk import Disk
from peerstor.uploads.finishing import Finisher
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.loading import REMEMBER, Loader
from peerstor.uploads.oneshot import Receiver
from peerstor.uploads.pace import Pace
from peerstor.uploads.parts import PartStore
from peerstor.uploads.receptions import Receptions
from peerstor.uploads.records import Completed, Record, Stated, UploadKey
from peerstor.uploads.resumable import Resumable
from peerstor.uploads.shelf import Shelf
from peerstor.uploads.tasks import Running
from peerstor.uploads.terms import Terms
from peerstor.uploads.writers import Holder

_log = Logger()

TIDY_EVERY = 60.0
"""Seconds between looks for idle uploads to close: a minute more of an open file costs little."""

EXPIRE_EVERY = 3600.0
"""Seconds between looks for expired uploads and for what belongs to none: they live for days."""


class Engine:
    """Receives files, in pieces or at once, and publishes them (`http.md`, section 3).

    Call everything in the reactor's thread. A verb whose Deferred is cancelled (the client left) still comes to
    its end behind the scenes: what arrived is written and recorded, and the upload is free for the next call.

    Every verb may raise: BadName, BadRequest (what was stated can't be kept), NotFound (a private folder),
    NoSpace, StorageUnavailable, Overloaded, Stopping.

    :ivar counts: what has become of the uploads so far.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        parts: PartStore,
        publisher: Publisher,
        sandbox: Sandbox,
        threads: IThreads,
        ledger_threads: IThreads,
        clock: IReactorTime,
        wall: Callable[[], float],
        boot_id: str,
        max_upload: int | None = None,
        expiry: float = 7 * 24 * 3600.0,
        fsync: bool = True,
        listeners: Sequence[IChangeListener] = (),
        sync_threads: IThreads | None = None,
        lanes: bool = True,
    ) -> None:
        """Make an engine; `start` it before use.

        :param threads: where the disk is used.
        :param ledger_threads: where the ledger is used for itself; one thread.
        :param wall: the time, seconds since the epoch.
        :param boot_id: tells one run of the machine (not of the process) from another.
        :param max_upload: the largest file that is taken, bytes; None for no limit.
        :param expiry: seconds after which a partial upload that hasn't moved is dropped.
        :param fsync: whether anything is synced.
        :param listeners: told of each published file.
        :param sync_threads: where part files are synced in the background; `threads` by default. A pool of its own
            keeps a slow disk's syncs from holding writes up.
        :param lanes: whether small files go their short way.
        """
        self.counts = UploadCounts()
        pace = Pace(clock=clock)
        self._ledger = ledger
        self._ledger_threads = ledger_threads
        self._wall = wall
        self._expiry = expiry
        self._listeners = tuple(listeners)
        self._running = Running()
        self._appending = Running()
        self._disk = Disk(threads=threads)
        self._loader = Loader(
            ledger=ledger,
            parts=parts,
            sandbox=sandbox,
            publisher=publisher,
            boot_id=boot_id,
            wall=wall,
            expiry=expiry,
        )
        syncs = (sync_threads or threads) if fsync else None
        self._shelf = Shelf(
            ledger=ledger,
            loader=self._loader,
            parts=parts,
            disk=self._disk,
            ledger_threads=ledger_threads,
            sync_threads=syncs,
            clock=clock,
            recovered=self._announce_recovered,
        )
        self._resumable = Resumable(
            shelf=self._shelf,
            appender=Appender(
                shelf=self._shelf,
                ledger=ledger,
                disk=self._disk,
                threads=threads,
                ledger_threads=ledger_threads,
                clock=clock,
                wall=wall,
                pace=pace,
            ),
            finisher=Finisher(
                disk=self._disk, ledger=ledger, parts=parts, publisher=publisher, shelf=self._shelf, wall=wall
            ),
            ledger=ledger,
            ledger_threads=ledger_threads,
            wall=wall,
            max_upload=max_upload,
            announce=self._announce,
            counts=self.counts,
        )
        receiver = self._receiver = Receiver(
            ledger=ledger,
            parts=parts,
            publisher=publisher,
            sandbox=sandbox,
            disk=self._disk,
            threads=threads,
            sync_threads=syncs,
            clock=clock,
            max_upload=max_upload,
            counts=self.counts,
            pace=pace,
            lanes=lanes,
        )
        self._receptions = Receptions(receiver=receiver, running=self._running, announce=self._announce)
        self._upkeep = (LoopingCall(self._tidy), LoopingCall(self._expire_now))
        for loop in self._upkeep:
            loop.clock = clock

    # Life

    async def start(self) -> None:
        """Make the ledger's files, finish what a crash cut off, and clear orphans away.

        Verbs may be called before it is done.

        :raise NoSpace, StorageUnavailable: the storage can't be used.
        """
        self._upkeep[0].start(TIDY_EVERY, now=False)
        self._upkeep[1].start(EXPIRE_EVERY, now=False)
        await self._ledger_threads.run(self._ledger.open)
        for key in await self._ledger_threads.run(self._ledger.publishing):
            await self._running.run(self._resumable.recover(key), Holder(brief=True))
        left = await self._sweep()
        if left:
            _log.info(
                "{count} part files may belong to another ledger (another --state); they are left until they are"
                " {days:g} days old",
                count=left,
                days=self._expiry / 86400,
            )

    async def end_appends(self) -> None:
        """Cut what can be resumed, and write and record what arrived; no append begins any more.

        What can't be resumed may still come to its end until `stop`.
        """
        await self._appending.stop(Stopping())

    async def stop(self) -> None:
        """Cut what is being received, write and record what arrived, and close everything."""
        for loop in self._upkeep:
            if loop.running:
                loop.stop()
        await self.end_appends()
        await self._running.stop(Stopping())
        await self._shelf.empty()
        await self._ledger_threads.run(self._ledger.close)

    def limit(self, *, max_upload: int | None, expiry: float) -> None:
        """Set other limits, as in `__init__`; what is being received goes on under those that it began with."""
        self._expiry = expiry
        self._loader.expiry = expiry
        self._resumable.max_upload = max_upload
        self._receiver.max_upload = max_upload

    # Resumable

    async def offset(
        self,
        key: UploadKey,
        *,
        size: int | None = None,
        fingerprint: str | None = None,
        session: str | None = None,
    ) -> int:
        """Tell how many bytes of an upload have arrived; 0 when there is no such upload, or it is published.

        :raise OtherUpload: a different file of this name was begun.
        """
        holder, stated = Holder(brief=True, session=session), Stated(size, fingerprint, session)
        return await self._running.run(self._resumable.offset(holder, key, stated), holder)

    async def append(
        self,
        key: UploadKey,
        *,
        offset: int,
        source: IByteSource,
        length: int | None,
        size: int | None = None,
        fingerprint: str | None = None,
        session: str | None = None,
        digests: Sequence[Digest] = (),
        kept: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Take the next bytes of an upload, or at offset 0 the first ones.

        Nothing is asked of `source` before all checks have passed.

        :param length: bytes that `source` will deliver, where that is known.
        :param session: what this client's calls have in common: it takes its own older call's place at once.
        :param digests: what the bytes of `source` are said to add up to. Where anything is said, none of them
            counts before all of them are there and checked.
        :param kept: told, also of a body that breaks off, how many bytes the upload keeps of it, while no other
            call can have changed it yet.
        :return: the new offset; all bytes before it are in the part file.
        :raise DigestMismatch: they add up to something else; the upload is where it was.
        :raise OffsetMismatch: the upload is at another offset; nothing has changed.
        :raise Busy: another writer makes progress, or has taken this one's place.
        :raise OtherUpload: a different file of this name was begun.
        :raise TooLarge: more bytes than the stated size, or than are taken at all.
        :raise NoParent: the folder doesn't exist.
        :raise BodyCut: the body ended before its end; what arrived is kept, unless it had to be checked.
        """
        holder, stated = Holder(session=session), Stated(size, fingerprint, session)
        work = self._resumable.append(holder, key, offset, source, length, stated, digests, kept)
        return await self._appending.run(work, holder)

    async def complete(
        self,
        key: UploadKey,
        *,
        size: int,
        conflict: Conflict,
        may_replace: bool,
        fingerprint: str | None = None,
        session: str | None = None,
        digest: Digest | None = None,
        address: str | None = None,
    ) -> Completed:
        """Publish an upload, or for 24 h tell again how it was published: see `Record.answers`.

        A file of no bytes needs no `append` before.

        :param size: bytes that the whole file has.
        :param digest: what they are said to add up to; the file is read for it, unless it is BLAKE3. A repeat is
            checked against what was known when the file was published.
        :param address: of the client, for those who are told of changes.
        :raise OffsetMismatch: the upload is at another offset than `size`; nothing has changed.
        :raise DigestMismatch: the bytes add up to something else; the upload is kept.
        :raise NoSuchUpload: there is none.
        :raise Busy, OtherUpload, NoParent: as for `append`.
        :raise Exists, Forbidden: as `Publisher.publish`; the upload is kept.
        """
        holder, stated = Holder(session=session), Stated(None, fingerprint, session)
        work = self._resumable.complete(holder, key, size, conflict, may_replace, stated, digest, address)
        return await self._running.run(work, holder)

    async def abandon(self, key: UploadKey, *, session: str | None = None) -> int | None:
        """Drop a partial upload.

        :return: how many bytes it had; None when there was none.
        :raise Busy: another makes progress.
        """
        holder = Holder(brief=True, session=session)
        return await self._running.run(self._resumable.abandon(holder, key, Stated(session=session)), holder)

    # At once

    async def receive(
        self,
        target: TreePath,
        *,
        source: IByteSource,
        length: int | None,
        conflict: Conflict,
        may_replace: bool,
        by: str,
        address: str | None = None,
        check: Check | None = None,
        digests: Sequence[Digest] = (),
    ) -> Completed:
        """Take a whole file and publish it; nothing is left of one that fails.

        Nothing is asked of `source` before all checks have passed.

        :param length: bytes that `source` will deliver, where that is known.
        :param by: name of the principal.
        :param address: of the client, for those who are told of changes.
        :param check: called, in a thread, with what is there (None: nothing) before the body and again before the
            rename; raises when a condition of the request doesn't hold.
        :param digests: what the bytes of `source` are said to add up to.
        :raise DigestMismatch: they add up to something else.
        :raise TooLarge, NoParent, BodyCut: as for `append`.
        :raise Exists, Forbidden, PreconditionFailed: as `Publisher.publish`.
        """
        terms = Terms(
            target=target,
            length=length,
            conflict=conflict,
            may_replace=may_replace,
            by=by,
            check=check,
            digests=digests,
        )
        return await self.take(terms, source, address)

    async def take(self, terms: Terms, source: IByteSource, address: str | None) -> Completed:
        """Do what `receive` does, on terms that are written down."""
        return await self._receptions.take(terms, source, address)

    def store(self, terms: Terms, content: bytes, address: str | None) -> Deferred[Completed]:
        """Do what `take` does with a file that is here: in as few steps as possible where it is small.

        It comes to its end also for a client that has left.
        """
        return self._receptions.store(terms, content, address)

    # Upkeep

    async def expire(self, now: float | None = None) -> int:
        """Drop partial uploads that haven't moved for the expiry period, and answers that are a day old.

        :param now: seconds since the epoch.
        :return: how many partial uploads were dropped.
        """
        holder = Holder(brief=True)
        return await self._running.run(self._expire(holder, self._wall() if now is None else now), holder)

    async def _sweep(self) -> int:
        """Remove the files of uploads that are none any more; answers with how many were left as doubtful."""
        swept = await self._disk.run(self._loader.sweep)
        if swept.removed:
            _log.info("{count} part files that belong to no upload were removed", count=swept.removed)
        return swept.left

    async def _expire(self, holder: Holder, now: float) -> int:
        before, count = now - self._expiry, 0
        await self._ledger_threads.run(self._ledger.forget_done, now - REMEMBER)
        while True:
            keys = await self._ledger_threads.run(self._ledger.expired, before)
            dropped = 0
            for key in keys:
                holder.check()
                dropped += await self._resumable.drop_expired(key, before)
            count += dropped
            if not dropped:
                return count

    # Telling

    def _announce_recovered(self, record: Record) -> None:
        self._announce(record.answer(), record.key.principal, None)

    def _announce(self, done: Completed, by: str, address: str | None) -> None:
        self.counts.finished += 1
        announce(self._listeners, done, by, address)

    async def _tidy(self) -> None:
        await self._running.run(self._shelf.tidy(), Holder(brief=True))

    async def _expire_now(self) -> None:
        try:
            await self.expire()
            await self._running.run(self._sweep(), Holder(brief=True))
        except Fault as fault:
            _log.warn("Uploads could not be expired: {fault}", fault=fault)
