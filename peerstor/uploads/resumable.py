"""What the verbs of a resumable upload do while they hold it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import evolve
from twisted.logger import Logger

from peerstor.errors import (
    Busy,
    Fault,
    NoParent,
    NoSpace,
    NoSuchUpload,
    NotFound,
    OffsetMismatch,
    OtherUpload,
    TooLarge,
)
from peerstor.interfaces import IByteSource, IThreads
from peerstor.tree.publish import Conflict
from peerstor.uploads.appending import Appender, Chunk
from peerstor.uploads.counts import UploadCounts
from peerstor.uploads.digests import Digest
from peerstor.uploads.finishing import Finisher
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.loading import Visit
from peerstor.uploads.parts import new_id
from peerstor.uploads.records import Completed, Record, Stated, UploadKey
from peerstor.uploads.shelf import Shelf
from peerstor.uploads.writers import Holder, Upload

_log = Logger()


class Resumable:
    """The verbs of `Engine` for uploads in pieces, each on behalf of one holder; see there for what they raise."""

    def __init__(
        self,
        *,
        shelf: Shelf,
        appender: Appender,
        finisher: Finisher,
        ledger: Ledger,
        ledger_threads: IThreads,
        wall: Callable[[], float],
        max_upload: int | None,
        announce: Callable[[Completed, str, str | None], None],
        counts: UploadCounts,
    ) -> None:
        """Make the verbs; the collaborators are those of `Engine`.

        :param announce: told of each published file, the name of its principal and the client's address.
        """
        self._announce = announce
        self._counts = counts
        self._shelf = shelf
        self._appender = appender
        self._finisher = finisher
        self._ledger = ledger
        self._ledger_threads = ledger_threads
        self._wall = wall
        self.max_upload = max_upload

    async def offset(self, holder: Holder, key: UploadKey, stated: Stated) -> int:
        """See `Engine.offset`."""
        _check(key, stated)
        while True:
            writing = self._shelf.writing(key)
            if writing is not None and writing.holder is not None:
                if not writing.holder.knows:
                    await writing.holder.looked()
                    continue
                self._check_same(writing, stated)
                return writing.offset
            # A writer may have come before us while we waited; then it is asked.
            with suppress(Busy):
                async with self._shelf.held(key, holder) as (upload, _):
                    self._check_same(upload, stated)
                    return upload.offset

    async def append(
        self,
        holder: Holder,
        key: UploadKey,
        offset: int,
        source: IByteSource,
        length: int | None,
        stated: Stated,
        digests: Sequence[Digest],
        kept: Callable[[int], None],
    ) -> int:
        """See `Engine.append`."""
        _check(key, stated)
        async with self._shelf.held(key, holder) as (upload, visit):
            self._check_same(upload, stated)
            if offset != upload.offset:
                raise OffsetMismatch(upload.offset)
            limit = self._check_room(upload, visit, length, stated)
            await self._begin(upload, stated)
            holder.check()
            await self._take(holder, upload, Chunk(source, length, limit, digests, kept))
            return upload.settled

    async def complete(
        self,
        holder: Holder,
        key: UploadKey,
        size: int,
        conflict: Conflict,
        may_replace: bool,
        stated: Stated,
        said: Digest | None,
        address: str | None,
    ) -> Completed:
        """See `Engine.complete`."""
        _check(key, stated)
        async with self._shelf.held(key, holder) as (upload, visit):
            record = upload.record
            if record is not None and record.answers(size, stated, stands=visit.stands):
                record.confirm(said)
                return record.answer()
            if not visit.folder:
                raise NoParent()
            self._check_whole(upload, size, stated)
            begun = upload.partial is None
            await self._begin(upload, stated)
            try:
                done = await self._finisher.finish(
                    holder, upload, conflict=conflict, may_replace=may_replace, said=said
                )
            except Fault:
                if begun and upload.part is not None:
                    self._counts.failed += 1
                    await self._shelf.drop(upload)
                raise
        self._announce(done, key.principal, address)
        return done

    async def abandon(self, holder: Holder, key: UploadKey, stated: Stated) -> int | None:
        """See `Engine.abandon`."""
        _check(key, stated)
        async with self._shelf.held(key, holder) as (upload, _):
            if upload.partial is None:
                return None
            dropped = upload.offset
            await self._shelf.drop(upload)
            self._counts.abandoned += 1
            return dropped

    async def recover(self, key: UploadKey) -> None:
        """Finish what a crash cut off; where that cannot be done now, it is when somebody asks for the upload."""
        try:
            async with self._shelf.held(key, Holder(brief=True)):
                return
        except Fault as fault:
            _log.warn("An upload that a crash cut off waits: {fault}", fault=fault)

    async def drop_expired(self, key: UploadKey, before: float) -> bool:
        """Drop a partial upload that last moved before a time, seconds since the epoch; tells whether it did."""
        if self._shelf.writing(key) is not None:  # even one that is silent just now keeps its place
            return False
        try:
            async with self._shelf.held(key, Holder(brief=True)) as (upload, _):
                record = upload.partial
                if record is None or record.touched >= before:
                    return False
                await self._shelf.drop(upload)
                self._counts.expired += 1
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
            self._counts.begun += 1
            upload.interrupted = False
            return
        known = record.restated(stated, upload.settled)
        if known != record.stated:
            synced = record.synced if upload.mark is None else upload.mark.synced
            record = evolve(record, stated=known, offset=upload.settled, synced=synced)
            await self._ledger_threads.run(self._ledger.reopen, record)
            upload.record = record

    async def _take(self, holder: Holder, upload: Upload, chunk: Chunk) -> None:
        """Take a chunk, and count whether it begins where another was broken off."""
        if upload.interrupted:
            self._counts.resumed += 1
        upload.interrupted = True
        with self._counts.reception():
            await self._appender.take(holder, upload, chunk)
        upload.interrupted = False

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
        limit = min((one for one in (size, self.max_upload) if one is not None), default=None)
        if self.max_upload is not None and size is not None and size > self.max_upload:
            raise TooLarge(self.max_upload)
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


def _check(key: UploadKey, stated: Stated) -> None:
    if key.target.parent.has_private:
        raise NotFound()
    key.check()
    stated.check()
