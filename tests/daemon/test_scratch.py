"""Rules of folders for a moment."""

import os
import stat
import time

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.scratch import LEFT, scratch_folder
from tests.scratch import scratch_folder as new_folder


class ScratchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = os.fsencode(new_folder(self))

    def test_gone(self) -> None:
        """It is its owner's alone, has a name that clients never see, and goes whatever happens."""
        with self.assertRaises(ZeroDivisionError), scratch_folder(self.root) as folder:
            self.assertTrue(os.path.basename(folder).startswith(b".peerstor"))
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
            with open(folder + b"/x", "wb"):
                raise ZeroDivisionError
        self.assertEqual(os.listdir(self.root), [])

    def test_left_behind(self) -> None:
        """What a killed process left behind an hour ago goes as well; what is younger or of another name stays."""
        names = [b".peerstor-%032x.scratch" % number for number in range(2)] + [b".peerstor-keep", b"file"]
        for name in names:
            os.mkdir(self.root + b"/" + name)
            with open(self.root + b"/" + name + b"/secret", "wb"):
                pass
        before = time.time() - LEFT - 60
        for name in names[1:]:
            os.utime(self.root + b"/" + name, (before, before))
        with scratch_folder(self.root):
            pass
        self.assertEqual(set(os.listdir(self.root)), {names[0], *names[2:]})
