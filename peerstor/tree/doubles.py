"""Copies of files that are about to be replaced, where the file system has no hard links."""

import os
import re
import secrets
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeVar

from peerstor.tree.faults import ABSENT
from peerstor.tree.pace import Pace
from peerstor.tree.placing import copy_bytes
from peerstor.tree.scanning import scanned

T = TypeVar("T")

SMALL = 64 << 10
"""Bytes that are copied while others wait for the turn: about as much work as the note and its syncs."""

TRIES = 3
"""How often a file that changes while it is copied is copied anew before others have to wait for that."""

_COPYING = re.compile(r"[0-9a-f]{32}\.copying\Z")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Uncopied(Exception):
    """A file has to be copied that is too large for it while others wait: see `Doubles.during`."""

    def __init__(self, folder_fd: int, name: bytes) -> None:
        """Tell which it is, by its open folder and its name there."""
        super().__init__(name)
        self.folder_fd = folder_fd
        self.name = name


class Doubles:
    """The copies that one act needs of what it replaces. Use it in a `with`, in one thread. All of it blocks.

    Copying takes as long as the file is large, and whoever wants the turn at its folder would wait for that, each
    in a thread that others need. So it is done with no turn held; the copy counts if under the turn the file still
    is the one that was copied. What a crash leaves of it, `sweep_doubles` finds.
    """

    def __init__(self, *, dir_fd: int, own: set[str], fsync: bool) -> None:
        """Copy into an open folder.

        :param own: names of the copies that are being made; kept up to date.
        :param fsync: whether a copy is on the disk before it counts.
        """
        self._dir_fd = dir_fd
        self._own = own
        self._fsync = fsync
        self._name: str | None = None
        self._state: tuple[int, ...] | None = None
        self._source = -1
        self._at_once = False

    def __enter__(self) -> "Doubles":
        """See the class."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what wasn't needed in the end."""
        source, self._source = self._source, -1
        if source >= 0:
            os.close(source)
        name, self._name = self._name, None
        self._state = None
        if name is not None:
            with suppress(OSError):
                os.unlink(name, dir_fd=self._dir_fd)
            self._own.discard(name)

    def during(self, act: Callable[[], T]) -> T:
        """Do something that takes a turn; where it lacks a copy, make that once the turn is over, and begin anew.

        :param act: changes nothing before it raises `Uncopied`.
        :raise OSError: the copy could not be made.
        """
        for _ in range(TRIES):
            try:
                return act()
            except Uncopied as lack:
                self._make(lack.folder_fd, lack.name)
        self._at_once = True
        return act()

    def put(self, folder_fd: int, name: bytes, target_fd: int) -> None:
        """Put a copy of a file or link into an open folder; of a FIFO or its like there is nothing to keep.

        :param folder_fd: the folder that it lies in, at which the caller has the turn.
        :raise Uncopied: there is no copy of it as it is now.
        """
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        if self._name is not None and self._state == _state(found):
            os.rename(self._name, name, src_dir_fd=self._dir_fd, dst_dir_fd=target_fd)
            self._state = None
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(name, dir_fd=folder_fd), name, dir_fd=target_fd)
        elif stat.S_ISREG(found.st_mode):
            if found.st_size > SMALL and not self._at_once:
                raise Uncopied(folder_fd, name)
            source = os.open(name, _READ, dir_fd=folder_fd)
            try:
                self._copy(source, found, name, target_fd)
            finally:
                os.close(source)

    def _make(self, folder_fd: int, name: bytes) -> None:
        self.__exit__()
        try:
            # Open as long as the copy may be needed: some file systems number a file anew when nobody has it open.
            self._source = os.open(name, _READ, dir_fd=folder_fd)
        except OSError as error:
            if error.errno in ABSENT:  # another thing's by now, which the act finds out
                return
            raise
        found = os.fstat(self._source)
        if stat.S_ISREG(found.st_mode):
            self._name = f"{secrets.token_hex(16)}.copying"
            self._own.add(self._name)
            self._copy(self._source, found, self._name, self._dir_fd)
            self._state = _state(found)

    def _copy(self, source: int, found: os.stat_result, name: str | bytes, target_fd: int) -> None:
        target = os.open(name, _NEW, stat.S_IMODE(found.st_mode) & 0o777, dir_fd=target_fd)
        try:
            copy_bytes(source, target)
            os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
            if self._fsync:
                os.fsync(target)  # its times too
        finally:
            os.close(target)


def sweep_doubles(dir_fd: int, own: Collection[str], pace: Pace) -> None:
    """Remove copies that a crash has left in an open folder. Blocks, and lets other threads run all the while.

    :param own: names of those that are being made now, kept up to date.
    :raise OSError: the folder can't be read.
    """
    with scanned(dir_fd) as entries:
        left = [entry.name for entry in pace.through(entries) if _COPYING.match(entry.name)]
    for name in left:
        if name not in own:
            with suppress(OSError):
                os.unlink(name, dir_fd=dir_fd)


def _state(found: os.stat_result) -> tuple[int, ...]:
    """What another state of a file would differ in."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
