"""Spans of open files, read in blocks."""

import errno
import os

from attrs import define, frozen

#: Size of a block, bytes. It is the transport's own high mark: larger blocks make Twisted copy what a partial send
#: left over, and cost memory for every slow reader; smaller ones cost calls.
BLOCK = 64 * 1024

#: The platform's flag for "only from the page cache"; 0 where there is none.
NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)

#: What the platform answers where it knows the flag but this file system does not take it.
UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


@define(eq=False)
class FileShrank(Exception):
    """A file ended before the length that was promised for it. The connection must be cut: never padded.

    :param position: where it ended, bytes.
    """

    position: int


@frozen
class Span:
    """A run of bytes of an open file.

    :param fd: descriptor of a regular file; whoever opened it closes it.
    :param start: offset of the first byte.
    :param length: bytes.
    """

    fd: int
    start: int
    length: int


def read(fd: int, position: int, length: int) -> bytes:
    """Read at most `length` bytes at `position`. Blocks; call it in a thread.

    :raise FileShrank: when the file ends at or before `position`.
    """
    data = os.pread(fd, length, position)
    if not data:
        raise FileShrank(position)
    return data


class CacheReader:
    """Reads what is in the page cache, in the reactor's thread, without ever waiting for a disk."""

    _scratch = bytearray()  # of all of them: nobody keeps anything in it

    def __init__(self) -> None:
        self._works = bool(NOWAIT) and hasattr(os, "preadv")

    def read(self, fd: int, position: int, length: int) -> bytes:
        """Return up to `length` bytes at `position`, or `b""` when only a read that may wait can tell."""
        if not self._works:
            return b""
        if len(self._scratch) < length:
            CacheReader._scratch = bytearray(length)
        buffer = memoryview(self._scratch)[:length]
        try:
            count = os.preadv(fd, [buffer], position, NOWAIT)
        except OSError as error:
            # Any other fault shows again in the read that may wait, with its proper meaning.
            self._works = error.errno not in UNSUPPORTED
            return b""
        return bytes(buffer[:count])
