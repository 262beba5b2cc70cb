"""Whether what lies in the storage, with all that is in it, still is what was copied. All of it blocks."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from itertools import islice

from peerstor.errors import ChangedMeanwhile
from peerstor.tree.pace import Pace
from peerstor.tree.paths import is_private

COARSEST = 3_000_000_000
"""Nanoseconds by which the times of a file may be off: FAT has 2 s."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# What opening a folder says that was one a moment ago.
_EXCHANGED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK})


class Likeness:
    """Grows with each thing that is told to it: two are equal if the same things were told in one order.

    It is a digest, and as small for a hundred thousand things as for one.

    :ivar count: how many things were told.
    """

    def __init__(self, *, since: int) -> None:
        """Begin.

        :param since: when the first look began, in ns since the epoch. What was changed after that, or so shortly
            before that its times might not show it, is known by its number, too. Not everything is: FAT and FUSE
            give other numbers to what was not looked at for a while.
        """
        self._fresh = since - COARSEST
        self._digest = blake2b(digest_size=16)
        self.count = 0

    @property
    def value(self) -> bytes:
        """What to compare."""
        return self._digest.digest()

    def add(self, name: bytes, found: os.stat_result) -> None:
        """Tell of the next thing; after a folder, of what is in it.

        :param name: none for the first.
        :param found: what lstat says. Of a folder its kind alone counts: its times change with what is private in
            it, and those of the first when it is moved.
        """
        self.count += 1
        told: tuple[int, ...] = (found.st_mode,)
        if not stat.S_ISDIR(found.st_mode):
            fresh = max(found.st_mtime_ns, found.st_ctime_ns) >= self._fresh
            inode = found.st_ino if fresh else 0
            told += (found.st_size, found.st_mtime_ns, found.st_ctime_ns, inode)
        self._digest.update(b"%s\0%s\0" % (name, " ".join(map(str, told)).encode()))

    def leave(self) -> None:
        """Tell that all of a folder has been told."""
        self._digest.update(b"\0")


class Look:
    """One look at something that was copied, in the order of the copy."""

    def __init__(
        self,
        likeness: Likeness,
        *,
        most: int,
        hides: Callable[[os.stat_result], bool],
        enters: Callable[[os.stat_result], None],
        check: Callable[[], None],
    ) -> None:
        """Begin.

        :param likeness: a new one, to be told of all that is seen.
        :param most: how much was copied; more isn't the same.
        :param hides: tells whether a folder is private by what it is.
        :param enters: called with each folder before its names are read.
        :param check: called often; may raise to end it.
        """
        self._likeness = likeness
        self._most = most
        self._hides = hides
        self._enters = enters
        self._check = check
        self._pace = Pace()

    def at(self, dir_fd: int, name: bytes, called: bytes = b"") -> None:
        """Look at what has a name in an open folder.

        :raise ChangedMeanwhile: it is more than was copied, or was exchanged while we looked.
        :raise OSError: it can't be looked at.
        """
        self._check()
        self._pace.step()
        found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            self._add(called, found)
            return
        try:
            fd = os.open(name, FOLDER, dir_fd=dir_fd)
        except OSError as error:
            if error.errno in _EXCHANGED:
                raise ChangedMeanwhile() from error
            raise
        try:
            self._folder(fd, called)
        finally:
            os.close(fd)

    def _folder(self, fd: int, called: bytes) -> None:
        found = os.fstat(fd)
        if self._hides(found):
            return
        self._add(called, found)
        self._enters(found)
        for inner in names_in(fd, self._pace, self._most):
            with suppress(FileNotFoundError):  # that it is gone shows in the likeness
                self.at(fd, inner, inner)
        self._likeness.leave()

    def _add(self, called: bytes, found: os.stat_result) -> None:
        if self._likeness.count >= self._most:
            raise ChangedMeanwhile()
        self._likeness.add(called, found)


def names_in(fd: int, pace: Pace, most: int) -> list[bytes]:
    """Read the names in an open folder, in the order of their bytes, private ones left out.

    :param most: how many are wanted; where there are more, there is one more than that.
    """
    with os.scandir(fd) as entries:
        names = (os.fsencode(entry.name) for entry in pace.through(entries))
        return sorted(islice((name for name in names if not is_private(name)), most + 1))
