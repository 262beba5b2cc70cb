"""Rules of looking at mounts, clocks, limits and versions."""

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from peerstor.checks.clocks import check_clock, check_disk_clock
from peerstor.checks.findings import Level
from peerstor.checks.limits import check_descriptors, check_watches
from peerstor.checks.mounts import Mount, check_kind, check_nested, mounts
from peerstor.checks.versions import check_python, check_twisted
from tests.integration.mounts import mount, small_disk
from tests.scratch import scratch_folder


class MountTests(SynchronousTestCase):
    def test_table(self) -> None:
        """The kernel's table is read with its escapes; what isn't a line of it is passed over."""
        path = os.path.join(scratch_folder(self), "table")
        with open(path, "w") as file:
            file.write(
                "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                "23 22 0:5 / /a\\040b ro,nosuid - tmpfs none rw\n"
                "24 22 0:6 / /n rw master:1 - nfs4 host:/x ro,vers=4\n"
                "nonsense\n"
            )
        self.assertEqual(
            mounts(path), [Mount(b"/", "ext4", False), Mount(b"/a b", "tmpfs", True), Mount(b"/n", "nfs4", True)]
        )
        self.assertEqual(mounts(path + "x"), [])

    def test_network(self) -> None:
        """Databases on another machine's disk are a warning; of nested mounts the innermost counts."""
        table = [Mount(b"/", "ext4", False), Mount(b"/srv", "nfs4", False), Mount(b"/srv/local", "xfs", False)]
        for folder, level in ((b"/srv/x", "WARNING"), (b"/srv/local/x", "OK"), (b"/srvx", "OK")):
            self.assertIs(check_kind(folder, "state", table).level, Level[level], folder)

    def test_nested(self) -> None:
        """Each file system that is mounted below the storage is told, a read-only one as a warning."""
        storage = scratch_folder(self)
        self.assertEqual([one.level for one in check_nested(os.fsencode(storage), mounts())], [Level.OK])
        for name, options in (("a", "rw"), ("b", "ro")):
            os.mkdir(f"{storage}/{name}")
            mount(self, "-t", "tmpfs", "-o", options, "peerstor-test", f"{storage}/{name}")
        found = check_nested(os.fsencode(storage), mounts())
        self.assertEqual([one.level for one in found], [Level.OK, Level.WARNING])
        many = [Mount(os.fsencode(storage) + b"/%d" % number, "x", False) for number in range(50)]
        self.assertLess(len(check_nested(os.fsencode(storage), many)), 15)

    def test_real(self) -> None:
        """A disk in memory is known as one."""
        self.assertIn("tmpfs", check_kind(os.fsencode(small_disk(self, 2**20)), "state", mounts()).text)


class ClockTests(SynchronousTestCase):
    def test_plausible(self) -> None:
        """A clock before this program was written, or far in the future, is wrong."""
        for now, level in ((0.0, "WRONG"), (1.79e9, "OK"), (5e9, "WRONG")):
            self.assertIs(check_clock(now).level, Level[level], now)

    def test_disk(self) -> None:
        """A file server whose clock is another is a warning, both ways."""
        folder = os.fsencode(scratch_folder(self))
        self.assertIs(check_disk_clock(folder).level, Level.OK)
        for off, word in ((100, "100 s early"), (-100, "100 s late")):
            found = check_disk_clock(folder, time.time() + off)
            self.assertIs(found.level, Level.WARNING)
            self.assertTrue(word in found.text or word.replace("100", "99") in found.text, found.text)


class LimitTests(SynchronousTestCase):
    def test_descriptors(self) -> None:
        """Few descriptors are a warning, hardly any wrong; no limit is well."""
        for hard, level in ((-1, "OK"), (65536, "OK"), (1024, "WARNING"), (100, "WRONG")):
            self.assertIs(check_descriptors(hard).level, Level[level], hard)

    def test_watches(self) -> None:
        """Few watches are a warning; a system that doesn't tell is none."""
        path = os.path.join(scratch_folder(self), "max")
        self.assertIs(check_watches(path).level, Level.OK)
        for most, level in ((1000, "WARNING"), (65536, "OK")):
            with open(path, "w") as file:
                file.write(f"{most}\n")
            self.assertIs(check_watches(path).level, Level[level], most)


class VersionTests(SynchronousTestCase):
    def test_python(self) -> None:
        """One that is too old is wrong; one without a GIL or without security fixes a warning."""
        now = 1.79e9  # 2026
        for version, later, free, level in (
            ((3, 10, 1), 0, False, "WRONG"),
            ((3, 11, 7), 0, False, "OK"),
            ((3, 11, 7), 3e7, False, "OK"),
            ((3, 11, 7), 6e7, False, "WARNING"),
            ((3, 14, 0), 0, True, "WARNING"),
            ((3, 99, 0), 0, False, "OK"),
        ):
            found = check_python(version, now=now + later, without_gil=free)
            self.assertIs(found.level, Level[level], version)
        self.assertIs(check_python().level, Level.OK)

    def test_twisted(self) -> None:
        """One that is too old is wrong, one that is newer than was tried a warning."""
        for version, level in (
            ("23.10.0", "WRONG"),
            ("24.11.0", "OK"),
            ("26.10.0rc1", "OK"),
            ("27.1.0", "WARNING"),
        ):
            self.assertIs(check_twisted(version).level, Level[level], version)
