"""Hearing of mounts, real ones."""

import os
import subprocess
from unittest import mock

from peerstor.tree import mounting
from peerstor.tree.mounting import Mounting
from peerstor.tree.watches import Watches
from tests.tree.scaffold import StorageCase, path

LINE = b"36 35 98:0 /mnt1 %s rw,noatime master:1 - ext3 /dev/root rw\n"


class MountingTests(StorageCase):
    """A real table of mounts."""

    def test_at_and_below(self) -> None:
        """What is mounted below the place counts, what is unmounted too, each once."""
        mounting = Mounting(self.sandbox.root)
        self.assertFalse(mounting.changed())
        os.mkdir(self.at(b"a b"))
        self.mounted(self.at(b"a b"))
        self.assertEqual([mounting.changed(), mounting.changed()], [True, False])
        subprocess.run(["umount", os.fsdecode(self.at(b"a b"))], check=True)
        self.assertEqual([mounting.changed(), mounting.changed()], [True, False])

    def test_elsewhere(self) -> None:
        """What is mounted anywhere else doesn't, though its path begins alike."""
        beside = self.sandbox.root + b"beside"
        os.mkdir(beside)
        self.addCleanup(os.rmdir, beside)
        mounting = Mounting(self.sandbox.root)
        self.mounted(beside)
        self.assertFalse(mounting.changed())

    def test_over_links(self) -> None:
        """Where a link leads to the place, what is mounted at its present end counts."""
        os.mkdir(self.at(b"real"))
        os.symlink(b"real", self.at(b"link"))
        watches = Watches(self.at(b"link"))
        for target in (b"real", b"other"):
            os.makedirs(self.at(target), exist_ok=True)
            os.unlink(self.at(b"link"))
            os.symlink(target, self.at(b"link"))
            with self.sandbox.folder(path("/")) as folder:
                since = watches.begin(folder)
            assert since is not None
            self.assertTrue(watches.holds(since))
            self.mounted(self.at(target))
            self.assertFalse(watches.holds(since))

    def test_over_it(self) -> None:
        """What is mounted over a folder on the way to it counts."""
        os.makedirs(self.at(b"way/place"))
        mounting = Mounting(self.at(b"way/place"))
        self.mounted(self.at(b"way"))
        self.assertTrue(mounting.changed())

    def mounted(self, place: bytes) -> None:
        """Mount something, until the end of the test at the latest."""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "none", os.fsdecode(place)], capture_output=True, check=False
        )
        if done.returncode != 0:
            raise self.skipTest("impossible here: nothing may be mounted")
        self.addCleanup(subprocess.run, ["umount", "-l", os.fsdecode(place)], capture_output=True, check=False)


class NamesTests(StorageCase):
    """Odd names in the table."""

    def test_escapes(self) -> None:
        """Blanks, line ends and backslashes stand there as numbers."""
        place = self.at(b"a b\n\\c")
        told = LINE % place.replace(b"\\", b"\\134").replace(b" ", b"\\040").replace(b"\n", b"\\012")
        with open("/proc/self/mountinfo", "rb") as table:
            self.assertEqual(len(Mounting(b"/")._known), len(table.readlines()))
        for table, known in ((told, 1), (LINE % b"/", 1), (LINE % b"/other", 0), (b"", 0)):
            read = mock.Mock(side_effect=[table, b""])
            with mock.patch.object(mounting.os, "read", read):
                self.assertEqual(len(Mounting(place)._known), known)
