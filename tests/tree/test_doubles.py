"""Copies of what is replaced, on a file system without hard links: nobody waits for them, and they are right."""

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

from peerstor.errors import Exists, NoSpace
from peerstor.tree import doubles
from peerstor.tree.doubles import SMALL, TRIES
from peerstor.tree.naming import Conflict
from peerstor.tree.publish import Published, Publisher
from peerstor.tree.trash import Trash
from tests.tree.scaffold import sweeper_of
from tests.tree.test_publish import PublishCase

LARGE = SMALL + 1
_link = os.link


class DoublesCase(PublishCase):
    """A storage without hard links, and a large file `file` in it."""

    def setUp(self) -> None:
        super().setUp()
        self.fail_os("link", errno.EPERM)
        self.old = b"o" * LARGE
        self.write(b"file", self.old)

    def replace(self) -> Published:
        """Put `new` in its place."""
        return self.publish("/file", Conflict.REPLACE, may_replace=True)

    def while_copying(self, act: Callable[[], object], times: int = 1) -> list[bool]:
        """Do something in the middle of each of the first copies; tells of each whether a turn was held."""
        real, held = doubles.copy_bytes, []

        def copy_bytes(source: int, target: int) -> None:
            held.append(bool(self.publisher._turns._all))
            real(source, target)
            if len(held) <= times:
                act()

        self.patch(doubles, "copy_bytes", copy_bytes)
        return held

    def left(self) -> list[str]:
        """Names of copies that lie about."""
        return [name for name in os.listdir(self.private.trash_fd) if name.endswith(".copying")]


class WaitingTests(DoublesCase):
    """Who waits for whom."""

    def test_others_go_on(self) -> None:
        """While a large file is copied, others get their names in the same folder."""
        part = self.part()

        def other() -> None:
            thread = threading.Thread(target=lambda: self.publish("/other", part=part), daemon=True)
            thread.start()
            thread.join(10)
            self.assertFalse(thread.is_alive(), "it waits for the copy")

        held = self.while_copying(other)
        self.assertTrue(self.replace().replaced)
        self.assertEqual(held, [False])
        self.assertEqual(self.visible(), {b"file": b"new", b"other": b"new"})
        self.assertEqual((self.trashed(), self.left()), ([self.old], []))

    def test_small(self) -> None:
        """A small file is copied at once."""
        self.write(b"file", b"o" * SMALL)
        held = self.while_copying(lambda: None)
        self.replace()
        self.assertEqual((held, self.trashed()), ([True], [b"o" * SMALL]))

    def test_with_hard_links(self) -> None:
        """Where there are links, nothing is copied."""
        self.patch(os, "link", _link)
        held = self.while_copying(lambda: None)
        self.replace()
        self.assertEqual((held, self.trashed()), ([], [self.old]))


class ChangeTests(DoublesCase):
    """What happens to the file while it is copied."""

    def test_changed(self) -> None:
        """One that was written to meanwhile is copied anew: what is kept is what was replaced."""
        held = self.while_copying(lambda: self.write(b"file", b"p" * (LARGE + 1)))
        self.replace()
        self.assertEqual((held, self.trashed(), self.left()), ([False, False], [b"p" * (LARGE + 1)], []))

    def test_replaced(self) -> None:
        """So is one that another took the place of, of the same size and time."""

        def other() -> None:
            self.write(b"other", b"p" * LARGE)
            found = os.stat(self.at(b"file"))
            os.utime(self.at(b"other"), ns=(found.st_atime_ns, found.st_mtime_ns))
            os.rename(self.at(b"other"), self.at(b"file"))

        held = self.while_copying(other)
        self.replace()
        self.assertEqual((held, self.trashed()), ([False, False], [b"p" * LARGE]))

    def test_changed_all_the_time(self) -> None:
        """One that never holds still is copied while others wait, at last."""
        sizes = iter(range(LARGE + 1, LARGE + 10))
        held = self.while_copying(lambda: self.write(b"file", b"p" * next(sizes)), times=TRIES)
        self.replace()
        self.assertEqual(held, [False] * TRIES + [True])
        self.assertEqual((self.trashed(), self.left()), ([b"p" * (LARGE + TRIES)], []))

    def test_gone(self) -> None:
        """Where the name is free by then, nothing is replaced, and no copy stays."""
        self.while_copying(lambda: os.unlink(self.at(b"file")))
        self.assertFalse(self.replace().replaced)
        self.assertEqual((self.visible(), self.trashed(), self.left()), ({b"file": b"new"}, [], []))

    def test_gone_before(self) -> None:
        """The same where it went before the copy was begun."""
        self.before_copying(lambda: None)
        self.assertFalse(self.replace().replaced)
        self.assertEqual((self.visible(), self.trashed(), self.left()), ({b"file": b"new"}, [], []))

    def test_folder_by_then(self) -> None:
        """A folder that has the name by then isn't replaced."""
        self.before_copying(lambda: os.mkdir(self.at(b"file")))
        self.assertRaises(Exists, self.replace)
        self.assertEqual((self.visible(), self.left()), ({b"file": None}, []))

    def test_link_by_then(self) -> None:
        """A link that has the name by then is kept as a link, and not followed."""
        self.before_copying(lambda: os.symlink(b"/etc/passwd", self.at(b"file")))
        self.replace()
        (kept,) = (name for name in os.listdir(self.private.trash_fd) if not name.endswith(".json"))
        self.assertEqual(os.readlink(f"{kept}/file", dir_fd=self.private.trash_fd), "/etc/passwd")
        self.assertEqual((self.visible(), self.left()), ({b"file": b"new"}, []))

    def before_copying(self, act: Callable[[], object]) -> None:
        """Take the file away between the turn and the copy, and do something then."""
        real = doubles.Doubles._make

        def make(one: doubles.Doubles, *file: Any) -> None:
            os.unlink(self.at(b"file"))
            act()
            real(one, *file)

        self.patch(doubles.Doubles, "_make", make)


class DiskTests(DoublesCase):
    """What is on the disk, and disks that fail."""

    def test_order_of_steps(self) -> None:
        """The copy is on the disk before the name goes to the new file."""
        part, steps = self.part(), self.note_steps("utime", "fsync", "rename")
        self.publish("/file", Conflict.REPLACE, part=part, may_replace=True)
        copy = steps[0].removeprefix("utime ")
        kept = [f"utime {copy}", f"fsync {copy}", "rename file", "fsync ID", "fsync trash"]
        self.assertEqual(steps, [*kept, "rename file", "fsync storage"])

    def test_without_sync(self) -> None:
        """Where syncing is turned off, the copy isn't synced."""
        self.trash = Trash(private=self.private, sandbox=self.sandbox, fsync=False)
        self.publisher = Publisher(sandbox=self.sandbox, trash=self.trash, fsync=False)
        self.fail_os("fsync", errno.EIO)
        self.replace()
        self.assertEqual(self.trashed(), [self.old])

    def test_full(self) -> None:
        """Without room for the copy nothing changes, and nothing of it stays."""
        self.fail_os("pwrite", errno.ENOSPC)
        self.refused(NoSpace, "/file", Conflict.REPLACE, may_replace=True)
        self.assertEqual(os.listdir(self.private.trash_fd), [])

    def test_swept(self) -> None:
        """A sweep removes what a crash has left, at once, and not what is being made."""
        self.write(b".peerstor/trash/" + b"0" * 32 + b".copying", b"half")
        self.write(b".peerstor/trash/mine.copying", b"by hand")
        self.while_copying(sweeper_of(self, self.trash).sweep)
        self.replace()
        self.assertEqual((self.left(), self.trashed()), (["mine.copying"], [self.old]))
