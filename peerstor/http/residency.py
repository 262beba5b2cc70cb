"""Which runs of a file are in memory, and bringing there those that aren't."""

import mmap
import os

from peerstor.http.cachestat import cached_pages
from peerstor.http.spans import NOWAIT, UNSUPPORTED

SAMPLED = 64 * 1024
"""Bytes between two bytes that are looked at where the kernel counts no pages. Closer costs calls; a hole between
two of them costs everybody one wait for a disk."""

COUNTED = 1024 * 1024
"""The same where it does: all pages are there, and only the end of what is still being read in is looked for."""

SCRATCH = 128 * 1024
"""Bytes that are read and thrown away at once, only so that the page cache has them."""


class Residency:
    """Tells what the page cache holds of files on one file system, without ever waiting for a disk."""

    def __init__(self) -> None:
        self._samples = bool(NOWAIT) and hasattr(os, "preadv")

    def warm(self, fd: int, position: int, length: int) -> bool:
        """Tell whether a run of a file can be read without waiting.

        :param length: bytes, at least 1.
        :return: False also where nobody can tell.
        """
        counted = cached_pages(fd, position, length)
        last = position + length - 1
        if 0 <= counted <= last // mmap.PAGESIZE - position // mmap.PAGESIZE:
            return False
        step = SAMPLED if counted < 0 else COUNTED
        for place in (*range(position, last, step), last):
            if self._samples and self._missing(fd, place):
                return False
        return self._samples or counted > 0

    def _missing(self, fd: int, place: int) -> bool:
        """Tell whether a byte is known not to be at hand, and remember it where nobody can know."""
        try:
            return os.preadv(fd, [bytearray(1)], place, NOWAIT) != 1
        except OSError as error:
            # Any other fault shows again in the read that may wait, with its proper meaning.
            self._samples = error.errno not in UNSUPPORTED
            return self._samples


def load(fd: int, position: int, length: int, further: int) -> None:
    """Bring a run of a file into memory. Blocks; call it in a thread.

    :param length: bytes.
    :param further: bytes behind the run that will be wanted next; reading them is begun, not waited for.
    :raise OSError: the disk's fault.
    """
    end = position + length
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, position, length + further, os.POSIX_FADV_WILLNEED)
    while position < end:
        count = len(os.pread(fd, min(SCRATCH, end - position), position))
        if not count:  # whoever sends it meets the end too
            return
        position += count
