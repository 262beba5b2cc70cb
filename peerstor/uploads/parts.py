"""Part files: where the bytes of an upload lie until they get their name."""

import os
import random
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from attrs import frozen

from peerstor.tree.faults import FULL
from peerstor.tree.placing import near_name
from peerstor.tree.private import PrivateFolder
from peerstor.tree.publish import Part
from peerstor.tree.scanning import scanned
from peerstor.uploads.locality import Locality
from peerstor.uploads.nameless import Nameless

_ID = re.compile(r"[0-9a-f]{32}\Z")
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNT = re.compile(rb"^mnt_id:\s*(\d+)", re.MULTILINE)


class Spare(Protocol):
    """Room that something holds only as long as nobody else needs it."""

    def gives(self, fd: int) -> int:
        """Bytes that it holds on the disk of an open file. Raises OSError."""

    def give_way(self, fd: int) -> bool:
        """Leave some of it to whoever found the disk of an open file full; tells whether there was any.

        It takes about a millisecond.
        """


def new_id() -> str:
    """Make the random name of a part: 128 bits in hex."""
    return secrets.token_hex(16)


class OpenPart:
    """One open part file. All methods block; call them in a thread.

    Whoever opened it closes it, after the last call has returned.

    :ivar id: 32 hex digits.
    :ivar beside: whether it lies beside its target instead of in the private folder.
    :ivar local: whether its file system is on this machine.
    :ivar part: the same for `Publisher`.
    """

    def __init__(self, *, part_id: str, beside: bool, local: bool, part: Part, pwrite: Callable[..., int]) -> None:
        """Take over the descriptors of `part` (`dir_fd` only where the part lies beside its target)."""
        self.id = part_id
        self.beside = beside
        self.local = local
        self.part = part
        self._pwrite = pwrite
        self._named = False
        self._closed = False

    def write(self, data: memoryview, position: int) -> int:
        """Write bytes at an explicit position; answers with how many were taken. Raises OSError."""
        return self._pwrite(self.part.fd, data, position)

    def read(self, buffer: bytearray, position: int) -> int:
        """Fill a buffer from a position; answers with how many bytes there were. Raises OSError."""
        return os.preadv(self.part.fd, [buffer], position)

    def sync(self) -> None:
        """Bring the data to the disk, and the first time the name too. Raises OSError."""
        os.fdatasync(self.part.fd)
        if not self._named:
            os.fsync(self.part.dir_fd)
            self._named = True

    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self.part.fd).st_size

    def truncate(self, size: int) -> None:
        """Cut the file back to `size` bytes. Raises OSError."""
        os.ftruncate(self.part.fd, size)

    def free(self) -> int:
        """Bytes that its file system still has for us."""
        found = os.fstatvfs(self.part.fd)
        return found.f_bavail * found.f_frsize

    def stands(self) -> bool:
        """Tell whether its name still leads to it: the storage may have been exchanged under us."""
        try:
            found = os.stat(self.part.name, dir_fd=self.part.dir_fd, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self.part.fd))

    def remove(self) -> None:
        """Drop the name; the bytes go when it is closed. Raises OSError, but not where it has gone already."""
        try:
            os.unlink(self.part.name, dir_fd=self.part.dir_fd)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Close what it holds; once more does nothing."""
        if self._closed:
            return
        self._closed = True
        os.close(self.part.fd)
        if self.beside:
            os.close(self.part.dir_fd)


@frozen
class Swept:
    """What a sweep found that no upload speaks of.

    :ivar removed: how many files have gone.
    :ivar left: how many were left, since they may be another ledger's.
    """

    removed: int
    left: int


class PartStore:
    """Makes, opens and sweeps part files. All methods block; call them in a thread.

    A part lies in `.peerstor/parts/`, or as `.peerstor-<id>.part` beside its target where that is on another file
    system or behind another mount, since a rename can't cross. It gets the rights that a file made here by its
    owner would get: 0666 less the umask.
    """

    def __init__(
        self,
        *,
        private: PrivateFolder,
        pwrite: Callable[..., int] = os.pwrite,
        spare: Spare | None = None,
    ) -> None:
        """Make a store.

        :param pwrite: how bytes are written: `os.pwrite`, or what a test puts in its place.
        :param spare: counts as free, and is asked to give way where the disk is full; None where nothing is.
        """
        self._private = private
        self._spare = spare
        self._pwrite = pwrite if spare is None else _yielded(pwrite, spare)
        self._locality = Locality()
        self._nameless = Nameless()
        # Whatever is open: a sweep leaves it alone.
        self._own: set[str] = set()

    def beside(self, folder_fd: int) -> bool:
        """Tell whether the part of a target in this open folder has to lie beside it. Raises OSError."""
        home = self._private.parts_fd
        if os.fstat(folder_fd).st_dev != os.fstat(home).st_dev:
            return True
        return _mount(folder_fd) != _mount(home)

    def free(self, folder_fd: int, *, beside: bool) -> int:
        """Bytes that are left for us where the part of a target in this open folder would lie. Raises OSError."""
        fd = folder_fd if beside else self._private.parts_fd
        found = os.fstatvfs(fd)
        return found.f_bavail * found.f_frsize + (0 if self._spare is None else self._spare.gives(fd))

    def create(self, part_id: str, *, beside: bool, folder_fd: int) -> OpenPart:
        """Make an empty part file.

        :param part_id: from `new_id`.
        :param folder_fd: the open target folder; still the caller's to close.
        :raise OSError: it could not be made.
        """
        with self.claimed(part_id):
            return self._open(part_id, os.O_CREAT | os.O_EXCL, beside=beside, folder_fd=folder_fd)

    def brief(self) -> OpenPart:
        """Make an empty part in the private folder that is published or discarded by the same visit to the disk.

        It has no name, where the file system has such files: then a crash leaves nothing of it.

        :raise OSError: it could not be made.
        """
        # Hardly ever seen, so no secret; asking the kernel for one lets go of the interpreter.
        part_id, dir_fd = f"{random.getrandbits(128):032x}", self._private.parts_fd
        with self.claimed(part_id):
            fd = self._nameless.open(dir_fd, part_id.encode())
            if fd is None:
                return self._open(part_id, os.O_CREAT | os.O_EXCL, beside=False, folder_fd=dir_fd)
            part = Part(dir_fd=dir_fd, name=part_id.encode(), fd=fd, nameless=True)
            # Whoever makes one is in a thread and writes it there: it doesn't matter how long that takes.
            return OpenPart(part_id=part_id, beside=False, local=False, part=part, pwrite=self._pwrite)

    @contextmanager
    def claimed(self, part_id: str) -> Iterator[None]:
        """Keep a part that is about to be made from every sweep: until it is released, or the `with` fails."""
        self._own.add(part_id)
        try:
            yield
        except BaseException:
            self._own.discard(part_id)
            raise

    def in_use(self, part_id: str) -> bool:
        """Tell whether a part is open, or about to be made."""
        return part_id in self._own

    def open(self, part_id: str, *, beside: bool, folder_fd: int) -> OpenPart:
        """Open a part file that was made before.

        :raise FileNotFoundError: it has gone.
        :raise OSError: it could not be opened.
        """
        part = self._open(part_id, 0, beside=beside, folder_fd=folder_fd)
        self._own.add(part_id)
        return part

    def discard(self, part: OpenPart) -> None:
        """Remove a part and close it. Raises OSError; it is closed all the same."""
        try:
            part.remove()
        finally:
            self.release(part)

    def release(self, part: OpenPart) -> None:
        """Close a part; the file stays."""
        part.close()
        self._own.discard(part.id)

    def remove_strays(self, part_id: str, folder_fd: int) -> int:
        """Remove what a killed process left of a part in its target's folder: itself and copies of it.

        :return: how many files it was.
        :raise OSError: something could not be removed.
        """
        beside = _beside_name(part_id)
        return sum(_unlink(name, folder_fd) for name in (beside, near_name(beside), near_name(part_id.encode())))

    def sweep(self, known: Callable[[], frozenset[str]], *, spared: Callable[[float], bool]) -> Swept:
        """Remove the parts in the private folder that belong to nobody: an earlier process was killed.

        :param known: gives the ids of all uploads; asked after the folder was read, so that a part which this
            process makes meanwhile is either not seen or known.
        :param spared: tells whether a part that was last written at a time, seconds since the epoch, is left all
            the same.
        """
        with scanned(self._private.parts_fd) as entries:
            found = {entry.name for entry in entries if _ID.match(entry.name)}
        removed = left = 0
        for name in found - self._own - known():
            if spared(self._written(name)):
                left += 1
            else:
                removed += _unlink(name.encode(), self._private.parts_fd)
        return Swept(removed=removed, left=left)

    def _written(self, part_id: str) -> float:
        try:
            return os.stat(part_id, dir_fd=self._private.parts_fd, follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return 0.0

    def _open(self, part_id: str, flags: int, *, beside: bool, folder_fd: int) -> OpenPart:
        if not beside:
            dir_fd, name = self._private.parts_fd, part_id.encode()
            fd = os.open(name, _OPEN | flags, 0o666, dir_fd=dir_fd)
        else:
            dir_fd, name = os.dup(folder_fd), _beside_name(part_id)
            try:
                fd = os.open(name, _OPEN | flags, 0o666, dir_fd=dir_fd)
            except OSError:
                os.close(dir_fd)
                raise
        part = Part(dir_fd=dir_fd, name=name, fd=fd)
        local = self._locality.of(fd)
        return OpenPart(part_id=part_id, beside=beside, local=local, part=part, pwrite=self._pwrite)


def _unlink(name: bytes, dir_fd: int) -> bool:
    """Remove a file; tells whether it was still there."""
    try:
        os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    return True


def _yielded(pwrite: Callable[..., int], spare: Spare) -> Callable[..., int]:
    """Write as `pwrite` does, but have `spare` give way for as long as the disk is full."""

    def write(fd: int, data: memoryview, position: int) -> int:
        waiting = True
        while waiting:
            try:
                return pwrite(fd, data, position)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                waiting = spare.give_way(fd)
        return pwrite(fd, data, position)  # another thread may have made it give way meanwhile

    return write


def _beside_name(part_id: str) -> bytes:
    return b".peerstor-%s.part" % part_id.encode()


def _mount(fd: int) -> bytes | None:
    """Which mount a descriptor belongs to (Linux: proc(5), fdinfo): a bind mount has the device of its origin and
    still can't be renamed into. None where the system doesn't tell."""
    try:
        info = os.open(f"/proc/self/fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = _MOUNT.search(os.read(info, 512))
    finally:
        os.close(info)
    return found.group(1) if found else None
