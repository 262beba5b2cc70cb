"""Syncing several files at once: each with its own outcome, on whatever system."""

import errno
import os
import tempfile
from collections.abc import Sequence
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.aio import AT_ONCE, Syncs, Unavailable
from peerstor.tree.syncing import DataSync


class Told(Syncs):
    """Syncs that come out as the test says."""

    def __init__(self, outcomes: list[OSError | None]) -> None:
        super().__init__()
        self.outcomes = outcomes

    def sync(self, fds: Sequence[int]) -> list[OSError | None]:
        return self.outcomes


class SyncCase(SynchronousTestCase):
    """Gives open files."""

    def file(self) -> int:
        """A file with something in it that isn't synced."""
        fd, name = tempfile.mkstemp()
        self.addCleanup(os.close, fd)
        os.unlink(name)
        os.write(fd, b"x")
        return fd

    def counted(self) -> list[int]:
        """Note each file that is synced by itself."""
        seen: list[int] = []
        real = os.fdatasync
        self.patch(os, "fdatasync", lambda fd: (seen.append(fd), real(fd)))
        return seen


class AioTests(SyncCase):
    """What the kernel does."""

    def sync(self, syncs: Syncs, fds: list[int]) -> list[OSError | None]:
        try:
            return syncs.sync(fds)
        except Unavailable:
            raise SkipTest("this system can't") from None

    def test_outcomes(self) -> None:
        """All are synced at once; one that can't be synced says so, and is nothing to the others."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        self.assertEqual(self.sync(Syncs(), [self.file(), self.file()]), [None, None])
        outcomes = DataSync().sync([self.file(), write, self.file()])
        self.assertEqual((outcomes[0], outcomes[2]), (None, None))
        assert outcomes[1] is not None
        self.assertEqual(outcomes[1].errno, errno.EINVAL)

    def test_again(self) -> None:
        """What the kernel gave is used again, and in a fork not."""
        syncs = Syncs()
        for _ in range(1000):
            self.sync(syncs, [self.file()])
        child = os.fork()
        if child == 0:
            os._exit(0 if syncs.sync([self.file()]) == [None] else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


class DataSyncTests(SyncCase):
    """Several files, whatever the system can."""

    def test_one(self) -> None:
        """One file is synced by itself."""
        seen, fd = self.counted(), self.file()
        self.assertEqual(DataSync(Told([])).sync([fd]), [None])
        self.assertEqual(seen, [fd])

    def test_not_taken(self) -> None:
        """What the system did not take at once is synced by itself; a failure stays one."""
        seen, fds = self.counted(), [self.file() for _ in range(3)]
        lost = OSError(errno.EIO, "lost")
        outcomes = DataSync(Told([None, lost, OSError(errno.EAGAIN, "later")])).sync(fds)
        self.assertEqual((outcomes, seen), ([None, lost, None], fds[2:]))

    def test_many(self) -> None:
        """More than go at once go one after the other."""
        fds = [self.file()] * (AT_ONCE + 2)
        self.assertEqual(DataSync().sync(fds), [None] * len(fds))

    def test_unavailable(self) -> None:
        """Where the system can't, each is synced by itself, and its failure is its own."""
        bad = self.file()

        def sync(fd: int) -> None:
            if fd == bad:
                raise OSError(errno.EIO, "lost")

        self.patch(os, "fdatasync", sync)
        syncs = Syncs()
        syncs._numbers = None
        outcomes = DataSync(syncs).sync([self.file(), bad, self.file()])
        self.assertEqual([one and one.errno for one in outcomes], [None, errno.EIO, None])
