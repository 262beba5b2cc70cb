"""A whole file in one go (PUT, forms): the same parts, sink and publisher, without a row of its own."""

import os
import stat
from collections.abc import Sequence

from blake3 import blake3
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerstor.errors import BadName, DigestMismatch, Exists, Fault, Forbidden, NoSpace, TooLarge
from peerstor.interfaces import IByteSource, IThreads
from peerstor.tree.paths import TreePath, check_new_name
from peerstor.tree.publish import Check, Conflict, Published, Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.counts import UploadCounts
from peerstor.uploads.digests import Checks, Digest
from peerstor.uploads.disk import Disk, disk_fault
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.marks import SyncedMark
from peerstor.uploads.pace import Pace
from peerstor.uploads.parts import OpenPart, PartStore, new_id
from peerstor.uploads.records import Completed
from peerstor.uploads.sink import Sink
from peerstor.uploads.writers import Holder

_log = Logger()


class Receiver:
    """Receives files that can't be resumed.

    A small one costs three visits to a thread: make the part, write it, publish it.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        parts: PartStore,
        publisher: Publisher,
        sandbox: Sandbox,
        disk: Disk,
        threads: IThreads,
        sync_threads: IThreads | None,
        clock: IReactorTime,
        max_upload: int | None,
        counts: UploadCounts,
        pace: Pace,
    ) -> None:
        """Make a receiver; the collaborators are those of `Engine`.

        :param pace: shared by all that write.
        """
        self._ledger = ledger
        self._parts = parts
        self._publisher = publisher
        self._sandbox = sandbox
        self._disk = disk
        self._threads = threads
        self._sync_threads = sync_threads
        self._clock = clock
        self.max_upload = max_upload
        self._counts = counts
        self._pace = pace

    async def receive(
        self,
        holder: Holder,
        target: TreePath,
        *,
        source: IByteSource,
        length: int | None,
        conflict: Conflict,
        may_replace: bool,
        by: str,
        check: Check | None,
        digests: Sequence[Digest],
    ) -> Completed:
        """See `Engine.receive`.

        :param holder: by which the reception can be cut.
        """
        if self.max_upload is not None and length is not None and length > self.max_upload:
            raise TooLarge(self.max_upload)
        part = await self._disk.run(self._prepare, target, length, conflict, may_replace, check)
        self._counts.begun += 1
        try:
            with self._counts.reception():
                size, digest = await self._write(holder, part, source, length, digests)
            holder.check()
            published = await self._disk.run(
                self._publish, part, target, conflict=conflict, may_replace=may_replace, by=by, check=check
            )
        except BaseException:
            self._counts.failed += 1
            await self._discard(part, target)
            raise
        return Completed(
            path=published.path,
            size=size,
            digest=digest,
            replaced=published.replaced,
            stat=published.stat,
        )

    def _prepare(
        self,
        target: TreePath,
        length: int | None,
        conflict: Conflict,
        may_replace: bool,
        check: Check | None,
    ) -> OpenPart:
        """Refuse what would be refused in the end, and make the part file. Blocks."""
        with self._sandbox.parent_of(target) as folder:
            present = self._sandbox.lookup(folder, target.name)
            if check is not None:
                check(present)
            _judge(present, target, conflict, may_replace)
            part_id, beside = new_id(), self._parts.beside(folder.fd)
            free = self._parts.free(folder.fd, beside=beside)
            if length is not None and length > free:
                raise NoSpace(free)
            with self._parts.claimed(part_id):
                if beside:
                    self._ledger.note_stray(part_id, target.parent.joined)
                return self._parts.create(part_id, beside=beside, folder_fd=folder.fd)

    async def _write(
        self,
        holder: Holder,
        part: OpenPart,
        source: IByteSource,
        length: int | None,
        digests: Sequence[Digest],
    ) -> tuple[int, str]:
        hasher, mark = blake3(), self._mark(holder, part)
        checks = Checks(digests, beside=hasher)
        sink = Sink(
            part=part,
            position=0,
            threads=self._threads,
            clock=self._clock,
            hasher=checks if digests else hasher,
            limit=self.max_upload,
            pace=self._pace,
            progress=(lambda offset: None) if mark is None else mark.written,
        )
        holder.writes(sink)
        try:
            await sink.take(source, length)
        except OSError as error:
            raise await self._disk.fault_of_write(error, part.free) from error
        finally:
            if mark is not None:
                await mark.stop()
        if mark is not None and mark.failed is not None:
            raise disk_fault(mark.failed)
        if not checks.hold:
            raise DigestMismatch()
        return sink.written, hasher.hexdigest()

    def _mark(self, holder: Holder, part: OpenPart) -> SyncedMark | None:
        """Sync a large file while it comes, so that the last sync is short."""
        if self._sync_threads is None:
            return None
        return SyncedMark(
            part=part,
            synced=0,
            threads=self._sync_threads,
            clock=self._clock,
            broke=lambda error: holder.cut(disk_fault(error)),
        )

    def _publish(
        self,
        part: OpenPart,
        target: TreePath,
        *,
        conflict: Conflict,
        may_replace: bool,
        by: str,
        check: Check | None,
    ) -> Published:
        copied = False

        def copying() -> None:
            nonlocal copied
            self._ledger.note_stray(part.id, target.parent.joined)
            copied = True

        published = self._publisher.publish(
            part.part,
            target,
            conflict=conflict,
            by=by,
            may_replace=may_replace,
            check=check,
            copying=copying,
        )
        self._parts.release(part)
        if part.beside or copied:
            self._forget(part)
        return published

    async def _discard(self, part: OpenPart, target: TreePath) -> None:
        try:
            await self._disk.run(self._parts.discard, part)
            if part.beside:
                await self._disk.run(self._forget, part)
        except Fault as fault:
            _log.warn("A part of {target} stays until the next start: {fault}", target=str(target), fault=fault)

    def _forget(self, part: OpenPart) -> None:
        try:
            self._ledger.forget_stray(part.id)
        except Fault as fault:
            _log.warn("The ledger of uploads was not written: {fault}", fault=fault)


def _judge(present: os.stat_result | None, target: TreePath, conflict: Conflict, may_replace: bool) -> None:
    """Refuse, before the body, what `Publisher.publish` would refuse after it."""
    if target.slash:
        raise BadName()
    if present is None or conflict is Conflict.RENAME:
        check_new_name(target.name)
    elif conflict is Conflict.REFUSE or stat.S_ISDIR(present.st_mode):
        raise Exists()
    elif not may_replace:
        raise Forbidden()
