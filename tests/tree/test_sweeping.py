"""What leaves the trash by itself, and when."""

import errno
import os
import resource
import time
from typing import Any

from peerstor.errors import StorageUnavailable
from peerstor.tree import pace
from peerstor.tree.sweeping import KEEP_SECONDS
from peerstor.tree.trashids import Kept
from tests.tree.test_trash import TrashCase

DAY = 24 * 3600.0


class DiskCase(TrashCase):
    """With a disk of a size that the test sets."""

    def deleted(self, name: bytes, size: int = 0, after: float = 1.0) -> Kept:
        """Something that was deleted `after` seconds after the last."""
        self.now += after
        self.write(name, b"x" * size)
        return self.move(name)

    def disk(self, size: int) -> None:
        """Let the disk be of that many bytes."""
        real = os.fstatvfs(self.root_fd)

        class Disk:
            f_frsize = 4096
            f_blocks = size // 4096
            f_bavail = real.f_bavail

        self.patch_os("fstatvfs", lambda fd: Disk)


class SweepTests(DiskCase):
    """What goes, and when."""

    def test_old(self) -> None:
        """What is older than 30 days goes with its note, to the second; the rest stays."""
        old = self.deleted(b"old")
        young = self.deleted(b"young", after=2.0)
        self.now = old.when + KEEP_SECONDS
        self.assertEqual(self.sweeper.sweep(), 0)
        self.now += 1.0
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(self.in_trash(), [young.id.encode(), young.note.encode()])

    def test_folder_with_all_below(self) -> None:
        """A deleted folder goes for good with all that is in it, links in it as links."""
        self.write(b"precious")
        self.write(b"folder/a/b/c")
        os.symlink(self.root, self.at(b"folder/a/link"))
        self.move(b"folder")
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(self.in_trash(), [])
        self.assertEqual(self.read(b"precious"), b"content")

    def test_too_much(self) -> None:
        """The oldest go until the rest is at most a tenth of the disk."""
        self.disk(10 << 20)
        for number in range(5):
            self.deleted(b"f%d" % number, size=300 << 10)
        self.assertEqual(self.sweeper.sweep(), 2)
        self.assertEqual(len(self.in_trash()), 2 * 3)
        self.assertEqual(self.sweeper.sweep(), 0)

    def test_folders_weigh_what_is_in_them(self) -> None:
        """A folder's size is that of everything below it."""
        self.disk(10 << 20)
        self.write(b"big/a/b", b"x" * (700 << 10))
        self.deleted(b"big/c", size=10)
        self.now += 1
        first = self.move(b"big")
        self.deleted(b"small", size=600 << 10)
        self.assertEqual(self.sweeper.sweep(), 2)
        self.assertNotIn(first.id.encode(), self.in_trash())

    def test_newest_stays(self) -> None:
        """What was deleted last stays however large it is, and goes when it is old."""
        self.disk(10 << 20)
        last = self.deleted(b"huge", size=2 << 20)
        self.assertEqual(self.sweeper.sweep(), 0)
        self.assertIn(last.id.encode(), self.in_trash())
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 1)

    def test_own_limits(self) -> None:
        """Both limits can be set."""
        self.sweeper = self.make_sweeper(keep_seconds=DAY, keep_fraction=0.5)
        self.disk(1 << 20)
        for number in range(3):
            self.deleted(b"f%d" % number, size=200 << 10)
        self.assertEqual(self.sweeper.sweep(), 1)
        self.now += DAY + 1
        self.assertEqual(self.sweeper.sweep(), 2)

    def test_beside(self) -> None:
        """What stayed beside its place is found by its note, and goes by the limits of its own disk."""
        self.mount(b"usb")
        self.write(b"usb/a/file", b"x" * 100_000)
        self.write(b"usb/b", b"x" * 100_000)
        self.now += 1
        first = self.move(b"usb/a")
        self.now += 1
        second = self.keep(b"usb/b")
        self.assertEqual(self.sweeper.sweep(), 0)
        self.disk(1_500_000)
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(sorted(os.listdir(self.at(b"usb"))), sorted([b"b", second.beside]))
        self.assertNotIn(first.note.encode(), self.in_trash())
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(os.listdir(self.at(b"usb")), [b"b"])

    def test_beside_in_a_folder_that_is_gone(self) -> None:
        """A note of something that cannot be found any more goes when it is old."""
        self.write(b"usb/file")
        self.part_devices(self.at(b"usb"))
        self.move(b"usb/file")
        os.rename(self.at(b"usb"), self.at(b"moved"))
        self.assertEqual(self.sweeper.sweep(), 0)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(self.in_trash(), [])

    def test_broken_notes(self) -> None:
        """A note that says nothing useful keeps nothing for ever, and sends nobody elsewhere."""
        for text in (b"", b"{", b"[]", b"{}", b'{"href": 5}', b'{"href": "/../x"}', '{"href": "ä"}'.encode()):
            kept = self.deleted(b"file")
            self.write(b".peerstor/trash/" + kept.note.encode(), text)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 7)
        self.assertEqual(self.in_trash(), [])

    def test_broken_note_of_something_beside(self) -> None:
        """What lies beside its place is found there when its time is over, also where its note says nothing."""
        self.mount(b"usb")
        for text in (b"", b"{", None):
            self.write(b"usb/deep/file", b"old")
            self.write(b"usb/folder/file", b"old")
            for kept in (self.move(b"usb/deep/file"), self.move(b"usb/folder")):
                note = b".peerstor/trash/" + kept.note.encode()
                if text is None:
                    os.rename(self.at(note), self.at(b".peerstor/trash/" + kept.id.encode()))
                    os.unlink(self.at(b".peerstor/trash/" + kept.id.encode()))
                    os.mkdir(self.at(b".peerstor/trash/" + kept.id.encode()))
                else:
                    self.write(note, text)
        self.write(b"usb/deep/young", b"old")
        self.now += KEEP_SECONDS
        young = self.move(b"usb/deep/young")
        self.write(b".peerstor/trash/" + young.note.encode(), b"")
        self.assertEqual(self.sweeper.sweep(), 0)
        self.now += 1
        self.assertEqual(self.sweeper.sweep(), 6)
        self.assertEqual(self.in_trash(), [young.note.encode()])
        self.assertEqual(os.listdir(self.at(b"usb")), [b"deep"])
        self.assertEqual(os.listdir(self.at(b"usb/deep")), [young.beside])

    def test_broken_note_of_something_that_stays(self) -> None:
        """While it can't be removed, or nobody can look for it, the note stays too, and others go."""
        self.mount(b"usb")
        self.write(b"usb/folder/file", b"old")
        kept = self.move(b"usb/folder")
        self.write(b".peerstor/trash/" + kept.note.encode(), b"")
        self.deleted(b"other")
        self.now += KEEP_SECONDS + 1
        real = self.patch_os("unlink", lambda name, **k: refuse() if name == "file" else real(name, **k))

        def refuse() -> None:
            raise OSError(errno.EIO, "no")

        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(self.in_trash(), [kept.note.encode()])
        self.patch(os, "unlink", real)
        os.rename(self.root, self.base + b"/away")
        self.assertEqual(self.sweeper.sweep(), 0)
        os.rename(self.base + b"/away", self.root)
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual((self.in_trash(), os.listdir(self.at(b"usb"))), ([], []))

    def test_foreign_things_are_left_alone(self) -> None:
        """What PeerStor did not put there it does not remove."""
        self.write(b".peerstor/trash/README")
        self.write(b".peerstor/trash/20200101T000000.000000Z/x")
        self.assertEqual(self.sweeper.sweep(), 0)
        self.assertEqual(len(self.in_trash()), 2)

    def test_impossible_dates(self) -> None:
        """A name that somebody made by hand, with a date that there is not, ends no sweep."""
        for stamp in ("20260231T000000.000000Z", "00000101T000000.000000Z", "20260101T250000.000000Z"):
            self.write(f".peerstor/trash/{stamp}-{'0' * 16}.json".encode())
        self.deleted(b"a")
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(len(self.in_trash()), 3)

    def test_deep(self) -> None:
        """A folder goes however deep it is, as long as there are descriptors."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        fd = os.open(self.root, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir(b"d", dir_fd=fd)
            below = os.open(b"d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        self.move(b"d")
        self.assertEqual(self.sweeper.sweep(), 0)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertEqual(self.in_trash(), [])

    def test_lets_others_run(self) -> None:
        """However much there is, weighing and removing it gives way again and again."""
        for number in range(3 * pace.SLICE):
            self.write(b"folder/%d/file" % (number % 7) + b"-%d" % number, b"")
        self.move(b"folder")
        pauses: list[float] = []
        self.patch(time, "sleep", pauses.append)
        self.sweeper.sweep()
        self.assertGreaterEqual(len(pauses), 3)
        pauses.clear()
        self.now += KEEP_SECONDS + 1
        self.sweeper.sweep()
        self.assertGreaterEqual(len(pauses), 3)
        self.assertGreater(min(pauses), 0)

    def test_what_cannot_be_removed_stays(self) -> None:
        """A failure leaves it for the next time and does not keep others from going."""
        first, second = self.deleted(b"a"), self.deleted(b"b")
        self.now += KEEP_SECONDS + 1
        self.fail_os("unlink", errno.EIO, when=lambda name, **k: name == "a")
        self.assertEqual(self.sweeper.sweep(), 1)
        self.assertIn(first.doomed.encode(), self.in_trash())
        self.assertNotIn(second.note.encode(), self.in_trash())

    def test_storage_away(self) -> None:
        """While the storage is away nothing is taken for gone; a trash that cannot be read says so."""
        self.deleted(b"a")
        self.now += KEEP_SECONDS + 1
        os.rename(self.root, self.base + b"/away")
        self.assertEqual(self.sweeper.sweep(), 0)
        os.rename(self.base + b"/away", self.root)
        self.fail_os("scandir", errno.EIO)
        self.assertRaises(StorageUnavailable, self.sweeper.sweep)

    def test_not_under_the_hands_of_another_thread(self) -> None:
        """What is just being put into the trash is not swept, even when the clock says that it is old."""
        self.write(b"file", b"old")
        real = os.link
        swept = []

        def link(*args: Any, **rest: Any) -> None:
            self.now += 2 * KEEP_SECONDS
            swept.append(self.sweeper.sweep())
            real(*args, **rest)

        self.patch(os, "link", link)
        kept = self.keep(b"file")
        self.assertEqual(swept, [0])
        self.assertTrue(os.path.exists(self.kept(kept, b"file")))
        self.assertEqual(self.sweeper.sweep(), 1)

    def test_left_by_a_crash(self) -> None:
        """A note without a thing, and a folder without a note, go when they are old."""
        one, two = self.deleted(b"a"), self.deleted(b"b")
        os.unlink(self.at(b".peerstor/trash/" + one.note.encode()))
        os.unlink(self.kept(two, b"b"))
        os.rmdir(self.at(b".peerstor/trash/" + two.id.encode()))
        self.assertEqual(self.sweeper.sweep(), 0)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.sweeper.sweep(), 2)
        self.assertEqual(self.in_trash(), [])


class DueTests(DiskCase):
    """When a sweep is worth its while."""

    def swept(self) -> None:
        """Sweep, and let a minute pass."""
        self.sweeper.sweep()
        self.now += 60

    def test_at_first(self) -> None:
        """A trash that was never swept is due."""
        self.assertTrue(self.sweeper.due())

    def test_too_much_came(self) -> None:
        """It is due when what came since may be more than fits, and not before a minute has passed."""
        self.disk(10 << 20)
        self.swept()
        self.deleted(b"a", size=600 << 10)
        self.assertFalse(self.sweeper.due())
        self.swept()
        self.deleted(b"b", size=300 << 10)
        self.assertFalse(self.sweeper.due())
        self.deleted(b"c", size=300 << 10)
        self.assertTrue(self.sweeper.due())
        self.assertEqual(self.sweeper.sweep(), 1)
        self.deleted(b"d", size=900 << 10)
        self.assertFalse(self.sweeper.due())
        self.now += 60
        self.assertTrue(self.sweeper.due())

    def test_large_newest(self) -> None:
        """What stays although it is too much makes no sweep worth its while."""
        self.disk(10 << 20)
        self.deleted(b"huge", size=2 << 20)
        self.swept()
        self.assertFalse(self.sweeper.due())

    def test_nobody_knows_how_much(self) -> None:
        """A folder, or what lies on another disk, may be any amount."""
        self.swept()
        self.write(b"folder/file")
        self.move(b"folder")
        self.assertTrue(self.sweeper.due())
        self.mount(b"usb")
        self.write(b"usb/file")
        self.swept()
        self.assertFalse(self.sweeper.due())
        self.write(b"usb/b/file")
        self.move(b"usb/b")
        self.assertTrue(self.sweeper.due())

    def test_every_hour(self) -> None:
        """What only grows old is looked at hourly."""
        self.swept()
        self.assertFalse(self.sweeper.due())
        self.now += 3540
        self.assertTrue(self.sweeper.due())

    def test_long_sweeps_are_rare(self) -> None:
        """One that took long is not repeated before ten times as long has passed."""
        self.write(b"folder/file")
        self.move(b"folder")
        real = os.scandir

        def scandir(fd: int) -> Any:
            self.now += 30
            return real(fd)

        self.patch(os, "scandir", scandir)
        self.sweeper.sweep()
        self.write(b"other/file")
        self.move(b"other")
        self.now += 299
        self.assertFalse(self.sweeper.due())
        self.now += 1000
        self.assertTrue(self.sweeper.due())

    def test_failed(self) -> None:
        """One that failed is tried again after a minute."""
        self.fail_os("scandir", errno.EIO)
        self.assertRaises(StorageUnavailable, self.sweeper.sweep)
        self.assertFalse(self.sweeper.due())
        self.now += 60
        self.assertTrue(self.sweeper.due())
