"""The file of the audit log, and its older ones. Everything here blocks; call it in a thread."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

LARGEST = 10 * 1024 * 1024
"""Bytes at which a file is put aside: some 50,000 events, which an editor still opens."""

KEPT = 5
"""Files that are kept beside it. With the present one 60 MiB at most, which a small disk can spare."""

BEGINNING = b'{"time": "'
"""Of every line."""

_BLOCK = 4096
"""Bytes that are read at a time to find the end of the last whole line."""

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class AuditFile:
    """Appends whole lines, one write each, and starts a new file when the present one is full.

    The file is opened for each round of lines: whoever moves it away, or puts its disk back, needs to tell nobody.
    One process writes it, the one that has the storage.

    What a crash can leave is mended by the next round: half a line at the end goes, and a place left free
    among the older files is the one that the next turn fills.
    """

    def __init__(self, path: bytes) -> None:
        """Make one of a path; nothing is opened yet."""
        self.path = path

    def append(self, lines: Iterable[bytes]) -> int:
        """Write lines.

        :return: how many are in the file: all of them, or those before the first that could not be written.
        :raise OSError: not even the first could be.
        """
        written, fd = 0, self._open()
        try:
            size = self._mend(fd)
            for line in lines:
                if size and size + len(line) > LARGEST:
                    fd = self._turn(fd)
                    size = os.fstat(fd).st_size
                self._write(fd, line, size)
                size += len(line)
                written += 1
        except OSError:
            if not written:
                raise
        finally:
            os.close(fd)
        return written

    def _open(self) -> int:
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
        return fd

    def _write(self, fd: int, line: bytes, size: int) -> None:
        """Write a line, all or nothing of it. Raises OSError.

        :param size: bytes in the file before it.
        """
        try:
            if os.write(fd, line) < len(line):
                # A disk writes in part what it has no room for the rest of; asked again, it would say so.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):  # else the next round mends it
                os.ftruncate(fd, size)
            raise

    def _mend(self, fd: int) -> int:
        """Cut half a line off the end, if there is one, and give the size. What others wrote is ended instead."""
        size = whole = os.fstat(fd).st_size
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

    def _turn(self, fd: int) -> int:
        """Put the present file aside and open a new one. Where the folder doesn't allow it, the present one grows.

        The youngest goes last: killed in between, all of them are still there, in their order.
        """
        try:
            free = next((place for place in range(1, KEPT) if not os.path.lexists(self._older(place))), KEPT)
            for place in range(free - 1, 0, -1):
                os.rename(self._older(place), self._older(place + 1))
            os.rename(self.path, self._older(1))
        except OSError:
            return fd
        new = self._open()
        os.close(fd)
        return new

    def _older(self, place: int) -> bytes:
        return self.path + b".%d" % place
