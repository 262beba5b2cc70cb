"""What is in memory of a file, and bringing it there."""

import errno
import os
import tempfile
import time
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http import residency
from peerstor.http.cachestat import cached_pages
from peerstor.http.residency import Residency, load
from tests.scratch import scratch_folder

PAGE = 4096
MIB = 1024 * 1024


class ResidencyCase(SynchronousTestCase):
    """A file of 2 MiB."""

    def setUp(self) -> None:
        file = self.enterContext(tempfile.TemporaryFile(dir=scratch_folder(self)))
        self.fd = file.fileno()
        os.pwrite(self.fd, os.urandom(2 * MIB), 0)

    def evict(self, hole: int = 0, length: int = 2 * MIB) -> None:
        """Have the kernel drop the file but for what lies around a hole; skip the test where it doesn't."""
        for _ in range(100):
            os.fsync(self.fd)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_RANDOM)  # nothing is read ahead
            os.pread(self.fd, hole, 0)
            os.pread(self.fd, 2 * MIB, hole + length)
            if cached_pages(self.fd, hole, length) <= 0:
                return
            time.sleep(0.01)  # it drops no page that another processor is still busy with
        raise self.skipTest("this file system keeps all that it has in memory")

    def without_counts(self) -> None:
        """Let the kernel not count pages."""
        self.patch(residency, "cached_pages", lambda *_: -1)

    def without_samples(self) -> mock.Mock:
        """Let the file system not know the flag."""
        refused = mock.Mock(side_effect=OSError(errno.EOPNOTSUPP, "no"))
        self.patch(os, "preadv", refused)
        return refused


class Telling(ResidencyCase):
    """`Residency.warm`."""

    def test_just_written(self) -> None:
        """What was just written is in memory, wherever it begins and ends."""
        for run in ((0, 1), (0, 2 * MIB), (4095, 2), (5, MIB), (2 * MIB - 1, 1)):
            self.assertTrue(Residency().warm(self.fd, *run), run)

    def test_dropped(self) -> None:
        """What the kernel has dropped isn't, by either means."""
        self.evict()
        self.assertFalse(Residency().warm(self.fd, 0, MIB))
        self.evict()
        self.without_counts()
        self.assertFalse(Residency().warm(self.fd, 0, MIB))

    def test_hole(self) -> None:
        """One page that is missing in the middle is found where the kernel counts."""
        self.evict(MIB // 2 + 3 * PAGE, PAGE)
        if cached_pages(self.fd, 0, MIB) < 0:
            self.skipTest("this kernel doesn't count")
        self.assertFalse(Residency().warm(self.fd, 0, MIB))

    def test_hole_without_counts(self) -> None:
        """Where it doesn't, a larger hole is."""
        self.evict(MIB // 2 + 3 * PAGE, residency.SAMPLED)
        self.without_counts()
        self.assertFalse(Residency().warm(self.fd, 0, MIB))

    def test_last_byte(self) -> None:
        """The last byte is looked at too: what is being read in is missing at its end."""
        self.without_counts()
        looked = mock.Mock(wraps=os.preadv)
        self.patch(os, "preadv", looked)
        self.assertTrue(Residency().warm(self.fd, 10, 100_000))
        self.assertEqual([call.args[2] for call in looked.call_args_list], [10, 65546, 100_009])

    def test_behind_the_end(self) -> None:
        """What a file doesn't have isn't in memory."""
        self.assertFalse(Residency().warm(self.fd, 2 * MIB - 1, 2))
        self.without_counts()
        self.assertFalse(Residency().warm(self.fd, 2 * MIB - 1, 2))

    def test_file_system_without_the_flag(self) -> None:
        """There the count alone decides, and the flag is tried once."""
        refused = self.without_samples()
        self.patch(residency, "cached_pages", lambda fd, position, length: length // PAGE)
        found = Residency()
        self.assertTrue(found.warm(self.fd, 0, MIB))
        self.assertTrue(found.warm(self.fd, MIB, MIB))
        self.assertEqual(refused.call_count, 1)

    def test_nobody_knows(self) -> None:
        """Where nobody can tell, nothing counts as in memory."""
        self.without_samples()
        self.without_counts()
        self.assertFalse(Residency().warm(self.fd, 0, MIB))
        self.patch(residency, "NOWAIT", 0)
        self.assertFalse(Residency().warm(self.fd, 0, MIB))


class Loading(ResidencyCase):
    """`load`."""

    def test_brings_it_to_memory(self) -> None:
        """What was dropped is in memory afterwards."""
        self.evict()
        load(self.fd, 0, MIB, 0)
        self.assertTrue(Residency().warm(self.fd, 0, MIB))

    def test_end_of_the_file(self) -> None:
        """Behind the end of a file there is nothing to load, and nothing to loop on."""
        load(self.fd, 2 * MIB - 5, MIB, MIB)

    def test_fault(self) -> None:
        """A fault of the disk is raised."""
        self.patch(os, "pread", mock.Mock(side_effect=OSError(errno.EIO, "broken")))
        with self.assertRaises(OSError):
            load(self.fd, 0, MIB, 0)


class Counting(ResidencyCase):
    """`cached_pages`."""

    def test_unknown(self) -> None:
        """A kernel that refuses, or has no such call, is no fault."""
        self.assertEqual(cached_pages(-1, 0, PAGE), -1)
        with mock.patch("peerstor.http.cachestat._call", None):
            self.assertEqual(cached_pages(self.fd, 0, PAGE), -1)
        with mock.patch("peerstor.http.cachestat._NUMBER", 100_000):
            self.assertEqual(cached_pages(self.fd, 0, PAGE), -1)

    def test_counts(self) -> None:
        """Every page that the run touches counts."""
        if cached_pages(self.fd, 0, PAGE) < 0:
            self.skipTest("this kernel doesn't count")
        self.assertEqual(cached_pages(self.fd, PAGE - 1, 2), 2)
        self.assertEqual(cached_pages(self.fd, 0, 2 * MIB), 2 * MIB // PAGE)
