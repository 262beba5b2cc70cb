"""What is true of an upload: its row, its part file and the tree brought together, after any kind of end."""

import stat
from collections.abc import Callable

from attrs import evolve, frozen
from twisted.logger import Logger

from peerstor.errors import Fault, NoParent, NotFound
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import OpenPart, PartStore, Swept
from peerstor.uploads.records import Record, State, UploadKey

_log = Logger()

REMEMBER = 24 * 3600.0
"""Seconds for which a repeated `complete` gets the same answer (`http.md`, section 3)."""

DAMAGED = ""
"""Stands for the boot id of an upload whose sync failed: no boot has it, so only the synced mark counts."""


@frozen
class Visit:
    """An upload as it was found.

    :ivar record: its row, or None.
    :ivar part: its open part file; None where it has none.
    :ivar offset: bytes that are good.
    :ivar folder: whether the target's folder is there, and the disk that the upload was begun on.
    :ivar free: bytes that are left where the part lies, or would lie.
    :ivar recovered: whether a rename that a crash had cut off was found done.
    :ivar stands: whether what was published still lies there; only of one that was.
    """

    record: Record | None
    part: OpenPart | None
    offset: int
    folder: bool
    free: int
    recovered: bool = False
    stands: bool = False


class Loader:
    """Finds and begins uploads. All methods block; call them in a thread.

    The truth about a partial upload is its part file: bytes are only ever written behind each other, so all of
    them are a prefix. After a restart of the machine it is the synced mark; what lies behind that is cut off, and
    so is whatever had yet to be checked against a digest.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        parts: PartStore,
        sandbox: Sandbox,
        publisher: Publisher,
        boot_id: str,
        wall: Callable[[], float],
        expiry: float,
    ) -> None:
        """Make a loader.

        :param boot_id: tells one run of the machine (not of the process) from another.
        :param wall: the time, seconds since the epoch.
        :param expiry: seconds after which nobody wants a part any more that hasn't moved.
        """
        self._ledger = ledger
        self._parts = parts
        self._sandbox = sandbox
        self._publisher = publisher
        self._boot_id = boot_id
        self._wall = wall
        self.expiry = expiry
        self._mistrusted: dict[str, int] = {}

    def visit(self, key: UploadKey, part: OpenPart | None, record: Record | None, offset: int) -> Visit:
        """Look at an upload before anything is done with it.

        :param part: its open part file, where it is in memory; still the caller's to close, once nothing uses it
            any more, where the visit has another.
        :param record: its row, in that case.
        :param offset: bytes that are good, in that case.
        :return: with a record of this very key, whose floor is the caller's.
        :raise NotFound: a part of the path is private.
        :raise NoSpace, StorageUnavailable, Overloaded: the ledger or the storage can't be used.
        :raise OSError: the part file can't be used.
        """
        found = self._visit(key, part, record, offset)
        if found.record is None:
            return found
        # Whoever goes on with an upload does so with its own rights, not with those that it was begun with.
        return evolve(found, record=evolve(found.record, key=key))

    def _visit(self, key: UploadKey, part: OpenPart | None, record: Record | None, offset: int) -> Visit:
        folder = self._folder(key)
        try:
            if part is not None and part.stands():
                return Visit(record, part, offset, folder is not None, part.free())
            found = self._load(key, -1 if folder is None else folder.fd)
            return self._with_room(self._with_standing(found, folder), folder)
        finally:
            if folder is not None:
                folder.close()

    def begin(self, record: Record) -> tuple[Record, OpenPart]:
        """Write a row and make its empty part file. The row comes first: a part without one might stay for ever.

        :raise NoParent, NoSpace, StorageUnavailable, Overloaded: it could not be begun, and nothing is left of it.
        :raise OSError: the part file could not be made, and nothing is left of it.
        """
        with self._sandbox.parent_of(record.key.target) as folder:
            record = evolve(record, beside=self._parts.beside(folder.fd), boot_id=self._boot_id)
            self._ledger.begin(record)
            try:
                return record, self._parts.create(record.id, beside=record.beside, folder_fd=folder.fd)
            except OSError:
                self._ledger.remove(record.id)
                raise

    def mistrust(self, record: Record, synced: int) -> None:
        """Let only the first `synced` bytes of an upload count when it is loaded next; doesn't block.

        Its row says so too, but the disk that failed to sync the part may fail to take the row.
        """
        self._mistrusted[record.id] = synced

    def drop(self, record: Record, part: OpenPart | None) -> None:
        """Remove a part file, then its row.

        :raise OSError, StorageUnavailable: the part could not be removed; the row stays too.
        """
        if part is not None:
            try:
                self._publisher.give_up(part.part, record.key.target)
                part.remove()
            finally:
                self._parts.release(part)
        elif record.beside:
            # It lies on a disk that is away; the sweep removes it once that is back.
            self._ledger.note_stray(record.id, record.key.folder)
        self._remove(record)

    def sweep(self) -> Swept:
        """Remove what killed processes left behind and no row speaks of.

        Parts from before the ledger was made, which may be another ledger's, are left until they would expire.
        """
        since, expired = self._ledger.complete_since(), self._wall() - self.expiry
        swept = self._parts.sweep(self._ledger.part_ids, spared=lambda written: expired <= written < since)
        return evolve(swept, removed=swept.removed + self._sweep_strays())

    def _sweep_strays(self) -> int:
        count, known = 0, self._ledger.part_ids()
        for part_id, joined in self._ledger.strays():
            # A row that still stands leads to it all the same.
            if part_id in known or self._parts.in_use(part_id):
                continue
            try:
                count += self._sweep_stray(part_id, joined)
            except (Fault, OSError) as error:
                _log.debug("What a part left behind waits: {error}", error=error)
        return count

    def _sweep_stray(self, part_id: str, joined: bytes) -> int:
        """Remove what is left of one part in a folder; it is forgotten unless its disk seems to be away."""
        folder = self._folder(UploadKey("", joined, b"-"))
        if folder is None:
            return 0
        with folder:
            count = self._parts.remove_strays(part_id, folder.fd)
            if count or self._parts.beside(folder.fd):
                self._ledger.forget_stray(part_id)
        return count

    def _with_standing(self, found: Visit, folder: Opened | None) -> Visit:
        """Add whether a published file is there still, or another of its name and size."""
        record = found.record
        if folder is None or record is None or record.state is not State.DONE or record.final is None:
            return found
        there = self._sandbox.lookup(folder, record.final)
        stands = there is not None and stat.S_ISREG(there.st_mode) and there.st_size == record.offset
        return evolve(found, stands=stands)

    def _with_room(self, found: Visit, folder: Opened | None) -> Visit:
        """Add what is left where the part lies, or would lie; a part that can't tell is closed again."""
        if folder is None:
            return evolve(found, folder=False)
        if found.part is None:
            return evolve(found, free=self._free(folder))
        try:
            return evolve(found, free=found.part.free())
        except OSError:
            self._parts.release(found.part)
            raise

    def _free(self, folder: Opened) -> int:
        return self._parts.free(folder.fd, beside=self._parts.beside(folder.fd))

    def _folder(self, key: UploadKey) -> Opened | None:
        try:
            return self._sandbox.parent_of(key.target)
        except NoParent:
            return None

    def _load(self, key: UploadKey, folder_fd: int) -> Visit:
        record = self._ledger.find(key)
        if record is None:
            return _nothing()
        if record.state is State.DONE:
            if record.touched + REMEMBER >= self._wall():
                return Visit(record, None, 0, folder=True, free=0)
            self._ledger.remove(record.id)
            return _nothing()
        if record.beside and (folder_fd < 0 or not self._parts.beside(folder_fd)):
            # The folder is gone, or the disk that was mounted on it: too early to forget the upload.
            return Visit(record, None, 0, folder=False, free=0)
        try:
            part = self._parts.open(record.id, beside=record.beside, folder_fd=folder_fd)
        except FileNotFoundError:
            return self._load_without_part(record)
        try:
            return self._load_with_part(record, part)
        except BaseException:
            self._parts.release(part)
            raise

    def _load_without_part(self, record: Record) -> Visit:
        """The part has got its name, or somebody removed it."""
        if record.state is State.PUBLISHING:
            return self._published(record)
        self._remove(record)
        return _nothing()

    def _load_with_part(self, record: Record, part: OpenPart) -> Visit:
        if record.state is State.PUBLISHING and self._recover(record, part):
            self._parts.release(part)
            return self._published(record)
        size = part.size()
        counted = size if record.counted is None else min(size, record.counted)
        synced = max(record.synced, self._mistrusted.get(record.id, 0))
        trusted = record.boot_id == self._boot_id and record.id not in self._mistrusted
        offset = counted if trusted else min(counted, synced)
        if offset < size:
            part.truncate(offset)
        # The mark never was behind the file's end, unless somebody cut the file; then the file is right.
        fresh = evolve(
            record,
            state=State.PARTIAL,
            boot_id=self._boot_id,
            offset=offset,
            synced=min(synced, offset),
            counted=None,
        )
        if fresh != evolve(record, offset=offset):
            self._ledger.reopen(fresh)
        self._mistrusted.pop(record.id, None)
        return Visit(fresh, part, offset, folder=True, free=0)

    def _recover(self, record: Record, part: OpenPart) -> bool:
        assert record.final is not None
        try:
            return self._publisher.recover(part.part, record.key.target.parent.child(record.final))
        except (NotFound, NoParent):
            return False

    def _remove(self, record: Record) -> None:
        self._ledger.remove(record.id)
        self._mistrusted.pop(record.id, None)

    def _published(self, record: Record) -> Visit:
        done = evolve(record, state=State.DONE, touched=self._wall())
        self._ledger.finish(done)
        return Visit(done, None, 0, folder=True, free=0, recovered=True)


def _nothing() -> Visit:
    return Visit(None, None, 0, folder=True, free=0)
