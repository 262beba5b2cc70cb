"""Copying a file or folder with all below it from one open folder into another. All of it blocks."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress

from peerstor.errors import Forbidden, TooManyEntries
from peerstor.tree.likeness import FOLDER, Likeness, names_in
from peerstor.tree.pace import Pace
from peerstor.tree.paths import check_depth
from peerstor.tree.syncing import DataSync, sync_folder

MOST = 100_000
"""Files and folders that one copy may have: about a minute of work."""

SLICE = 8 << 20
"""Bytes between two looks whether the copy is still wanted: some milliseconds of a disk."""

_FICLONE = 0x40049409
_BATCH = 64
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# What copy_file_range(2) says where this kernel or these two file systems can't do it.
_BY_HAND = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EBADF}
)

Keeps = Callable[[bytes, tuple[bytes, ...]], bool]


class Unwanted(Exception):
    """Nobody waits for the copy any more."""


class Copying:
    """One copy that is being made. Use it in a `with`, in one thread; whatever it made so far is the caller's.

    Names that are private and whatever is neither file, folder nor link are left out. Files keep their bytes,
    times and permissions, and are reflinked where the file system can.

    :ivar began: when, in ns since the epoch.
    :ivar copied: what all that was copied looked like just before.
    :ivar made: the folders that were made, by (device, inode).
    """

    def __init__(
        self,
        *,
        hides: Callable[[os.stat_result], bool],
        keeps: Keeps,
        unwanted: Callable[[], bool],
        fsync: bool,
        depth: int = 0,
        most: int = MOST,
    ) -> None:
        """Begin.

        :param hides: tells whether a folder is private by what it is.
        :param keeps: tells whether a link is copied, from what it says and the names of the folders above it, from
            the copied folder on.
        :param unwanted: asked often whether to give up.
        :param fsync: whether all of it is to be on the disk before the `with` ends.
        :param depth: folders that the copy is to lie in.
        """
        self._hides = hides
        self._keeps = keeps
        self._unwanted = unwanted
        self._fsync = fsync
        self._depth = depth
        self._most = most
        self._count = 0
        self.began = time.time_ns()
        self.copied = Likeness(since=self.began)
        self.made: list[tuple[int, int]] = []
        self._written: list[int] = []
        self._data = DataSync()
        self._pace = Pace()

    def __enter__(self) -> "Copying":
        """See the class."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is still open."""
        written, self._written = self._written, []
        for fd in written:
            os.close(fd)

    def copy_open(self, fd: int, target_fd: int, target: bytes) -> None:
        """Copy an open file or folder to a new name in an open folder, durably.

        :raise Forbidden: something of it may not be read.
        :raise TooManyEntries: it has more entries than one copy may.
        :raise BadRequest: folders of it would lie too deep.
        :raise Unwanted: nobody waits any more.
        :raise OSError: something could not be read or written.
        """
        self._open(fd, os.fstat(fd), target_fd, target, ())
        self._sync()

    def copy(self, source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
        """Copy what has a name in an open folder, a link as a link; otherwise as `copy_open`."""
        self._one(source_fd, source, target_fd, target, ())
        self._sync()

    def _one(self, source_fd: int, source: bytes, target_fd: int, target: bytes, above: tuple[bytes, ...]) -> None:
        self._step()
        found = os.stat(source, dir_fd=source_fd, follow_symlinks=False)
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            self.copied.add(_last(above), found)
        if stat.S_ISLNK(found.st_mode):
            says = os.readlink(source, dir_fd=source_fd)
            if self._keeps(says, above):
                os.symlink(says, target, dir_fd=target_fd)
            return
        if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
            return
        try:
            fd = os.open(source, FOLDER if stat.S_ISDIR(found.st_mode) else _READ, dir_fd=source_fd)
        except PermissionError as error:
            raise Forbidden() from error
        try:
            self._open(fd, os.fstat(fd), target_fd, target, above)
        finally:
            os.close(fd)

    def _open(
        self, fd: int, found: os.stat_result, target_fd: int, target: bytes, above: tuple[bytes, ...]
    ) -> None:
        if stat.S_ISREG(found.st_mode):
            self.copied.add(_last(above), found)
            self._file(fd, found, target_fd, target)
        elif stat.S_ISDIR(found.st_mode) and not self._hides(found):
            self.copied.add(_last(above), found)
            self._folder(fd, found, target_fd, target, above)
            self.copied.leave()

    def _folder(
        self, fd: int, found: os.stat_result, target_fd: int, target: bytes, above: tuple[bytes, ...]
    ) -> None:
        check_depth(self._depth + len(above))
        os.mkdir(target, stat.S_IMODE(found.st_mode) & 0o777 | 0o700, dir_fd=target_fd)
        made = os.open(target, FOLDER, dir_fd=target_fd)
        try:
            identity = os.fstat(made)
            self.made.append((identity.st_dev, identity.st_ino))
            # All at once: a copy into a folder above it would else meet itself.
            for name in names_in(fd, self._pace, self._most):
                with suppress(FileNotFoundError):  # gone since we read the names
                    self._one(fd, name, made, name, (*above, name))
            os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
            if self._fsync:
                sync_folder(made)
        finally:
            os.close(made)

    def _file(self, fd: int, found: os.stat_result, target_fd: int, target: bytes) -> None:
        made = os.open(target, _NEW, stat.S_IMODE(found.st_mode) & 0o777, dir_fd=target_fd)
        self._written.append(made)
        copy_content(fd, made, found.st_size, self._check)
        os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
        if len(self._written) >= _BATCH:
            self._sync()

    def _sync(self) -> None:
        written = list(self._written)
        failed = [error for error in self._data.sync(written) if error is not None] if self._fsync else []
        self.__exit__()
        if failed:
            raise failed[0]

    def _step(self) -> None:
        self._check()
        self._pace.step()
        self._count += 1
        if self._count > self._most:
            raise TooManyEntries(limit=self._most)

    def _check(self) -> None:
        if self._unwanted():
            raise Unwanted()


def _last(names: tuple[bytes, ...]) -> bytes:
    return names[-1] if names else b""


def copy_content(source: int, target: int, size: int, check: Callable[[], None]) -> None:
    """Copy the bytes of an open file into an empty one: shared where the disk can, else moved by the kernel.

    :param size: bytes that there should be.
    :param check: called between slices; may raise to end it.
    :raise OSError: what reading or writing says.
    """
    check()
    with suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return
    position = _by_kernel(source, target, check)
    if position < size:
        _by_hand(source, target, position, check)


def _by_kernel(source: int, target: int, check: Callable[[], None]) -> int:
    """Copy as much as the kernel can by itself, and tell how much that was."""
    position = 0
    copy = getattr(os, "copy_file_range", None)
    while copy is not None:
        try:
            count = copy(source, target, SLICE, offset_src=position, offset_dst=position)
        except OSError as error:
            if error.errno not in _BY_HAND:
                raise
            break
        if not count:
            break
        position += count
        check()
    return position


def _by_hand(source: int, target: int, position: int, check: Callable[[], None]) -> None:
    while block := os.pread(source, 1 << 20, position):
        rest = memoryview(block)
        while rest:
            written = os.pwrite(target, rest, position)
            position += written
            rest = rest[written:]
        check()
