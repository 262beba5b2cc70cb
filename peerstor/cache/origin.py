"""What a result was made of: which bytes of which file, and how."""

import os
from typing import Self

from attrs import frozen
from blake3 import blake3

COARSE = 2.0
"""Seconds after its last change from which on a later change of a file shows in its times: what has the coarsest
clock (FAT) counts in two seconds."""

FINE = 0.1
"""The same for a file whose times have fractions of a second. Those are of the kernel's own clock, which moves at
least every hundredth."""


@frozen
class Origin:
    """One content of one file, and what is made of it.

    Its time of status change counts as well: whoever restores the time of modification can't restore that one.

    :param recipe: how the result is made; whatever would make other bytes has another one.
    :param changed: the latest of the file's times, seconds since the epoch.
    :param settles: seconds after that from which on any later change shows.
    :ivar key: 32 bytes by which a result is found again; nothing of the file can be told from it.
    """

    key: bytes
    recipe: bytes
    changed: float
    settles: float

    @classmethod
    def of(cls, found: os.stat_result, recipe: bytes) -> Self:
        """Make one of what fstat says of a file."""
        file = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        key = blake3(b"%s\0%s" % (":".join(map(str, file)).encode(), recipe)).digest()
        fine = found.st_mtime_ns % 10**9 and found.st_ctime_ns % 10**9
        return cls(key, recipe, max(found.st_mtime, found.st_ctime), FINE if fine else COARSE)

    def holds(self, fd: int) -> bool:
        """Tell whether an open file still is what it was. Blocks. Raises OSError."""
        return Origin.of(os.fstat(fd), self.recipe) == self

    def settled(self, now: float) -> bool:
        """Tell whether any later change will show.

        :param now: seconds since the epoch.
        """
        return now - self.changed >= self.settles
