"""The trash: kept, and restorable."""

import errno
import json
import os
import stat
from typing import Any

from peerstor.errors import NotFound
from peerstor.tree.paths import TreePath
from peerstor.tree.sweeping import KEEP_SECONDS, Sweeper
from peerstor.tree.trash import Trash
from peerstor.tree.trashids import Kept
from tests.tree.scaffold import StorageCase, path


class TrashCase(StorageCase):
    """A storage with a trash and a clock that the test sets."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1_800_000_000.25
        self.trash = self.make_trash()
        self.sweeper = self.make_sweeper()

    def make_trash(self, *, fsync: bool = True) -> Trash:
        """A trash of this storage."""
        return Trash(private=self.private, sandbox=self.sandbox, fsync=fsync, clock=lambda: self.now)

    def make_sweeper(self, **limits: float) -> Sweeper:
        """What sweeps that trash."""
        return Sweeper(trash=self.trash, sandbox=self.sandbox, clock=lambda: self.now, **limits)

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
        self.assertEqual(self.sweeper.sweep(), 1)
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


class PathTests(TrashCase):
    """The trash as seen by clients."""

    def test_nobody_sees_it(self) -> None:
        """Neither the trash nor what stays beside its place can be opened."""
        self.mount(b"usb")
        self.write(b"usb/file")
        kept = self.keep(b"usb/file")
        for url in ("/.peerstor/trash/", f"/usb/{kept.beside.decode()}"):
            self.assertRaises(NotFound, self.sandbox.open, path(url))
