"""A whole file in one go (PUT, forms): the same parts, sink and publisher, without a row of its own."""

from blake3 import blake3
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerstor.errors import DigestMismatch, Fault, NoSpace, TooLarge
from peerstor.interfaces import IByteSource, IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Published, Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.counts import UploadCounts
from peerstor.uploads.digests import Checks
from peerstor.uploads.disk import Disk, disk_fault
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.marks import SyncedMark
from peerstor.uploads.pace import Pace
from peerstor.uploads.parts import OpenPart, PartStore, new_id
from peerstor.uploads.records import Completed
from peerstor.uploads.sink import Sink
from peerstor.uploads.smallfiles import SmallFiles
from peerstor.uploads.storing import Storer
from peerstor.uploads.terms import Terms
from peerstor.uploads.writers import Holder

_log = Logger()


class Receiver:
    """Receives files that can't be resumed.

    That takes three visits to a thread at least: make the part, write it, publish it. Small ones have a fast lane
    (`smallfiles.py`), unless there are to be none.
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
        lanes: bool,
    ) -> None:
        """Make a receiver; the collaborators are those of `Engine`.

        :param pace: shared by all that write.
        :param lanes: whether small files go the short way.
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
        self._small: SmallFiles | None = None
        if lanes:
            storer = Storer(parts=parts, publisher=publisher, sandbox=sandbox)
            self._small = SmallFiles(storer=storer, threads=threads, clock=clock, counts=counts)

    async def receive(self, holder: Holder, terms: Terms, source: IByteSource, *, small: bool = True) -> Completed:
        """See `Engine.receive`.

        :param holder: by which the reception can be cut.
        :param small: whether it may go the way of small files.
        """
        if self.max_upload is not None and terms.length is not None and terms.length > self.max_upload:
            raise TooLarge(self.max_upload)
        if small and self._small is not None:
            outcome = await self._small.receive(holder, terms, source, limit=self.max_upload)
            if isinstance(outcome, Completed):
                return outcome
            source = outcome
        return await self._receive(holder, terms, source)

    def store(self, terms: Terms, data: bytes) -> Deferred[Completed] | None:
        """Take a file that is here; see `SmallFiles.store`."""
        if self._small is None or (self.max_upload is not None and len(data) > self.max_upload):
            return None
        return self._small.store(terms, data)

    async def _receive(self, holder: Holder, terms: Terms, source: IByteSource) -> Completed:
        part = await self._disk.run(self._prepare, terms)
        self._counts.begun += 1
        try:
            with self._counts.reception():
                size, digest = await self._write(holder, part, source, terms)
            holder.check()
            published = await self._disk.run(self._publish, part, terms)
        except BaseException:
            self._counts.failed += 1
            await self._discard(part, terms.target)
            raise
        return Completed(
            path=published.path,
            size=size,
            digest=digest,
            replaced=published.replaced,
            stat=published.stat,
        )

    def _prepare(self, terms: Terms) -> OpenPart:
        """Refuse what would be refused in the end, and make the part file. Blocks."""
        with self._sandbox.parent_of(terms.target) as folder:
            terms.judge(self._sandbox, folder)
            part_id, beside = new_id(), self._parts.beside(folder.fd)
            free = self._parts.free(folder.fd, beside=beside)
            if terms.length is not None and terms.length > free:
                raise NoSpace(free)
            with self._parts.claimed(part_id):
                if beside:
                    self._ledger.note_stray(part_id, terms.target.parent.joined)
                return self._parts.create(part_id, beside=beside, folder_fd=folder.fd)

    async def _write(
        self,
        holder: Holder,
        part: OpenPart,
        source: IByteSource,
        terms: Terms,
    ) -> tuple[int, str]:
        hasher, mark = blake3(), self._mark(holder, part)
        checks = Checks(terms.digests, beside=hasher)
        sink = Sink(
            part=part,
            position=0,
            threads=self._threads,
            clock=self._clock,
            hasher=checks if terms.digests else hasher,
            limit=self.max_upload,
            pace=self._pace,
            progress=(lambda offset: None) if mark is None else mark.written,
        )
        holder.writes(sink)
        try:
            await sink.take(source, terms.length)
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

    def _publish(self, part: OpenPart, terms: Terms) -> Published:
        copied = False

        def copying() -> None:
            nonlocal copied
            self._ledger.note_stray(part.id, terms.target.parent.joined)
            copied = True

        published = self._publisher.publish(
            part.part,
            terms.target,
            conflict=terms.conflict,
            by=terms.by,
            may_replace=terms.may_replace,
            check=terms.check,
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
