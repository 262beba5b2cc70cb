"""The uploads in memory: taken down when asked for, put back when idle, forgotten when they may be wrong."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.errors import Busy, Fault
from peerstor.interfaces import IThreads
from peerstor.uploads.disk import Disk, disk_fault
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.loading import DAMAGED, Loader, Visit
from peerstor.uploads.marks import SyncedMark
from peerstor.uploads.parts import OpenPart, PartStore
from peerstor.uploads.records import Record, UploadKey
from peerstor.uploads.writers import Holder, Upload

_log = Logger()

IDLE_KEPT = 64
"""Idle uploads that stay open: each costs a descriptor, and spares reading the file again for its digest."""

IDLE_SECONDS = 300.0
"""How long one of them stays: longer than a client's pauses between chunks."""


class Shelf:
    """Keeps the uploads that are in use, and a few that were just now.

    Nothing is read at the start: an upload is loaded when somebody asks for it.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        loader: Loader,
        parts: PartStore,
        disk: Disk,
        ledger_threads: IThreads,
        sync_threads: IThreads | None,
        clock: IReactorTime,
        recovered: Callable[[Record], None],
    ) -> None:
        """Make an empty shelf.

        :param sync_threads: where part files are synced in the background; None where nothing is synced.
        :param recovered: told of an upload whose publication, cut off by a crash, was found done.
        """
        self._ledger = ledger
        self._loader = loader
        self._parts = parts
        self._disk = disk
        self._ledger_threads = ledger_threads
        self._sync_threads = sync_threads
        self._clock = clock
        self._recovered = recovered
        self._uploads: dict[UploadKey, Upload] = {}
        self._idle: dict[UploadKey, Upload] = {}

    def writing(self, key: UploadKey) -> Upload | None:
        """The upload of a key, where somebody holds it who isn't about to end."""
        upload = self._uploads.get(key)
        if upload is None or upload.holder is None or upload.holder.ending:
            return None
        return upload

    @asynccontextmanager
    async def held(self, key: UploadKey, holder: Holder) -> AsyncIterator[tuple[Upload, Visit]]:
        """Give an upload, as it truly is now, to one holder.

        :raise Busy: another makes progress.
        :raise Fault: as `Loader.visit`.
        """
        upload = self._uploads.setdefault(key, Upload(key))
        self._idle.pop(key, None)
        upload.users += 1
        try:
            async with upload.held_by(holder):
                # What is in memory may have come by a key of wider rights, or by the ledger's, which has none.
                upload.key = key
                visit = await self._visit(upload)
                holder.has_looked()
                yield upload, visit
        finally:
            upload.users -= 1
            self._put_back(upload)

    async def begin(self, upload: Upload, record: Record) -> None:
        """Write the row and make the part file of a new upload. Raises faults as `Loader.begin`."""
        upload.record, part = await self._disk.run(self._loader.begin, record)
        self._open(upload, part, 0)

    async def drop(self, upload: Upload) -> None:
        """Remove the part file and the row of an upload that the caller holds."""
        record, part = upload.record, upload.part
        await self._quiet(upload)
        upload.closed()
        upload.record = None
        if record is not None:
            await self._disk.run(self._loader.drop, record, part)

    async def close(self, upload: Upload) -> None:
        """Close the part file of an upload that the caller holds; it is loaded again when next asked for.

        Where a sync has failed, whoever loads it, in this process or the next, lets only what was synced count.
        """
        record, part, mark = upload.record, upload.part, upload.mark
        await self._quiet(upload)
        upload.closed()
        upload.record = None
        if record is not None and mark is not None and mark.failed is not None:
            self._loader.mistrust(record, mark.synced)
            await self.tell(self._ledger.reopen, evolve(record, boot_id=DAMAGED, synced=mark.synced))
        if part is not None:
            with suppress(Fault):
                await self._disk.run(self._parts.release, part)

    async def tell(self, write: Callable[..., None], *args: object, **kwargs: object) -> None:
        """Write to the ledger what it can do without: a failure is logged, and the file itself knows."""
        try:
            await self._ledger_threads.run(write, *args, **kwargs)
        except Fault as fault:
            _log.warn("The ledger of uploads was not written: {fault}", fault=fault)

    async def tidy(self) -> None:
        """Close what has been idle for long."""
        before = self._clock.seconds() - IDLE_SECONDS
        for upload in [*self._idle.values()]:
            if upload.idle_since <= before:
                await self._evict(upload.key)

    async def empty(self) -> None:
        """Close everything; nobody holds anything any more."""
        for key in [*self._idle]:
            await self._evict(key)

    async def _visit(self, upload: Upload) -> Visit:
        if upload.mark is not None and upload.mark.failed is not None:
            await self.close(upload)
        before = upload.part
        try:
            visit = await self._disk.run(self._loader.visit, upload.key, before, upload.record, upload.settled)
        except Fault:
            await self.close(upload)
            raise
        if before is not None and visit.part is not before:
            await self.close(upload)
        upload.record = visit.record
        if visit.part is not None and visit.part is not before:
            self._open(upload, visit.part, visit.offset)
        if visit.recovered and visit.record is not None:
            self._recovered(visit.record)
        return visit

    def _open(self, upload: Upload, part: OpenPart, offset: int) -> None:
        upload.opened(part, offset, self._mark(upload, part, offset))

    def _mark(self, upload: Upload, part: OpenPart, offset: int) -> SyncedMark | None:
        record = upload.record
        if self._sync_threads is None or record is None:
            return None

        def moved(synced: int) -> None:
            Deferred.fromCoroutine(self.tell(self._ledger.mark, record.id, synced)).addErrback(_log_failure)

        def broke(error: OSError) -> None:
            _log.error("An upload could not be synced: {error}", error=error)
            if upload.holder is not None:
                upload.holder.cut(disk_fault(error))

        mark = SyncedMark(
            part=part,
            synced=record.synced,
            threads=self._sync_threads,
            clock=self._clock,
            moved=moved,
            broke=broke,
        )
        mark.written(offset)
        return mark

    async def _quiet(self, upload: Upload) -> None:
        if upload.mark is not None:
            await upload.mark.stop()

    def _put_back(self, upload: Upload) -> None:
        if upload.users:
            return
        if upload.part is None:
            self._uploads.pop(upload.key, None)
            return
        upload.idle_since = self._clock.seconds()
        self._idle[upload.key] = upload
        if len(self._idle) > IDLE_KEPT:
            Deferred.fromCoroutine(self._evict(next(iter(self._idle)))).addErrback(_log_failure)

    async def _evict(self, key: UploadKey) -> None:
        upload = self._idle.pop(key, None)
        if upload is None:
            return
        upload.users += 1
        try:
            async with upload.held_by(Holder(brief=True)):
                await self.close(upload)
        except Busy:
            return
        finally:
            upload.users -= 1
            self._put_back(upload)


def _log_failure(failure: Failure) -> None:
    _log.failure("Keeping an upload's record failed", failure=failure)
