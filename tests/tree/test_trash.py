"""The trash: kept, restorable, and bounded."""

import errno
import json
import os
import resource
import stat
import time
from typing import Any

from peerstor.errors import NotFound, StorageUnavailable
from peerstor.tree import pace
from peerstor.tree.paths import TreePath
from peerstor.tree.trash import KEEP_SECONDS, Kept, Trash
from tests.tree.scaffold import StorageCase, path

DAY = 24 * 3600.0


class TrashCase(StorageCase):
    """A storage with a trash and a clock that the test sets."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1_800_000_000.25
        self.trash = self.make_trash()

    def make_trash(self, **options: Any) -> Trash:
        """A trash of this storage."""
        options = {"fsync": True, **options}
        return Trash(private=self.private, sandbox=self.sandbox, clock=lambda: self.now, **options)

    def keep(self, name: bytes) -> Kept:
        """Keep a file as if it were about to be replaced."""
        path = self.path(name)
        with self.sandbox.parent_of(path) as folder, self.trash.doubles() as doubles:
            return doubles.during(lambda: self.trash.keep_file(folder.fd, path.name, path, "ann", doubles=doubles))

    def move(self, name: bytes) -> Kept:
        """Take a file or folder away."""
        with self.sandbox.parent_of(self.path(name)) as folder:
            return self.trash.move(folder.fd, self.path(name).name, self.path(name), "ann")

    def path(self, name: bytes) -> TreePath:
        """The path of a name."""
        return TreePath(parts=tuple(name.split(b"/")), slash=False)

    def kept(self, kept: Kept, name: bytes) -> bytes:
        """Where the thing itself lies in the trash."""
        return self.at(b".peerstor/trash/%s/%s" % (kept.id.encode(), name))

    def note(self, kept: Kept) -> dict[str, Any]:
        """The note about it."""
        found: dict[str, Any] = json.loads(self.read(b".peerstor/trash/%s.json" % kept.id.encode()))
        return found

    def in_trash(self) -> list[bytes]:
        """All names in the trash folder."""
        return sorted(os.listdir(self.at(b".peerstor/trash")))


class KeepTests(TrashCase):
    """Before a file is replaced."""

    def test_second_name(self) -> None:
        """The file stays where it is and has a second name in the trash, not a copy."""
        place = self.write(b"a/file", b"old")
        kept = self.keep(b"a/file")
        self.assertTrue(os.path.samefile(place, self.kept(kept, b"file")))

    def test_note(self) -> None:
        """The note tells what one needs to restore it by hand, to the byte, and only its owner may read it."""
        self.write(b"a\xff/\xc3\xa4 b", b"12345")
        kept = self.keep(b"a\xff/\xc3\xa4 b")
        self.assertEqual(
            self.note(kept),
            {"path": "/a\ufffd/ä b", "href": "/a%FF/%C3%A4%20b", "when": self.now, "by": "ann", "size": 5},
        )
        self.assertRegex(kept.id, r"\A20270115T080000\.250000Z-[0-9a-f]{16}\Z")
        mode = os.stat(self.at(b".peerstor/trash/" + kept.note.encode())).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_same_name_twice_in_one_moment(self) -> None:
        """Each has a place of its own."""
        self.write(b"file", b"old")
        self.assertNotEqual(self.keep(b"file").id, self.keep(b"file").id)

    def test_longest_name(self) -> None:
        """A name of 255 bytes is kept under itself."""
        self.write(b"n" * 255, b"old")
        self.assertTrue(os.path.exists(self.kept(self.keep(b"n" * 255), b"n" * 255)))

    def test_link_is_kept_as_a_link(self) -> None:
        """Of a symbolic link the link is kept, never what it leads to, also where it must be copied."""
        os.symlink(b"/etc/passwd", self.at(b"link"))
        self.assertEqual(os.readlink(self.kept(self.keep(b"link"), b"link")), b"/etc/passwd")
        self.fail_os("link", errno.EPERM)
        self.assertEqual(os.readlink(self.kept(self.keep(b"link"), b"link")), b"/etc/passwd")

    def test_copied_where_there_are_no_links(self) -> None:
        """On a file system without hard links it is copied, with its times and rights."""
        for number in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            place = self.write(b"file", b"x" * 3_000_000)
            os.chmod(place, 0o640)
            os.utime(place, ns=(1, 2))
            self.fail_os("link", number)
            kept = self.kept(self.keep(b"file"), b"file")
            with open(kept, "rb") as file:
                self.assertEqual(file.read(), b"x" * 3_000_000)
            self.assertEqual(os.stat(kept).st_mtime_ns, 2)
            self.assertEqual(stat.S_IMODE(os.stat(kept).st_mode), 0o640)
            self.assertFalse(os.path.samefile(place, kept))

    def test_nothing_to_copy(self) -> None:
        """Of a FIFO there is nothing to keep but the note, and looking does not hang."""
        os.mkfifo(self.at(b"fifo"))
        self.fail_os("link", errno.EPERM)
        kept = self.keep(b"fifo")
        self.assertEqual(self.in_trash(), [kept.note.encode()])

    def test_beside_on_another_file_system(self) -> None:
        """On a mount of its own it gets its second name beside its place, under a private one."""
        self.mount(b"usb")
        place = self.write(b"usb/file", b"old")
        kept = self.keep(b"usb/file")
        self.assertTrue(os.path.samefile(place, self.at(b"usb/" + kept.beside)))
        self.assertEqual(self.in_trash(), [kept.note.encode()])

    def test_failure_leaves_nothing(self) -> None:
        """When it cannot be kept, no half of it stays."""
        self.write(b"file")
        self.assertRaises(FileNotFoundError, self.keep, b"absent")
        self.assertEqual(self.in_trash(), [])
        for function in ("link", "mkdir"):
            self.fail_os(function, errno.ENOSPC)
            self.assertRaises(OSError, self.keep, b"file")
            self.assertEqual(self.in_trash(), [])

    def test_other_errors_beside_are_told(self) -> None:
        """A full disk beside its place is no reason to copy."""
        self.part_devices(self.root)
        self.write(b"file")
        self.fail_os("link", errno.ENOSPC, when=lambda source, target, **k: target != b"file")
        self.assertRaises(OSError, self.keep, b"file")
        self.assertEqual(self.in_trash(), [])

    def test_discard(self) -> None:
        """What was kept for nothing goes at once, wherever it lay; the file stays."""
        self.write(b"file", b"old")
        self.mount(b"usb")
        self.write(b"usb/file", b"old")
        for name in (b"file", b"usb/file"):
            kept = self.keep(name)
            with self.sandbox.parent_of(self.path(name)) as folder:
                self.trash.discard(kept, folder.fd)
            self.assertEqual(self.in_trash(), [])
            self.assertEqual(os.listdir(os.path.dirname(self.at(name))).count(kept.beside), 0)
            self.assertEqual(self.read(name), b"old")


class MoveTests(TrashCase):
    """When something is deleted."""

    def test_file(self) -> None:
        """A file lies in the trash afterwards, the same inode."""
        place = self.write(b"file", b"old")
        inode = os.stat(place).st_ino
        kept = self.move(b"file")
        self.assertFalse(os.path.exists(place))
        self.assertEqual(os.stat(self.kept(kept, b"file")).st_ino, inode)

    def test_folder(self) -> None:
        """A folder goes with all below it; its size is not counted for the note."""
        self.write(b"folder/below/file", b"old")
        kept = self.move(b"folder")
        self.assertTrue(os.path.exists(self.kept(kept, b"folder/below/file")))
        self.assertIsNone(self.note(kept)["size"])

    def test_link(self) -> None:
        """Of a link the link goes, not what it leads to."""
        self.write(b"folder/file")
        os.symlink(b"folder", self.at(b"link"))
        self.move(b"link")
        self.assertFalse(os.path.lexists(self.at(b"link")))
        self.assertEqual(self.read(b"folder/file"), b"content")

    def test_beside_on_another_file_system(self) -> None:
        """What lies on a mount of its own stays there, under a private name."""
        self.mount(b"usb")
        self.write(b"usb/folder/file", b"old")
        kept = self.move(b"usb/folder")
        self.assertEqual(os.listdir(self.at(b"usb")), [kept.beside])
        self.assertEqual(self.read(b"usb/" + kept.beside + b"/file"), b"old")
        self.assertEqual(self.in_trash(), [kept.note.encode()])

    def test_failure_leaves_it_in_its_place(self) -> None:
        """When it cannot be moved it still is where it was, and nothing is in the trash."""
        self.write(b"file", b"old")
        self.fail_os("rename", errno.EIO)
        self.assertRaises(OSError, self.move, b"file")
        self.assertEqual(self.in_trash(), [])
        self.assertEqual(self.read(b"file"), b"old")

    def test_restored_by_hand(self) -> None:
        """Moving it back to where the note says gives the file as it was."""
        self.write(b"a/file", b"old")
        kept = self.move(b"a/file")
        back = TreePath.from_url(self.note(kept)["href"].encode())
        os.rename(self.kept(kept, b"file"), self.at(back.joined))
        self.assertEqual(self.read(b"a/file"), b"old")
        self.now += 2 * KEEP_SECONDS
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(self.read(b"a/file"), b"old")


class SyncTests(TrashCase):
    """What is on the disk, and when."""

    CALLS = ("fdatasync", "fsync", "link", "rename")

    def setUp(self) -> None:
        super().setUp()
        self.write(b"a/file", b"old")

    def test_kept(self) -> None:
        """The note, the second name and the trash's own names are on the disk, in this order."""
        steps = self.note_steps(*self.CALLS)
        self.keep(b"a/file")
        self.assertEqual(steps, ["link file", "fdatasync ID.json", "fsync ID", "fsync trash"])

    def test_copied(self) -> None:
        """Of a copy the bytes and times are on the disk, too."""
        self.fail_os("link", errno.EPERM)
        steps = self.note_steps("fdatasync", "fsync", "utime")
        self.keep(b"a/file")
        self.assertEqual(steps, ["utime file", "fsync file", "fdatasync ID.json", "fsync ID", "fsync trash"])

    def test_kept_beside(self) -> None:
        """What gets its second name beside its place has it on the disk."""
        self.mount(b"usb")
        self.write(b"usb/file", b"old")
        steps = self.note_steps(*self.CALLS)
        self.keep(b"usb/file")
        self.assertEqual(
            steps, ["link file", "link .peerstor-ID.trash", "fdatasync ID.json", "fsync usb", "fsync trash"]
        )

    def test_moved(self) -> None:
        """The note is on the disk before something leaves its place; that it lies in the trash, when it settles."""
        steps = self.note_steps(*self.CALLS)
        kept = self.move(b"a/file")
        self.assertEqual(steps, ["fdatasync ID.json", "fsync trash", "rename file"])
        self.trash.settle(kept)
        self.assertEqual(steps[3:], ["fsync ID"])

    def test_moved_beside(self) -> None:
        """What stays beside its place has nothing to settle in the trash."""
        self.mount(b"usb")
        self.write(b"usb/file", b"old")
        kept = self.move(b"usb/file")
        steps = self.note_steps(*self.CALLS)
        self.trash.settle(kept)
        self.assertEqual(steps, [])

    def test_without_sync(self) -> None:
        """Where syncing is turned off, nothing is synced, copies neither."""
        self.trash = self.make_trash(fsync=False)
        self.fail_os("fsync", errno.EIO)
        self.fail_os("fdatasync", errno.EIO)
        self.keep(b"a/file")
        self.fail_os("link", errno.EPERM)
        self.keep(b"a/file")
        self.trash.settle(self.move(b"a/file"))

    def test_disk_that_fails(self) -> None:
        """What can't be brought to the disk isn't kept, and nothing of the attempt stays; it is in its place."""
        self.mount(b"usb")
        self.write(b"usb/file", b"old")
        for call in ("fsync", "fdatasync"):
            self.fail_os(call, errno.EIO)
            for name in (b"a/file", b"usb/file"):
                for act in (self.keep, self.move):
                    self.assertRaises(OSError, act, name)
                    self.assertEqual(os.listdir(os.path.dirname(self.at(name))), [b"file"])
                    self.assertEqual((self.read(name), self.in_trash()), (b"old", []))

    def test_moved_and_not_settled(self) -> None:
        """A failure after something was moved is told, and leaves it in the trash."""
        kept = self.move(b"a/file")
        self.fail_os("fsync", errno.EIO)
        self.assertRaises(OSError, self.trash.settle, kept)
        with open(self.kept(kept, b"file"), "rb") as file:
            self.assertEqual(file.read(), b"old")


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
        self.assertEqual(self.trash.sweep(), 0)
        self.now += 1.0
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(self.in_trash(), [young.id.encode(), young.note.encode()])

    def test_folder_with_all_below(self) -> None:
        """A deleted folder goes for good with all that is in it, links in it as links."""
        self.write(b"precious")
        self.write(b"folder/a/b/c")
        os.symlink(self.root, self.at(b"folder/a/link"))
        self.move(b"folder")
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(self.in_trash(), [])
        self.assertEqual(self.read(b"precious"), b"content")

    def test_too_much(self) -> None:
        """The oldest go until the rest is at most a tenth of the disk."""
        self.disk(10 << 20)
        for number in range(5):
            self.deleted(b"f%d" % number, size=300 << 10)
        self.assertEqual(self.trash.sweep(), 2)
        self.assertEqual(len(self.in_trash()), 2 * 3)
        self.assertEqual(self.trash.sweep(), 0)

    def test_folders_weigh_what_is_in_them(self) -> None:
        """A folder's size is that of everything below it."""
        self.disk(10 << 20)
        self.write(b"big/a/b", b"x" * (700 << 10))
        self.deleted(b"big/c", size=10)
        self.now += 1
        first = self.move(b"big")
        self.deleted(b"small", size=600 << 10)
        self.assertEqual(self.trash.sweep(), 2)
        self.assertNotIn(first.id.encode(), self.in_trash())

    def test_newest_stays(self) -> None:
        """What was deleted last stays however large it is, and goes when it is old."""
        self.disk(10 << 20)
        last = self.deleted(b"huge", size=2 << 20)
        self.assertEqual(self.trash.sweep(), 0)
        self.assertIn(last.id.encode(), self.in_trash())
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 1)

    def test_own_limits(self) -> None:
        """Both limits can be set."""
        self.trash = self.make_trash(keep_seconds=DAY, keep_fraction=0.5)
        self.disk(1 << 20)
        for number in range(3):
            self.deleted(b"f%d" % number, size=200 << 10)
        self.assertEqual(self.trash.sweep(), 1)
        self.now += DAY + 1
        self.assertEqual(self.trash.sweep(), 2)

    def test_beside(self) -> None:
        """What stayed beside its place is found by its note, and goes by the limits of its own disk."""
        self.mount(b"usb")
        self.write(b"usb/a/file", b"x" * 100_000)
        self.write(b"usb/b", b"x" * 100_000)
        self.now += 1
        first = self.move(b"usb/a")
        self.now += 1
        second = self.keep(b"usb/b")
        self.assertEqual(self.trash.sweep(), 0)
        self.disk(1_500_000)
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(sorted(os.listdir(self.at(b"usb"))), sorted([b"b", second.beside]))
        self.assertNotIn(first.note.encode(), self.in_trash())
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(os.listdir(self.at(b"usb")), [b"b"])

    def test_beside_in_a_folder_that_is_gone(self) -> None:
        """A note of something that cannot be found any more goes when it is old."""
        self.write(b"usb/file")
        self.part_devices(self.at(b"usb"))
        self.move(b"usb/file")
        os.rename(self.at(b"usb"), self.at(b"moved"))
        self.assertEqual(self.trash.sweep(), 0)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(self.in_trash(), [])

    def test_broken_notes(self) -> None:
        """A note that says nothing useful keeps nothing for ever, and sends nobody elsewhere."""
        for text in (b"", b"{", b"[]", b"{}", b'{"href": 5}', b'{"href": "/../x"}', '{"href": "ä"}'.encode()):
            kept = self.deleted(b"file")
            self.write(b".peerstor/trash/" + kept.note.encode(), text)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 7)
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
        self.assertEqual(self.trash.sweep(), 0)
        self.now += 1
        self.assertEqual(self.trash.sweep(), 6)
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

        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(self.in_trash(), [kept.note.encode()])
        self.patch(os, "unlink", real)
        os.rename(self.root, self.base + b"/away")
        self.assertEqual(self.trash.sweep(), 0)
        os.rename(self.base + b"/away", self.root)
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual((self.in_trash(), os.listdir(self.at(b"usb"))), ([], []))

    def test_foreign_things_are_left_alone(self) -> None:
        """What PeerStor did not put there it does not remove."""
        self.write(b".peerstor/trash/README")
        self.write(b".peerstor/trash/20200101T000000.000000Z/x")
        self.assertEqual(self.trash.sweep(), 0)
        self.assertEqual(len(self.in_trash()), 2)

    def test_impossible_dates(self) -> None:
        """A name that somebody made by hand, with a date that there is not, ends no sweep."""
        for stamp in ("20260231T000000.000000Z", "00000101T000000.000000Z", "20260101T250000.000000Z"):
            self.write(f".peerstor/trash/{stamp}-{'0' * 16}.json".encode())
        self.deleted(b"a")
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 1)
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
        self.assertEqual(self.trash.sweep(), 0)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 1)
        self.assertEqual(self.in_trash(), [])

    def test_lets_others_run(self) -> None:
        """However much there is, weighing and removing it gives way again and again."""
        for number in range(3 * pace.SLICE):
            self.write(b"folder/%d/file" % (number % 7) + b"-%d" % number, b"")
        self.move(b"folder")
        pauses: list[float] = []
        self.patch(time, "sleep", pauses.append)
        self.trash.sweep()
        self.assertGreaterEqual(len(pauses), 3)
        pauses.clear()
        self.now += KEEP_SECONDS + 1
        self.trash.sweep()
        self.assertGreaterEqual(len(pauses), 3)
        self.assertGreater(min(pauses), 0)

    def test_what_cannot_be_removed_stays(self) -> None:
        """A failure leaves it for the next time and does not keep others from going."""
        first, second = self.deleted(b"a"), self.deleted(b"b")
        self.now += KEEP_SECONDS + 1
        self.fail_os("unlink", errno.EIO, when=lambda name, **k: name == "a")
        self.assertEqual(self.trash.sweep(), 1)
        self.assertIn(first.doomed.encode(), self.in_trash())
        self.assertNotIn(second.note.encode(), self.in_trash())

    def test_storage_away(self) -> None:
        """While the storage is away nothing is taken for gone; a trash that cannot be read says so."""
        self.deleted(b"a")
        self.now += KEEP_SECONDS + 1
        os.rename(self.root, self.base + b"/away")
        self.assertEqual(self.trash.sweep(), 0)
        os.rename(self.base + b"/away", self.root)
        self.fail_os("scandir", errno.EIO)
        self.assertRaises(StorageUnavailable, self.trash.sweep)

    def test_not_under_the_hands_of_another_thread(self) -> None:
        """What is just being put into the trash is not swept, even when the clock says that it is old."""
        self.write(b"file", b"old")
        real = os.link
        swept = []

        def link(*args: Any, **rest: Any) -> None:
            self.now += 2 * KEEP_SECONDS
            swept.append(self.trash.sweep())
            real(*args, **rest)

        self.patch(os, "link", link)
        kept = self.keep(b"file")
        self.assertEqual(swept, [0])
        self.assertTrue(os.path.exists(self.kept(kept, b"file")))
        self.assertEqual(self.trash.sweep(), 1)

    def test_left_by_a_crash(self) -> None:
        """A note without a thing, and a folder without a note, go when they are old."""
        one, two = self.deleted(b"a"), self.deleted(b"b")
        os.unlink(self.at(b".peerstor/trash/" + one.note.encode()))
        os.unlink(self.kept(two, b"b"))
        os.rmdir(self.at(b".peerstor/trash/" + two.id.encode()))
        self.assertEqual(self.trash.sweep(), 0)
        self.now += KEEP_SECONDS + 1
        self.assertEqual(self.trash.sweep(), 2)
        self.assertEqual(self.in_trash(), [])


class DueTests(DiskCase):
    """When a sweep is worth its while."""

    def swept(self) -> None:
        """Sweep, and let a minute pass."""
        self.trash.sweep()
        self.now += 60

    def test_at_first(self) -> None:
        """A trash that was never swept is due."""
        self.assertTrue(self.trash.due())

    def test_too_much_came(self) -> None:
        """It is due when what came since may be more than fits, and not before a minute has passed."""
        self.disk(10 << 20)
        self.swept()
        self.deleted(b"a", size=600 << 10)
        self.assertFalse(self.trash.due())
        self.swept()
        self.deleted(b"b", size=300 << 10)
        self.assertFalse(self.trash.due())
        self.deleted(b"c", size=300 << 10)
        self.assertTrue(self.trash.due())
        self.assertEqual(self.trash.sweep(), 1)
        self.deleted(b"d", size=900 << 10)
        self.assertFalse(self.trash.due())
        self.now += 60
        self.assertTrue(self.trash.due())

    def test_large_newest(self) -> None:
        """What stays although it is too much makes no sweep worth its while."""
        self.disk(10 << 20)
        self.deleted(b"huge", size=2 << 20)
        self.swept()
        self.assertFalse(self.trash.due())

    def test_nobody_knows_how_much(self) -> None:
        """A folder, or what lies on another disk, may be any amount."""
        self.swept()
        self.write(b"folder/file")
        self.move(b"folder")
        self.assertTrue(self.trash.due())
        self.mount(b"usb")
        self.write(b"usb/file")
        self.swept()
        self.assertFalse(self.trash.due())
        self.write(b"usb/b/file")
        self.move(b"usb/b")
        self.assertTrue(self.trash.due())

    def test_every_hour(self) -> None:
        """What only grows old is looked at hourly."""
        self.swept()
        self.assertFalse(self.trash.due())
        self.now += 3540
        self.assertTrue(self.trash.due())

    def test_long_sweeps_are_rare(self) -> None:
        """One that took long is not repeated before ten times as long has passed."""
        self.write(b"folder/file")
        self.move(b"folder")
        real = os.scandir

        def scandir(fd: int) -> Any:
            self.now += 30
            return real(fd)

        self.patch(os, "scandir", scandir)
        self.trash.sweep()
        self.write(b"other/file")
        self.move(b"other")
        self.now += 299
        self.assertFalse(self.trash.due())
        self.now += 1000
        self.assertTrue(self.trash.due())

    def test_failed(self) -> None:
        """One that failed is tried again after a minute."""
        self.fail_os("scandir", errno.EIO)
        self.assertRaises(StorageUnavailable, self.trash.sweep)
        self.assertFalse(self.trash.due())
        self.now += 60
        self.assertTrue(self.trash.due())


class PathTests(TrashCase):
    """The trash as seen by clients."""

    def test_nobody_sees_it(self) -> None:
        """Neither the trash nor what stays beside its place can be opened."""
        self.mount(b"usb")
        self.write(b"usb/file")
        kept = self.keep(b"usb/file")
        for url in ("/.peerstor/trash/", f"/usb/{kept.beside.decode()}"):
            self.assertRaises(NotFound, self.sandbox.open, path(url))
