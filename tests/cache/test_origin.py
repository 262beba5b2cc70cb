"""When a file's times tell of every change."""

import os

from twisted.trial.unittest import SynchronousTestCase

from peerstor.cache.origin import COARSE, FINE, Origin
from tests.scratch import scratch_folder


class SettledTests(SynchronousTestCase):
    def origin(self, mtime_ns: int) -> Origin:
        """Give the origin of a file with this time of modification."""
        path = os.path.join(scratch_folder(self), "f")
        with open(path, "wb"):
            pass
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return Origin.of(os.stat(path), b"gzip")

    def test_clocks(self) -> None:
        """A clock of whole seconds is given the two of the coarsest, one with fractions a tenth."""
        for mtime_ns, needed in ((1_000_000_000, COARSE), (1_000_000_001, FINE)):
            origin = self.origin(mtime_ns)
            self.assertFalse(origin.settled(origin.changed + needed - 0.01))
            self.assertTrue(origin.settled(origin.changed + needed + 0.01))
