"""The last step of a resumable upload: its digest, its sync, its name."""

from collections.abc import Callable

from attrs import evolve
from blake3 import blake3
from twisted.logger import Logger

from peerstor.errors import DigestMismatch, Fault, Stopping, StorageUnavailable
from peerstor.tree.publish import Conflict, Publisher
from peerstor.uploads.digests import Checks, Digest
from peerstor.uploads.disk import Disk, disk_fault
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import OpenPart, PartStore
from peerstor.uploads.records import Completed, Record, State
from peerstor.uploads.shelf import Shelf
from peerstor.uploads.writers import Holder, Upload

_log = Logger()

SLICE = 32 * 1024 * 1024
"""Bytes read per visit to a thread when a digest is made up for: others get their turn after some 20 ms."""

_BLOCK = 1024 * 1024


class Finisher:
    """Publishes uploads whose bytes are all there."""

    def __init__(
        self,
        *,
        disk: Disk,
        ledger: Ledger,
        parts: PartStore,
        publisher: Publisher,
        shelf: Shelf,
        wall: Callable[[], float],
    ) -> None:
        """Make a finisher.

        :param wall: the time, seconds since the epoch.
        """
        self._disk = disk
        self._ledger = ledger
        self._parts = parts
        self._publisher = publisher
        self._shelf = shelf
        self._wall = wall

    async def finish(
        self, holder: Holder, upload: Upload, *, conflict: Conflict, may_replace: bool, said: Digest | None
    ) -> Completed:
        """Publish an upload that `holder` holds.

        The intent is in the ledger before the rename, so that a crash between the rename and the row is understood
        afterwards. A failure in that time has the upload loaded anew, by the same rules.

        :param said: what the client says that the whole file adds up to.
        :raise DigestMismatch: it adds up to something else; the upload is kept.
        :raise Fault: as `Publisher.publish`; the upload is kept.
        :raise Stopping: a digest that is made up for would take longer than there is time.
        """
        digest = await self._digest(holder, upload, said)
        await self._sync(upload)
        intended: list[bytes] = []
        try:
            done, answer = await self._disk.run(
                self._publish, upload, digest, said, conflict, may_replace, intended.append
            )
        except BaseException:
            if intended:
                await self._shelf.close(upload)
            raise
        upload.closed()
        upload.record = done
        return answer

    async def _digest(self, holder: Holder, upload: Upload, said: Digest | None) -> str:
        """Give the digest that ran with the bytes, or, where the process has restarted since, one made up for now.

        What was said is checked on the way; the file is read at most once for all of it, and only where it must.
        """
        unknown = () if said is None or said.algorithm == "blake3" else (said,)
        checks = Checks(unknown, beside=blake3() if upload.hasher is None else None)
        if not checks.idle:
            await self._read(holder, upload, checks)
        upload.hasher = upload.hasher or checks.beside
        assert upload.hasher is not None
        wrong = said is not None and said.algorithm == "blake3" and said.value != upload.hasher.digest()
        if wrong or not checks.hold:
            raise DigestMismatch(upload.settled)
        return upload.hasher.hexdigest()

    async def _read(self, holder: Holder, upload: Upload, checks: Checks) -> None:
        part, position = upload.part, 0
        assert part is not None
        while position < upload.settled:
            if isinstance(holder.reason, Stopping):  # a client that leaves will ask again: it goes on for that
                raise holder.reason
            end = min(position + SLICE, upload.settled)
            await self._disk.run(_hash, part, checks, position, end)
            position = end

    async def _sync(self, upload: Upload) -> None:
        if upload.mark is None:
            return
        try:
            await upload.mark.reach_end()
        except OSError as error:
            await self._shelf.close(upload)
            raise disk_fault(error) from error

    def _publish(
        self,
        upload: Upload,
        digest: str,
        said: Digest | None,
        conflict: Conflict,
        may_replace: bool,
        intended: Callable[[bytes], None],
    ) -> tuple[Record, Completed]:
        """Intend, rename, record. Blocks."""
        part, record, size = upload.part, upload.record, upload.settled
        assert part is not None and record is not None
        copied, checked = False, None if said is None else str(said)

        def copying() -> None:
            nonlocal copied
            self._ledger.note_stray(record.id, record.key.folder)
            copied = True

        def intend(final: bytes) -> None:
            intended(final)
            self._ledger.intend(record.id, final=final, digest=digest, offset=size, checked=checked)

        published = self._publisher.publish(
            part.part,
            record.key.target,
            conflict=conflict,
            by=record.key.principal,
            may_replace=may_replace,
            intent=intend,
            copying=copying,
        )
        done = evolve(
            record,
            state=State.DONE,
            offset=size,
            final=published.path.name,
            digest=digest,
            replaced=published.replaced,
            touched=self._wall(),
            checked=checked,
        )
        try:
            self._ledger.finish(done)
            if copied:
                self._ledger.forget_stray(record.id)
        except Fault as fault:
            # The intent stands, and the part's name is gone: the next look understands that it is published.
            _log.warn("A published upload could not be recorded: {fault}", fault=fault)
        self._parts.release(part)
        return done, evolve(done.answer(), stat=published.stat)


def _hash(part: OpenPart, checks: Checks, position: int, end: int) -> None:
    """Take a slice of a part file into the digests. Blocks."""
    buffer = bytearray(_BLOCK)
    while position < end:
        count = part.read(buffer, position)
        if count == 0:
            raise StorageUnavailable("A part file became shorter.")
        taken = min(count, end - position)
        checks.update(memoryview(buffer)[:taken])
        position += taken
