"""The verbs of uploading. Every upload protocol is a face on these; none has a way of its own to the disk."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from peerstor.errors import (
    Fault,
    NoParent,
    NoSpace,
    NoSuchUpload,
    NotFound,
    OffsetMismatch,
    OtherUpload,
    Stopping,
    TooLarge,
)
from peerstor.interfaces import IByteSource, IChangeListener, IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Check, Conflict, Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.announcing import announce
from peerstor.uploads.disk import Disk, disk_fault
from peerstor.uploads.finishing import Finisher
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.loading import REMEMBER, Loader, Visit
from peerstor.uploads.oneshot import Receiver
from peerstor.uploads.parts import PartStore, new_id
from peerstor.uploads.records import Completed, Record, Stated, UploadKey
from peerstor.uploads.shelf import Shelf
from peerstor.uploads.sink import Sink
from peerstor.uploads.tasks import Running
from peerstor.uploads.writers import Holder, Upload

_log = Logger()

TIDY_EVERY = 60.0
"""Seconds between looks for idle uploads to close: a minute more of an open file costs little."""

EXPIRE_EVERY = 3600.0
"""Seconds between looks for expired uploads: they live for days."""


class Engine:
    """Receives files, in pieces or at once, and publishes them (`http.md`, section 3).

    Call everything in the reactor's thread. A verb whose Deferred is cancelled (the client left) still comes to
    its end behind the scenes: what arrived is written and recorded, and the upload is free for the next call.

    Every verb may raise: BadName, BadRequest (what was stated can't be kept), NotFound (a private folder),
    NoSpace, StorageUnavailable, Overloaded, Stopping.
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
        """
        self._ledger = ledger
        self._ledger_threads = ledger_threads
        self._clock = clock
        self._wall = wall
        self._max_upload = max_upload
        self._expiry = expiry
        self._threads = threads
        self._listeners = tuple(listeners)
        self._running = Running()
        self._appending = Running()
        self._disk = Disk(threads=threads)
        self._loader = Loader(
            ledger=ledger, parts=parts, sandbox=sandbox, publisher=publisher, boot_id=boot_id, wall=wall
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
        self._finisher = Finisher(
            disk=self._disk, ledger=ledger, parts=parts, publisher=publisher, shelf=self._shelf, wall=wall
        )
        self._receiver = Receiver(
            ledger=ledger,
            parts=parts,
            publisher=publisher,
            sandbox=sandbox,
            disk=self._disk,
            threads=threads,
            sync_threads=syncs,
            clock=clock,
            max_upload=max_upload,
        )
        self._upkeep = (LoopingCall(self._tidy), LoopingCall(self._expire_now))
        for loop in self._upkeep:
            loop.clock = clock

    # Life

    async def start(self) -> None:
        """Make the ledger's files, finish what a crash cut off, and clear orphans away.

        Verbs may be called before it is done.

        :raise NoSpace, StorageUnavailable: the storage can't be used.
        """
        await self._ledger_threads.run(self._ledger.open)
        self._upkeep[0].start(TIDY_EVERY, now=False)
        self._upkeep[1].start(EXPIRE_EVERY, now=False)
        for key in await self._ledger_threads.run(self._ledger.publishing):
            await self._running.run(self._recover(key), Holder(brief=True))
        count = await self._disk.run(self._loader.sweep)
        if count:
            _log.info("{count} part files of a process that was killed were removed", count=count)

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
        return await self._running.run(self._offset(holder, key, stated), holder)

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
    ) -> int:
        """Take the next bytes of an upload, or at offset 0 the first ones.

        Nothing is asked of `source` before all checks have passed.

        :param length: bytes that `source` will deliver, where that is known.
        :return: the new offset; all bytes before it are in the part file.
        :raise OffsetMismatch: the upload is at another offset; nothing has changed.
        :raise Busy: another writer makes progress, or has taken this one's place.
        :raise OtherUpload: a different file of this name was begun.
        :raise TooLarge: more bytes than the stated size, or than are taken at all.
        :raise NoParent: the folder doesn't exist.
        :raise BodyCut: the body ended before its end; what arrived is kept.
        """
        holder, stated = Holder(session=session), Stated(size, fingerprint, session)
        return await self._appending.run(self._append(holder, key, offset, source, length, stated), holder)

    async def complete(
        self,
        key: UploadKey,
        *,
        size: int,
        conflict: Conflict,
        may_replace: bool,
        fingerprint: str | None = None,
        session: str | None = None,
    ) -> Completed:
        """Publish an upload, or for 24 h tell again how it was published.

        A file of no bytes needs no `append` before.

        :param size: bytes that the whole file has.
        :raise OffsetMismatch: the upload is at another offset than `size`; nothing has changed.
        :raise NoSuchUpload: there is none.
        :raise Busy, OtherUpload, NoParent: as for `append`.
        :raise Exists, Forbidden: as `Publisher.publish`; the upload is kept.
        """
        holder, stated = Holder(session=session), Stated(None, fingerprint, session)
        return await self._running.run(self._complete(holder, key, size, conflict, may_replace, stated), holder)

    async def abandon(self, key: UploadKey) -> bool:
        """Drop a partial upload; False when there was none. Raises Busy while another makes progress."""
        holder = Holder(brief=True)
        return await self._running.run(self._abandon(holder, key), holder)

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
        check: Check | None = None,
    ) -> Completed:
        """Take a whole file and publish it; nothing is left of one that fails.

        Nothing is asked of `source` before all checks have passed.

        :param length: bytes that `source` will deliver, where that is known.
        :param by: name of the principal.
        :param check: called, in a thread, with what is there (None: nothing) before the body and again before the
            rename; raises when a condition of the request doesn't hold.
        :raise TooLarge, NoParent, BodyCut: as for `append`.
        :raise Exists, Forbidden, PreconditionFailed: as `Publisher.publish`.
        """
        holder = Holder()
        work = self._receiver.receive(
            holder,
            target,
            source=source,
            length=length,
            conflict=conflict,
            may_replace=may_replace,
            by=by,
            check=check,
        )
        return await self._running.run(self._announced(work, by), holder)

    # Upkeep

    async def expire(self, now: float | None = None) -> int:
        """Drop partial uploads that haven't moved for the expiry period, and answers that are a day old.

        :param now: seconds since the epoch.
        :return: how many partial uploads were dropped.
        """
        holder = Holder(brief=True)
        return await self._running.run(self._expire(self._wall() if now is None else now), holder)

    # What the verbs do, while they hold the upload

    async def _expire(self, now: float) -> int:
        before, count = now - self._expiry, 0
        await self._ledger_threads.run(self._ledger.forget_done, now - REMEMBER)
        while True:
            keys = await self._ledger_threads.run(self._ledger.expired, before)
            dropped = [await self._expire_one(key, before) for key in keys]
            count += sum(dropped)
            if not any(dropped):
                return count

    async def _offset(self, holder: Holder, key: UploadKey, stated: Stated) -> int:
        _check(key, stated)
        upload = self._shelf.writing(key)
        if upload is not None:
            self._check_same(upload, stated)
            return upload.offset
        async with self._shelf.held(key, holder) as (upload, _):
            self._check_same(upload, stated)
            return upload.offset

    async def _append(
        self,
        holder: Holder,
        key: UploadKey,
        offset: int,
        source: IByteSource,
        length: int | None,
        stated: Stated,
    ) -> int:
        _check(key, stated)
        async with self._shelf.held(key, holder) as (upload, visit):
            self._check_same(upload, stated)
            if offset != upload.offset:
                raise OffsetMismatch(upload.offset)
            limit = self._check_room(upload, visit, length, stated)
            await self._begin(upload, stated)
            holder.check()
            await self._write(holder, upload, source, length, limit)
            return upload.settled

    async def _complete(
        self,
        holder: Holder,
        key: UploadKey,
        size: int,
        conflict: Conflict,
        may_replace: bool,
        stated: Stated,
    ) -> Completed:
        _check(key, stated)
        async with self._shelf.held(key, holder) as (upload, visit):
            record = upload.record
            if record is not None and record.answers(size, stated):
                return record.answer()
            self._check_whole(upload, size, stated)
            if not visit.folder:
                raise NoParent()
            begun = upload.partial is None
            await self._begin(upload, stated)
            try:
                done = await self._finisher.finish(upload, conflict=conflict, may_replace=may_replace)
            except Fault:
                if begun and upload.part is not None:
                    await self._shelf.drop(upload)
                raise
        announce(self._listeners, done, key.principal)
        return done

    async def _abandon(self, holder: Holder, key: UploadKey) -> bool:
        _check(key, Stated())
        async with self._shelf.held(key, holder) as (upload, _):
            if upload.partial is None:
                return False
            await self._shelf.drop(upload)
            return True

    async def _recover(self, key: UploadKey) -> None:
        try:
            async with self._shelf.held(key, Holder(brief=True)):
                return
        except Fault as fault:
            _log.warn("An upload that a crash cut off waits: {fault}", fault=fault)

    async def _expire_one(self, key: UploadKey, before: float) -> bool:
        try:
            async with self._shelf.held(key, Holder(brief=True)) as (upload, _):
                record = upload.partial
                if record is None or record.touched >= before:
                    return False
                await self._shelf.drop(upload)
                return True
        except Fault as fault:
            _log.debug("An expired upload was left: {fault}", fault=fault)
            return False

    async def _begin(self, upload: Upload, stated: Stated) -> None:
        """Begin an upload, where none is; take what is newly stated, where one is."""
        record, now = upload.partial, self._wall()
        if record is None:
            fresh = Record(id=new_id(), key=upload.key, stated=stated, boot_id="", created=now, touched=now)
            await self._shelf.begin(upload, fresh)
            return
        known = record.restated(stated, upload.settled)
        if known != record.stated:
            upload.record = evolve(record, stated=known, offset=upload.settled)
            await self._ledger_threads.run(self._ledger.reopen, upload.record)

    async def _write(
        self, holder: Holder, upload: Upload, source: IByteSource, length: int | None, limit: int | None
    ) -> None:
        part, mark, record, begin = upload.part, upload.mark, upload.record, upload.settled
        assert part is not None and record is not None
        sink = Sink(
            part=part,
            position=begin,
            threads=self._threads,
            clock=self._clock,
            hasher=upload.hasher,
            limit=limit,
            progress=(lambda offset: None) if mark is None else mark.written,
        )
        holder.writes(sink)
        fault: Fault | None = None
        try:
            await sink.take(source, length)
        except OSError as error:
            fault = disk_fault(error, await self._disk.run(part.free))
            raise fault from error
        finally:
            await self._settle(upload, sink.written, fault)

    async def _settle(self, upload: Upload, written: int, fault: Fault | None) -> None:
        """Record how far an upload has come, and mistrust what is in memory where the disk failed."""
        record, mark = upload.record, upload.mark
        assert record is not None
        upload.settled = written
        upload.record = evolve(record, offset=written, touched=self._wall())
        await self._shelf.tell(self._ledger.note, record.id, offset=written, touched=upload.record.touched)
        if mark is not None and mark.failed is not None:
            await self._shelf.distrust(upload)
        elif fault is not None and not isinstance(fault, NoSpace):
            await self._shelf.close(upload)

    # What the verbs refuse

    def _check_same(self, upload: Upload, stated: Stated) -> None:
        record = upload.partial
        if record is not None and record.is_other(stated, upload.offset):
            raise OtherUpload(upload.offset, max(0, int(self._wall() - record.touched)))

    def _check_room(self, upload: Upload, visit: Visit, length: int | None, stated: Stated) -> int | None:
        """Refuse a body that can't become part of the file; answers with the largest size the file may reach."""
        size = stated.size
        if size is None and upload.partial is not None:
            size = upload.partial.stated.size
        limit = min((one for one in (size, self._max_upload) if one is not None), default=None)
        if self._max_upload is not None and size is not None and size > self._max_upload:
            raise TooLarge(self._max_upload)
        if limit is not None and upload.offset + (length or 0) > limit:
            raise TooLarge(limit)
        if not visit.folder:
            raise NoParent()
        need = size - upload.offset if size is not None else length
        if need is not None and need > visit.free:
            raise NoSpace(visit.free)
        return limit

    def _check_whole(self, upload: Upload, size: int, stated: Stated) -> None:
        self._check_same(upload, stated)
        record = upload.partial
        if record is None:
            if size != 0:
                raise NoSuchUpload() if upload.record is None else OffsetMismatch(0)
        elif upload.offset != size:
            raise OffsetMismatch(upload.offset)
        else:
            self._check_same(upload, evolve(stated, size=size))

    # Telling

    async def _announced(self, work: Coroutine[Any, Any, Completed], by: str) -> Completed:
        done = await work
        announce(self._listeners, done, by)
        return done

    def _announce_recovered(self, record: Record) -> None:
        announce(self._listeners, record.answer(), record.key.principal)

    async def _tidy(self) -> None:
        await self._running.run(self._shelf.tidy(), Holder(brief=True))

    async def _expire_now(self) -> None:
        try:
            await self.expire()
        except Fault as fault:
            _log.warn("Uploads could not be expired: {fault}", fault=fault)


def _check(key: UploadKey, stated: Stated) -> None:
    if key.target.parent.has_private:
        raise NotFound()
    key.check()
    stated.check()
