"""Moving and renaming, on one file system and across several."""

import errno
import os
from functools import partial
from typing import Any

from peerstor.errors import Exists, NoSpace, PreconditionFailed, TooManyEntries
from peerstor.tree import doubles, moving, renameat2
from peerstor.tree.copying import Copying, Unwanted
from peerstor.tree.doubles import SMALL
from peerstor.tree.moving import Moved, Mover, OtherDisk, Wanted
from peerstor.tree.naming import Conflict
from peerstor.tree.placing import lstat
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.staging import Stage
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns
from tests.tree.scaffold import StorageCase, path
from tests.tree.test_crashes import CrashCase, Life


def mover_of(life: Any, turns: Turns | None = None) -> Mover:
    """Make a mover for a storage (`private`, `sandbox`)."""
    sandbox: Sandbox = life.sandbox
    trash = Trash(private=life.private, sandbox=sandbox, fsync=True)
    stage = Stage(private=life.private, sandbox=sandbox, fsync=True)
    return Mover(sandbox=sandbox, trash=trash, turns=turns or Turns(), stage=stage, fsync=True)


def wanted(source: str, target: str, conflict: Conflict = Conflict.REFUSE) -> Wanted:
    """What ann asks for."""
    return Wanted(path(source), path(target), conflict, "ann", may_replace=True)


def moved(life: Any, order: Wanted) -> Moved:
    """Move, by the way that leads there."""
    mover = mover_of(life)
    try:
        return mover.move(order)
    except OtherDisk:
        return mover.carry(order, unwanted=lambda: False)


class RenameTests(StorageCase):
    """By one rename."""

    def without_renameat2(self) -> None:
        def unavailable(*_: Any) -> None:
            raise renameat2.Unavailable

        self.patch(renameat2, "exclusively", unavailable)

    def blind_once(self, taken: bytes) -> None:
        """Have the next look at a name find it free."""
        blind, real = iter([None]), lstat
        self.patch(moving, "lstat", lambda f, n: next(blind, real(f, n)) if n == taken else real(f, n))

    def test_never_over_another(self) -> None:
        """A name that somebody takes in the last moment isn't overwritten, whatever the system can do."""
        for prepare in (lambda: None, self.without_renameat2, lambda: self.fail_os("link", errno.EPERM)):
            prepare()
            for make in (self.write, lambda name: os.makedirs(self.at(name))):
                make(b"x")
                self.write(b"taken", b"theirs")
                self.blind_once(b"taken")
                self.assertRaises(Exists, moved, self, wanted("/x", "/taken"))
                self.assertEqual(self.read(b"taken"), b"theirs")
                self.assertEqual(moved(self, wanted("/x", "/y")).path.name, b"y")
                self.assertFalse(os.path.exists(self.at(b"x")))
                os.rename(self.at(b"y"), self.at(b"y%d" % len(os.listdir(self.root))))

    def test_large_file_that_cannot_be_linked(self) -> None:
        """What is replaced is copied with no turn held, also where the new file comes from elsewhere."""
        large = b"x" * (SMALL + 1)
        os.mkdir(self.at(b"m"))
        self.part_devices(self.at(b"m"))
        self.fail_os("link", errno.EPERM)
        self.without_renameat2()
        turns, held, real = Turns(), [], doubles.copy_bytes

        def copy_bytes(source: int, target: int) -> None:
            held.extend(turns._all)
            real(source, target)
            copies.append(os.fstat(target).st_size)

        self.patch(doubles, "copy_bytes", copy_bytes)
        for source in ("x", "m/x"):
            copies: list[int] = []
            self.write(source.encode(), b"new")
            self.write(b"y", large)
            mover = mover_of(self, turns)
            order = wanted(f"/{source}", "/y", Conflict.REPLACE)
            done = mover.move(order) if source == "x" else mover.carry(order, unwanted=lambda: False)
            self.assertTrue(done.replaced)
            self.assertEqual((self.read(b"y"), copies, held), (b"new", [len(large)], []))
            self.assertFalse(os.path.exists(self.at(source.encode())))

    def test_only_the_case(self) -> None:
        """Where the file system takes two spellings for one name, the new spelling is what is wanted."""
        self.write(b"readme", b"1")
        real = moving.lstat
        self.patch(moving, "lstat", lambda folder, name: real(folder, name.lower()))
        self.assertFalse(moved(self, wanted("/readme", "/README")).replaced)
        self.assertEqual(sorted(os.listdir(self.root)), [b".peerstor", b"README"])

    def test_two_links_of_one_file(self) -> None:
        """Two names of one file are two things: refused, or one takes the place of the other and is gone."""
        os.link(self.write(b"one", b"1"), self.at(b"two"))
        self.assertRaises(Exists, moved, self, wanted("/one", "/two"))
        self.assertTrue(moved(self, wanted("/one", "/two", Conflict.REPLACE)).replaced)
        self.assertEqual(sorted(os.listdir(self.root)), [b".peerstor", b"two"])
        self.assertEqual(self.read(b"two"), b"1")


class CarryTests(StorageCase):
    """To another file system."""

    def setUp(self) -> None:
        super().setUp()
        self.mount(b"m")

    def left(self) -> list[bytes]:
        """What is hidden on the other file system, and noted."""
        notes = os.listdir(self.at(b".peerstor/parts"))
        return notes + [name for name in os.listdir(self.at(b"m")) if name.startswith(b".peerstor")]

    def test_file(self) -> None:
        """A file arrives with its bytes, time and rights; the original is in the trash."""
        place = self.write(b"x", b"hello" * 1000)
        os.chmod(place, 0o640)
        os.utime(place, ns=(1, 2))
        self.assertRaises(OtherDisk, mover_of(self).move, wanted("/x", "/m/y"))
        moved(self, wanted("/x", "/m/y"))
        found = os.stat(self.at(b"m/y"))
        self.assertEqual(
            (self.read(b"m/y"), found.st_mtime_ns, found.st_mode & 0o777), (b"hello" * 1000, 2, 0o640)
        )
        self.assertFalse(os.path.exists(place))
        self.assertEqual(len(os.listdir(self.at(b".peerstor/trash"))), 2)
        self.assertEqual(self.left(), [])

    def test_order_of_steps(self) -> None:
        """The copy is on the disk before the original goes, and that the trash has it before its folder hasn't."""
        self.write(b"here/x", b"hello")
        steps = self.note_steps("fsync", "rename")
        moved(self, wanted("/here/x", "/m/x"))
        self.assertEqual(steps[-5:], ["fsync m", "fsync trash", "rename x", "fsync ID", "fsync here"])

    def test_folder(self) -> None:
        """A folder arrives with its files, folders and links."""
        self.write(b"x/below/file", b"1")
        os.symlink(b"below/file", self.at(b"x/link"))
        os.mkfifo(self.at(b"x/fifo"))
        os.utime(self.at(b"x/below"), ns=(1, 2))
        moved(self, wanted("/x/", "/m/x"))
        self.assertEqual(self.read(b"m/x/link"), b"1")
        self.assertEqual(os.stat(self.at(b"m/x/below")).st_mtime_ns, 2)
        self.assertEqual(sorted(os.listdir(self.at(b"m/x"))), [b"below", b"link"])
        self.assertEqual(self.left(), [])

    def test_back(self) -> None:
        """From there, too, also in the place of another."""
        self.write(b"m/x", b"new")
        self.write(b"y", b"old")
        self.assertTrue(moved(self, wanted("/m/x", "/y", Conflict.REPLACE)).replaced)
        self.assertEqual(self.read(b"y"), b"new")
        self.assertFalse(os.path.exists(self.at(b"m/x")))

    def test_given_up(self) -> None:
        """What nobody waits for any more, or is too much, leaves no trace and is where it was."""
        for number in range(5):
            self.write(b"x/%d" % number)
        looks = iter([False] * 3)
        self.assertRaises(
            Unwanted, mover_of(self).carry, wanted("/x/", "/m/x"), unwanted=lambda: next(looks, True)
        )
        self.assertEqual((self.left(), os.listdir(self.at(b"m"))), ([], []))
        self.patch(moving, "Copying", partial(Copying, most=5))
        self.assertRaises(TooManyEntries, moved, self, wanted("/x/", "/m/x"))
        self.assertEqual((self.left(), len(os.listdir(self.at(b"x")))), ([], 5))

    def test_full(self) -> None:
        """A full disk is said so; nothing of the attempt stays."""
        self.write(b"x", b"hello")
        self.fail_os("copy_file_range", errno.ENOSPC)
        self.assertRaises(NoSpace, moved, self, wanted("/x", "/m/x"))
        self.assertEqual((self.left(), self.read(b"x")), ([], b"hello"))

    def test_changed_meanwhile(self) -> None:
        """A file that is written while it is copied isn't moved in a state that it never had."""
        self.write(b"x", b"hello")
        real = os.utime

        def utime(target: Any, **rest: Any) -> None:
            real(target, **rest)
            self.write(b"x", b"longer than before")

        self.patch(os, "utime", utime)
        self.assertRaises(PreconditionFailed, moved, self, wanted("/x", "/m/x"))
        self.assertEqual((self.left(), self.read(b"x")), ([], b"longer than before"))

    def test_trash_refuses(self) -> None:
        """Where the original can't be taken away, it wasn't moved: it is in one place."""
        self.write(b"x", b"hello")
        self.fail_os("mkdir", errno.ENOSPC)
        self.assertRaises(NoSpace, moved, self, wanted("/x", "/m/x"))
        self.assertEqual((self.left(), os.listdir(self.at(b"m")), self.read(b"x")), ([], [], b"hello"))


class MoveCrashTests(CrashCase):
    """The process dies at each step."""

    order = wanted("/a/x/", "/b/y")

    def die_everywhere(self, at_least: int) -> None:
        real = renameat2.exclusively

        def exclusively(here: int, source: bytes, there: int, target: bytes) -> None:
            # Counted among the changes: the child's `os.rename` is what dies.
            if os.path.lexists(b"/proc/self/fd/%d/%s" % (there, target)):
                raise FileExistsError
            os.rename(source, target, src_dir_fd=here, dst_dir_fd=there)

        self.patch(renameat2, "exclusively", exclusively)
        deaths = self.crash_everywhere(self.prepare, lambda life: moved(life, self.order), self.judge)
        self.patch(renameat2, "exclusively", real)
        self.assertGreaterEqual(deaths, at_least)

    def prepare(self) -> None:
        """A folder with a file, and a file, to be moved; a file in the way."""
        for name in (b"a", b"b"):
            os.makedirs(self.at(name), exist_ok=True)
        self.empty(b"a", b"b", b".peerstor/trash", b".peerstor/parts")
        self.write(b"a/x/file", b"new")
        self.write(b"b/old", b"old")
        self.write(b"a/f", b"new")

    def judge(self) -> None:
        """Old or new, and whole; after the next start's sweep nothing hidden is left but what the trash knows."""
        life = Life(self.root)
        self.addCleanup(life.private.close)
        Stage(private=life.private, sandbox=life.sandbox, fsync=True).sweep()
        here = b"a/" + self.order.source.name
        there = b"b/" + self.order.target.name
        inner = b"/file" if self.order.source.slash else b""
        if self.order.conflict is Conflict.REPLACE:
            self.assertIn(self.read(there), (b"old", b"new"))
            self.assertTrue(self.read(there) == b"old" or b"old" in self.trashed(b"b"))
        old = os.path.exists(self.at(here)) and self.read(here + inner)
        new = os.path.exists(self.at(there)) and self.read(there + inner)
        self.assertIn(b"new", (old, new))
        for found in (old, new):
            self.assertIn(found, (False, b"new", b"old"))
        self.assertEqual(os.listdir(self.at(b".peerstor/parts")), [])
        hidden = [name for folder in (b"a", b"b") for name in os.listdir(self.at(folder)) if name[:1] == b"."]
        self.assertEqual([name for name in hidden if not name.endswith(b".trash")], [])

    def test_folder(self) -> None:
        """A folder is here or there."""
        self.die_everywhere(2)

    def test_replacing(self) -> None:
        """A file that takes another's place: the other is under its name, or in the trash."""
        self.order = wanted("/a/f", "/b/old", Conflict.REPLACE)
        self.die_everywhere(5)

    def test_across(self) -> None:
        """To another file system: the copy appears whole, or not at all, and the original is never lost."""
        self.mount(b"b")
        self.die_everywhere(10)
        self.order = wanted("/a/f", "/b/old", Conflict.REPLACE)
        self.die_everywhere(10)
