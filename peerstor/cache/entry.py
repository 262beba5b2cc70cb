"""One kept result as a file: its head says what it is for, and proves that all of it is there."""

import os
import struct

from attrs import define, field
from blake3 import blake3

_HEAD = struct.Struct("<8s32sQ32s")  # what it is and its version, the key, bytes behind the head, their digest
_MAGIC = b"PeerSt\0\1"

START = _HEAD.size
"""Where the result begins in the file, bytes."""

_BLOCK = 256 * 1024


class Damaged(Exception):
    """A kept result is not what was written."""


@define(eq=False)
class Kept:
    """A kept result, open for reading; closed by whoever got it, or when it is dropped unseen.

    :ivar fd: the descriptor; the result's bytes begin at `START`.
    :ivar length: bytes of the result.
    """

    fd: int
    length: int = 0
    _open: bool = field(default=True, init=False)

    def close(self) -> None:
        """Close the descriptor; once more does nothing."""
        if self._open:
            self._open = False
            os.close(self.fd)

    def __del__(self) -> None:
        """See `close`."""
        self.close()


def write_head(fd: int, key: bytes, length: int) -> None:
    """Make an entry of a file that already holds a result. Blocks. Raises OSError.

    The digest is taken here, not with each piece: a client waits for the pieces, and nobody for this.
    """
    os.pwrite(fd, _HEAD.pack(_MAGIC, key, length, _digest(fd)), 0)


def check(fd: int, key: bytes) -> int:
    """Read a whole entry, and give the length of its result. Blocks.

    :raise Damaged: it isn't one, or another one's, or not a byte as it was written.
    :raise OSError: it can't be read.
    """
    head = os.pread(fd, START, 0)
    if len(head) != START:
        raise Damaged()
    magic, own, length, digest = _HEAD.unpack(head)
    if (magic, own, length) != (_MAGIC, key, os.fstat(fd).st_size - START) or _digest(fd) != digest:
        raise Damaged()
    return int(length)


def _digest(fd: int) -> bytes:
    hasher, position = blake3(), START
    while block := os.pread(fd, _BLOCK, position):
        hasher.update(block)
        position += len(block)
    return hasher.digest()
