"""Rules of looking at folders, room and logs."""

import os

from twisted.trial.unittest import SynchronousTestCase

from peerstor.checks import folders
from peerstor.checks.findings import Level
from peerstor.checks.folders import check_folder, check_log, check_private, check_room
from tests.integration.mounts import Ballast, mount, small_disk
from tests.scratch import scratch_folder


class FoldersCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = os.fsencode(scratch_folder(self))

    def as_stranger(self) -> None:
        """Be somebody who owns nothing here, for the rest of the test."""
        os.seteuid(65534)
        self.addCleanup(os.seteuid, 0)


class FolderTests(FoldersCase):
    def test_usable(self) -> None:
        """A folder that can be read and written is well, and nothing stays in it."""
        self.assertIs(check_folder(self.root, "storage folder").level, Level.OK)
        self.assertEqual(os.listdir(self.root), [])

    def test_absent(self) -> None:
        """One that isn't there is well where it can be made, and isn't made by looking."""
        found = check_folder(self.root + b"/a/b", "state folder")
        self.assertEqual((found.subject, found.level), ("state", Level.OK))
        self.assertEqual(os.listdir(self.root), [])
        self.as_stranger()
        found = check_folder(self.root + b"/a/b", "state folder")
        self.assertIs(found.level, Level.WRONG)
        self.assertIn("can't make it", found.text)

    def test_no_rights(self) -> None:
        """One without rights for this user is wrong, and who that is gets said."""
        os.chmod(self.root, 0o755)
        self.as_stranger()
        found = check_folder(self.root, "storage folder")
        self.assertIs(found.level, Level.WRONG)
        self.assertIn("no right", found.text)
        self.assertIn("nobody", str(found.advice))

    def test_read_only(self) -> None:
        """One on a read-only file system is wrong."""
        disk = small_disk(self, 2**20)
        mount(self, "-o", "remount,ro", disk)
        found = check_folder(os.fsencode(disk), "storage folder")
        self.assertIs(found.level, Level.WRONG)
        self.assertIn("read-only", found.text)


class PrivateTests(FoldersCase):
    def test_absent_and_ours(self) -> None:
        """It is made at the first start, and belongs to who serves."""
        self.assertIs(check_private(self.root).level, Level.OK)
        os.mkdir(self.root + b"/.peerstor", 0o700)
        self.assertIs(check_private(self.root).level, Level.OK)

    def test_cache(self) -> None:
        """What the cache takes is told, also where there is none yet."""
        os.makedirs(self.root + b"/.peerstor/cache/x")
        for size, told in ((0, "0 MiB"), (3 << 20, "3 MiB"), (3 << 30, "3.0 GiB")):
            with open(self.root + b"/.peerstor/cache/entry", "wb") as file:
                file.truncate(size)
            self.assertIn(f"Compressed answers take {told}", check_private(self.root).text)

    def test_somebody_elses(self) -> None:
        """Another user's is wrong, and so is a file in its place."""
        os.mkdir(self.root + b"/.peerstor", 0o700)
        os.chown(self.root + b"/.peerstor", 65534, 65534)
        found = check_private(self.root)
        self.assertIs(found.level, Level.WRONG)
        self.assertIn("belongs to user nobody", found.text)
        os.rmdir(self.root + b"/.peerstor")
        with open(self.root + b"/.peerstor", "wb"):
            pass
        self.assertIn("is no folder", check_private(self.root).text)


class RoomTests(FoldersCase):
    def test_full(self) -> None:
        """A full disk is wrong, a nearly full one a warning; what isn't there yet lies where its parent does."""
        disk = small_disk(self, 2**28)
        self.assertIs(check_room(os.fsencode(disk) + b"/a/b", "storage folder").level, Level.WARNING)
        Ballast(disk).leave(0)
        found = check_room(os.fsencode(disk), "storage folder")
        self.assertEqual((found.level, found.text), (Level.WRONG, "0 MiB are free for the storage folder."))

    def test_inodes(self) -> None:
        """A disk that has room for no more files is as good as full."""
        disk = scratch_folder(self)
        mount(self, "-t", "tmpfs", "-o", "size=2G,nr_inodes=50", "peerstor-test", disk)
        self.assertIn("more files only", check_room(os.fsencode(disk), "storage folder").text)

    def test_room(self) -> None:
        """Where there is much room all is well."""
        self.patch(folders, "FEW", 0)
        self.assertIs(check_room(self.root, "storage folder").level, Level.OK)


class LogTests(FoldersCase):
    def test_writable(self) -> None:
        """A log that can be written is well, and isn't made by looking."""
        self.assertIs(check_log(self.root + b"/log", "access log").level, Level.OK)
        self.assertEqual(os.listdir(self.root), [])

    def test_not_writable(self) -> None:
        """A folder that isn't there, or isn't this user's, is wrong; so is a log of somebody else's."""
        self.assertIn("no such folder", check_log(self.root + b"/a/log", "access log").text)
        with open(self.root + b"/log", "wb"):
            pass
        os.chmod(self.root, 0o755)
        self.as_stranger()
        for name in (b"/log", b"/other"):
            self.assertIs(check_log(self.root + name, "access log").level, Level.WRONG)
