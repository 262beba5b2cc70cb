"""A folder that several read at once by one descriptor: each sees all of it."""

import errno
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.scanning import scanned
from tests.scratch import scratch_folder
from tests.tree.test_sandbox import open_descriptors


class ScannedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.names = {f"name {number}" for number in range(2000)}  # more than the kernel tells at once
        for name in self.names:
            os.close(os.open(f"{self.folder}/{name}", os.O_CREAT))
        self.fd = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)

    def test_at_once(self) -> None:
        """Two readers, one within the other, see all that is there, and leave nothing open."""
        before = open_descriptors()
        with scanned(self.fd) as outer:
            seen = {next(outer).name}
            with scanned(self.fd) as inner:
                self.assertEqual({entry.name for entry in inner}, self.names)
            seen |= {entry.name for entry in outer}
        self.assertEqual(seen, self.names)
        self.assertEqual(open_descriptors(), before)

    def test_entries(self) -> None:
        """What is read of it can be looked at."""
        with scanned(self.fd) as entries:
            self.assertTrue(all(entry.stat().st_size == 0 and entry.is_file() for entry in entries))

    def test_failure(self) -> None:
        """A folder that can't be read is an error, and nothing stays open."""
        before = open_descriptors()

        def fail(*_: Any) -> None:
            raise OSError(errno.EIO, "no")

        self.patch(os, "scandir", fail)
        with self.assertRaises(OSError), scanned(self.fd):
            pass
        self.assertEqual(open_descriptors(), before)
