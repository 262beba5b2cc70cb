"""The file of the audit log, and its older ones. Everything here blocks; call it in a thread."""

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress

LARGEST = 10 * 1024 * 1024
"""Bytes at which a file is put aside: some 50,000 events, which an editor still opens."""

KEPT = 5
"""Files that are kept beside it. With the present one 60 MiB at most, which a small disk can spare."""

BEGINNING = b'{"time": "'
"""Of every line."""

_BLOCK = 4096
"""Bytes that are read at a time to find the end of the last whole line."""

Identity = tuple[int, int]
"""(device, inode)."""

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class AuditFile:
    """Appends whole lines, those of a round with one write, and starts a new file when the present one is full.

    The file is opened for each round of lines: whoever moves it away, or puts its disk back, needs to tell nobody.
    One process writes it, the one that has the storage.

    What a crash can leave is mended by the next round: half a line at the end goes, and a place left free
    among the older files is the one that the next turn fills.
    """

    def __init__(self, path: bytes) -> None:
        """Make one of a path; nothing is opened yet."""
        self.path = path
        # What the last round has left: which file, and how many bytes of it.
        self._left: tuple[Identity, int] | None = None

    def append(self, lines: Sequence[bytes]) -> int:
        """Write lines.

        :return: how many are in the file: all of them, or those before the first that could not be written.
        :raise OSError: not even the first could be.
        """
        written = 0
        fd, identity, size = self._open()
        try:
            if self._left != (identity, size):
                size = self._mend(fd, size)
            while written < len(lines):
                if size and size + len(lines[written]) > LARGEST and self._put_aside():
                    old = fd
                    fd, identity, size = self._open()
                    os.close(old)
                some = _fitting(lines[written:], LARGEST - size)
                size = self._write(fd, some, size)
                written += len(some)
                self._left = identity, size
        except _Short as short:
            written += short.whole
        except OSError:
            if not written:
                raise
        finally:
            os.close(fd)
        return written

    def _open(self) -> tuple[int, Identity, int]:
        """Give the open file, which it is, and its size."""
        fd = os.open(self.path, _OPEN, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            if found.st_mode & 0o077:
                os.fchmod(fd, 0o600)
        except BaseException:
            os.close(fd)
            raise
        return fd, (found.st_dev, found.st_ino), found.st_size

    def _write(self, fd: int, lines: Sequence[bytes], size: int) -> int:
        """Write lines, and give the size of the file with them.

        :param size: bytes in the file before.
        :raise _Short: only some of them are there.
        :raise OSError: none is.
        """
        try:
            end = size + os.write(fd, b"".join(lines))
        except OSError:
            with suppress(OSError):  # else the next round mends it
                os.ftruncate(fd, size)
            raise
        whole = 0
        for line in lines:
            if size + len(line) > end:
                break
            size += len(line)
            whole += 1
        if whole < len(lines):
            # A disk writes in part what it has no room for the rest of; asked again, it would say so.
            with suppress(OSError):
                os.ftruncate(fd, size)
            raise _Short(whole) if whole else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return size

    def _mend(self, fd: int, size: int) -> int:
        """Cut half a line off the end, if there is one, and give the size. What others wrote is ended instead."""
        whole = size
        while whole:
            begin = max(0, whole - _BLOCK)
            found = os.pread(fd, whole - begin, begin).rfind(b"\n")
            if found >= 0:
                whole = begin + found + 1
                break
            whole = begin
        if whole == size:
            return size
        if os.pread(fd, len(BEGINNING), whole) != BEGINNING[: size - whole]:
            return size + os.write(fd, b"\n")
        os.ftruncate(fd, whole)
        return whole

    def _put_aside(self) -> bool:
        """Put the present file aside; False where the folder doesn't allow it, so that the present one grows.

        The youngest goes last: killed in between, all of them are still there, in their order.
        """
        try:
            free = next((place for place in range(1, KEPT) if not os.path.lexists(self._older(place))), KEPT)
            for place in range(free - 1, 0, -1):
                os.rename(self._older(place), self._older(place + 1))
            os.rename(self.path, self._older(1))
        except OSError:
            return False
        return True

    def _older(self, place: int) -> bytes:
        return self.path + b".%d" % place


class _Short(Exception):
    """A disk that became full.

    :ivar whole: lines that are in the file all the same.
    """

    def __init__(self, whole: int) -> None:
        super().__init__(whole)
        self.whole = whole


def _fitting(lines: Sequence[bytes], room: int) -> Sequence[bytes]:
    """Give the first lines that fit into a number of bytes, but one at least."""
    count, used = 1, len(lines[0])
    while count < len(lines) and used + len(lines[count]) <= room:
        used += len(lines[count])
        count += 1
    return lines[:count]
