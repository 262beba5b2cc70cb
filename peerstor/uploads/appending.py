"""The bytes of one chunk on their way into the part file: which of them count, and from when on."""

from collections.abc import Callable, Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerstor.errors import DigestMismatch, Fault, NoSpace
from peerstor.interfaces import IByteSource, IThreads
from peerstor.uploads.digests import Checks, Digest
from peerstor.uploads.disk import Disk, disk_fault
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.pace import Pace
from peerstor.uploads.shelf import Shelf
from peerstor.uploads.sink import Hasher, Sink
from peerstor.uploads.writers import Holder, Upload

Progress = Callable[[int], Deferred[None] | None]


@frozen
class Chunk:
    """What a client sends.

    :ivar source: its bytes.
    :ivar length: how many they are, where that is known.
    :ivar limit: the largest size, in bytes, that the file may reach.
    :ivar digests: what the client says that they add up to; none where it says nothing.
    :ivar kept: told how many of them the upload keeps, before it is anybody else's.
    """

    source: IByteSource
    length: int | None
    limit: int | None
    digests: Sequence[Digest] = ()
    kept: Callable[[int], None] = lambda _: None


class Appender:
    """Writes chunks behind what a part file has."""

    def __init__(
        self,
        *,
        shelf: Shelf,
        ledger: Ledger,
        disk: Disk,
        threads: IThreads,
        ledger_threads: IThreads,
        clock: IReactorTime,
        wall: Callable[[], float],
        pace: Pace,
    ) -> None:
        """Make an appender; the collaborators are those of `Engine`.

        :param pace: shared by all that write.
        """
        self._shelf = shelf
        self._ledger = ledger
        self._disk = disk
        self._threads = threads
        self._ledger_threads = ledger_threads
        self._clock = clock
        self._wall = wall
        self._pace = pace

    async def take(self, holder: Holder, upload: Upload, chunk: Chunk) -> None:
        """Take a chunk. Where nothing is said of its digest, each byte counts as soon as it is in the file.

        :raise DigestMismatch: its bytes are not what their digest says.
        :raise Fault: as `Engine.append`.
        """
        if chunk.digests:
            await self._take_whole(holder, upload, chunk)
            return
        await self._count(upload, None)
        mark = upload.mark
        sink = self._sink(upload, chunk, upload.hasher, (lambda _: None) if mark is None else mark.written)
        holder.writes(sink)
        fault: Fault | None = None
        try:
            await sink.take(chunk.source, chunk.length)
        except OSError as error:
            fault = await self._fault(upload, error)
            raise fault from error
        finally:
            await self._settle(upload, chunk, sink.written, fault)

    async def _take_whole(self, holder: Holder, upload: Upload, chunk: Chunk) -> None:
        """Take a chunk of which nothing counts before all of it is there and checked.

        Its bytes lie in the part file all the same, so the ledger says first that they don't count, and only in
        the end that they do: a process that is killed in between leaves the upload where it was. The synced mark
        doesn't hear of them until then, which says the same of a power failure.
        """
        begin, part = upload.settled, upload.part
        await self._count(upload, begin)
        # The running digest is a copy: it can't take back what turns out to be wrong.
        checks = Checks(chunk.digests, beside=None if upload.hasher is None else upload.hasher.copy())
        sink = self._sink(upload, chunk, checks, lambda _: None)
        holder.writes(sink, counted=begin)
        fault: Fault | None = None
        good = False
        try:
            await sink.take(chunk.source, chunk.length)
            if not checks.hold:
                raise DigestMismatch(begin)
            await self._count(upload, sink.written)
            good, upload.hasher = True, checks.beside
        except OSError as error:
            fault = await self._fault(upload, error)
            raise fault from error
        finally:
            await self._settle(upload, chunk, sink.written if good else begin, fault)
            if not good and upload.part is part:
                await self._cut_back(upload, begin)
        await self._follow(upload)

    def _sink(self, upload: Upload, chunk: Chunk, hasher: Hasher | None, progress: Progress) -> Sink:
        assert upload.part is not None
        return Sink(
            part=upload.part,
            position=upload.settled,
            threads=self._threads,
            clock=self._clock,
            hasher=hasher,
            limit=chunk.limit,
            pace=self._pace,
            progress=progress,
        )

    async def _count(self, upload: Upload, counted: int | None) -> None:
        """Have the ledger say how many bytes of the part file count; None: all that there are. Raises faults."""
        record = upload.record
        assert record is not None
        if record.counted != counted:
            await self._ledger_threads.run(self._ledger.count, record.id, counted)
            upload.record = evolve(record, counted=counted)

    async def _fault(self, upload: Upload, error: OSError) -> Fault:
        assert upload.part is not None
        return await self._disk.fault_of_write(error, upload.part.free)

    async def _settle(self, upload: Upload, chunk: Chunk, written: int, fault: Fault | None) -> None:
        """Record how far an upload has come, and forget what is in memory where the disk failed."""
        record, mark = upload.record, upload.mark
        assert record is not None
        chunk.kept(written - upload.settled)
        upload.settled = written
        upload.record = evolve(record, offset=written, touched=self._wall())
        await self._shelf.tell(self._ledger.note, record.id, offset=written, touched=upload.record.touched)
        unsynced = mark is not None and mark.failed is not None
        # A disk that is merely full knows what it has left; any other is looked at afresh.
        merely_full = isinstance(fault, NoSpace) and fault.free is not None
        if unsynced or (fault is not None and not merely_full):
            await self._shelf.close(upload)

    async def _cut_back(self, upload: Upload, size: int) -> None:
        """Take back what doesn't count; where that fails, whoever loads the upload next does it."""
        assert upload.part is not None
        try:
            await self._disk.run(upload.part.truncate, size)
        except Fault:
            await self._shelf.close(upload)

    async def _follow(self, upload: Upload) -> None:
        """Let the synced mark come after what has just begun to count, and not stay too far behind it."""
        mark = upload.mark
        waiting = None if mark is None else mark.written(upload.settled)
        if waiting is not None:
            try:
                await waiting
            except OSError as error:
                await self._shelf.close(upload)
                raise disk_fault(error) from error
