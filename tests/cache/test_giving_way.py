"""A disk that is full, slow or broken: the cache gives way, and is in nobody's way."""

import errno
import itertools
import os
from unittest import mock

from peerstor.cache import draft
from peerstor.cache.store import AT_ONCE
from tests.cache.scaffold import CacheCase


def nearly_full(fd: int) -> os.statvfs_result:
    return os.statvfs_result((4096, 4096, 10**7, 10**5, 10**5, 9, 9, 9, 0, 255))


class GivingWayTests(CacheCase):
    def test_nearly_full(self) -> None:
        """On a disk that is nearly full nothing is kept, what is being written ends, and what is kept goes."""
        origin, writing = self.keep(self.file("a"), b"result"), self.begin(self.file("b"))
        writing.write(b"x")
        self.disk = nearly_full
        self.assertIsNone(self.cache.begin(self.origin(self.file("c"))))
        writing.write(b"x" * 5000)
        self.assertTrue(writing.over)
        self.assertEqual(self.names, [origin.key.hex()])
        self.cache.look()
        self.assertEqual((self.names, self.cache.taken), ([], 0))

    def test_disk_full_while_writing(self) -> None:
        """A write that fails ends the result, and nothing is left or raised; neither when it fails at the end."""
        for name in ("pwrite", "rename", "fstat"):
            fd = self.file(name)
            writing = self.begin(fd)
            writing.write(b"x" * 5000)
            with mock.patch.object(os, name, side_effect=OSError(errno.ENOSPC, "full")):
                writing.write(b"x" * 5000)
                writing.keep(fd)
            self.assertTrue(writing.over)
            self.assertEqual((self.names, self.cache.taken), ([], 0), name)
        origin = self.origin(self.file("x"))
        with mock.patch.object(os, "open", side_effect=OSError(errno.ENOSPC, "full")):
            self.assertIsNone(self.cache.begin(origin))

    def test_short_writes(self) -> None:
        """A disk that takes a little at a time gets all of it."""
        real = os.pwrite
        with mock.patch.object(os, "pwrite", lambda fd, data, at: real(fd, bytes(data[:1000]), at)):
            origin = self.keep(self.file("a"), bytes(range(256)) * 100)
        self.assertEqual(self.found(origin), bytes(range(256)) * 100)

    def test_slow_disk(self) -> None:
        """After a write that took long nothing more is written: an answer waits for it."""
        writing = self.begin(self.file("a"))
        with mock.patch.object(draft, "monotonic", side_effect=itertools.count(0, draft.PATIENCE)):
            writing.write(b"x")
        self.assertEqual((writing.over, self.names), (True, []))

    def test_others_need_the_room(self) -> None:
        """Whoever finds the disk full gets all that is kept, a millisecond's work at a time, until the next look."""
        origins = [self.keep(self.file(str(number)), b"result") for number in range(AT_ONCE + 5)]
        fd = self.file("upload")
        writing = self.begin(self.file("x"))
        self.assertEqual(self.cache.gives(fd), 4096 * len(origins))
        self.assertTrue(self.cache.give_way(fd))
        self.assertEqual([self.cache.knows(origin) for origin in origins], [False] * AT_ONCE + [True] * 5)
        writing.write(b"x")
        self.assertTrue(writing.over)
        self.assertTrue(self.cache.give_way(fd))
        self.assertFalse(self.cache.give_way(fd))
        self.assertEqual((self.names, self.cache.gives(fd)), ([], 0))
        self.assertIsNone(self.cache.begin(self.origin(fd)))
        self.cache.look()
        self.assertIsNotNone(self.cache.begin(self.origin(fd)))

    def test_another_disk(self) -> None:
        """What is kept here is no room on another disk, and stays when that one is full."""
        origin = self.keep(self.file("a"), b"result")
        other = os.open("/proc/self", os.O_RDONLY)
        self.addCleanup(os.close, other)
        self.assertEqual((self.cache.gives(other), self.cache.give_way(other)), (0, False))
        self.assertTrue(self.cache.knows(origin))

    def test_folder_that_fails(self) -> None:
        """A disk that can't be asked keeps nothing, and is tried again at the next look."""
        self.keep(self.file("a"), b"result")

        def broken(fd: int) -> os.statvfs_result:
            raise OSError(errno.EIO, "broken")

        self.disk, roomy = broken, self.disk
        self.cache.look()
        self.assertIsNone(self.cache.begin(self.origin(self.file("b"))))
        self.disk = roomy
        self.cache.look()
        self.assertEqual(self.found(self.keep(self.file("c"), b"other")), b"other")
