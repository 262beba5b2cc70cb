"""Moving and renaming, on one file system and across several."""

import errno
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from peerstor.errors import (
    BadRequest,
    ChangedMeanwhile,
    Exists,
    Fault,
    NoParent,
    NoSpace,
    NotFound,
    StorageUnavailable,
    TooManyEntries,
)
from peerstor.tree import copying, doubles, moving, renameat2
from peerstor.tree.copying import Copying, Unwanted
from peerstor.tree.doubles import SMALL
from peerstor.tree.making import FolderMaker
from peerstor.tree.moving import Moved, Mover, OtherDisk, Wanted
from peerstor.tree.naming import Conflict
from peerstor.tree.paths import DEEPEST
from peerstor.tree.placing import lstat
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.staging import Stage
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns
from tests.tree.scaffold import StorageCase, path, sweeper_of
from tests.tree.test_crashes import CrashCase, Life
from tests.tree.test_publish import PublishCase


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

    def test_deep(self) -> None:
        """No folder comes to lie deeper than they may be made; one that does lie so may be renamed and moved up."""
        deep = b"/".join([b"d"] * DEEPEST)
        os.makedirs(self.at(deep + b"/deeper"))
        for name in (b"folder/x", b"file"):
            self.write(name)
        self.assertRaises(BadRequest, moved, self, wanted("/folder/", f"/{deep.decode()}/folder"))
        self.assertTrue(moved(self, wanted("/file", f"/{deep.decode()}/file")))
        self.assertTrue(moved(self, wanted(f"/{deep.decode()}/deeper", f"/{deep.decode()}/other")))
        self.assertTrue(moved(self, wanted(f"/{deep.decode()}/other/", "/up")))
        self.assertTrue(moved(self, wanted("/folder/", f"/{deep[2:].decode()}/folder")))

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

    def test_deep(self) -> None:
        """What would lie too deep there isn't carried, and leaves no trace."""
        place = b"/".join([b"m", *[b"d"] * (DEEPEST - 3)])
        os.makedirs(self.at(place))
        self.write(b"x/y/file")
        self.write(b"z/y/y/file")
        target = f"/{place.decode()}/x"
        self.assertRaises(BadRequest, moved, self, wanted("/z/", target))
        self.assertEqual((self.left(), os.listdir(self.at(place))), ([], []))
        self.assertTrue(moved(self, wanted("/x/", target)))

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
        self.assertRaises(ChangedMeanwhile, moved, self, wanted("/x", "/m/x"))
        self.assertEqual((self.left(), self.read(b"x")), ([], b"longer than before"))

    def test_trash_refuses(self) -> None:
        """Where the original can't be taken away, it wasn't moved: it is in one place."""
        self.write(b"x", b"hello")
        self.fail_os("mkdir", errno.ENOSPC)
        self.assertRaises(NoSpace, moved, self, wanted("/x", "/m/x"))
        self.assertEqual((self.left(), os.listdir(self.at(b"m")), self.read(b"x")), ([], [], b"hello"))


class CarryBesideOthersTests(PublishCase):
    """To another file system, while others write into what is carried."""

    order = wanted("/x/", "/m/x")

    def setUp(self) -> None:
        super().setUp()
        self.mount(b"m")
        self.turns = Turns()
        self.publisher = Publisher(sandbox=self.sandbox, trash=self.trash, fsync=True, turns=self.turns)
        stage = Stage(private=self.private, sandbox=self.sandbox, fsync=True)
        self.mover = Mover(sandbox=self.sandbox, trash=self.trash, turns=self.turns, stage=stage, fsync=True)
        for name in (b"x/below/old", b"x/first", b"x/last"):
            self.write(name, b"old")

    def carry(self) -> Moved:
        return self.mover.carry(self.order, unwanted=lambda: False)

    def while_copied(self, act: Callable[[], object]) -> None:
        """Do something once when all has been copied."""
        real, acts = Copying.copy, iter([act])

        def copy(self: Copying, *arguments: Any) -> None:
            real(self, *arguments)
            for one in acts:
                one()

        self.patch(Copying, "copy", copy)

    def at_the_last(self, act: Callable[[], object], *, after: Callable[[], object] = lambda: None) -> None:
        """Do something when all has been looked at and the original is about to go, and when it has gone."""

        def move(*arguments: Any) -> Any:
            act()
            kept = Trash.move(self.trash, *arguments)
            after()
            return kept

        self.patch(self.trash, "move", move)

    def assert_stays(self, **more: bytes) -> None:
        """It is where it was, with what came to it, and in no other place."""
        expected = {b"first": b"old", b"last": b"old", **{key.encode(): value for key, value in more.items()}}
        names = [name for name in os.listdir(self.at(b"x")) if name != b"below"]
        self.assertEqual({name: self.read(b"x/" + name) for name in names}, expected)
        self.assertEqual(os.listdir(self.at(b"m")), [])
        self.assertEqual(os.listdir(self.at(b".peerstor/parts")), [])
        self.assertEqual(self.turns._all, {})

    def test_uploads_meanwhile(self) -> None:
        """What is stored in it while it is copied, new or in the place of something, keeps it where it is."""
        stored: dict[str, bytes] = {}
        went: list[None] = []
        self.at_the_last(lambda: went.append(None))
        for name in ("new", "first", "last"):
            stored[name] = b"new"
            self.while_copied(lambda url=f"/x/{name}": self.publish(url, Conflict.REPLACE, may_replace=True))
            self.assertRaises(ChangedMeanwhile, self.carry)
            self.assert_stays(**stored)
        self.assertEqual(went, [], "it was in its place all the time")

    def test_takes_along(self) -> None:
        """What is replaced before its turn to be copied has come goes along."""
        real, files = copying.copy_content, iter((b"/x/last", b""))

        def content(*arguments: Any) -> None:
            real(*arguments)
            if url := next(files, b""):
                self.publish(url.decode(), Conflict.REPLACE, may_replace=True)

        self.patch(copying, "copy_content", content)
        self.carry()
        self.assertEqual((self.read(b"m/x/last"), self.read(b"m/x/first")), (b"new", b"old"))

    def test_whatever_is_done_meanwhile(self) -> None:
        """Deleting, renaming, a folder that is made or exchanged, deep down too: each keeps it where it is."""
        acts: tuple[Callable[[], object], ...] = (
            lambda: self.publisher.delete(path("/x/first"), by="ann"),
            lambda: self.mover.move(wanted("/x/last", "/x/later")),
            lambda: os.mkdir(self.at(b"x/below/made")),
            lambda: os.rename(self.write(b"other/below/old", b"odd")[:-4], self.at(b"x/below/made/below")),
            lambda: self.publish("/x/below/old", Conflict.REPLACE, may_replace=True),
            lambda: os.symlink(b"first", self.at(b"x/link")),
            lambda: os.utime(self.at(b"x/below/old"), ns=(1, 2)),
            lambda: self.write(b"x/later", b"old"),
        )
        for act in acts:
            self.while_copied(act)
            self.assertRaises(ChangedMeanwhile, self.carry)
            self.assertEqual(os.listdir(self.at(b"m")), [])
        self.assertTrue(self.carry())

    def test_in_the_same_tick(self) -> None:
        """A file that replaces another of its size and times is no longer the one that was copied."""
        real = os.stat

        def replace() -> None:
            before = real(self.at(b"x/first"))
            os.rename(self.write(b"y", b"OLD"), self.at(b"x/first"))
            self.patch(os, "stat", lambda name, **rest: Alike(before, real(name, **rest)))

        class Alike:
            """What stat says of a file, with the times of another."""

            def __init__(self, before: os.stat_result, found: os.stat_result) -> None:
                self.before, self.found = before, found

            def __getattr__(self, name: str) -> Any:
                alike = self.found.st_size == 3 and name in ("st_mtime_ns", "st_ctime_ns")
                return getattr(self.before if alike else self.found, name)

        for name in (b"x/last", b"x/below/old"):
            os.unlink(self.at(name))
        self.while_copied(replace)
        self.assertRaises(ChangedMeanwhile, self.carry)
        self.assertEqual(self.read(b"x/first"), b"OLD")

    def test_private_names(self) -> None:
        """Partial uploads come and go, and change nothing."""
        self.while_copied(lambda: self.write(b"x/below/.peerstor-1.part"))
        self.assertEqual(self.carry().path, path("/m/x/"))

    def test_numbers_that_do_not_last(self) -> None:
        """Where a file gets another number whenever it is looked at, it is still the same if its times are old."""
        self.patch(copying, "time", self)
        self.while_copied(lambda: self.patch(moving, "Look", Elsewhere))
        self.assertEqual(self.carry().path, path("/m/x/"))

    @staticmethod
    def time_ns() -> int:
        """An hour from now, so that all times are old."""
        return time.time_ns() + 3600 * 10**9

    def test_somebody_at_it(self) -> None:
        """While somebody else changes names in a folder of it, nothing is settled, and nobody waits in a circle."""
        with self.sandbox.folder(path("/x/below/")) as below:
            key = below.stat.st_dev, below.stat.st_ino
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with self.turns.take(key):
                held.set()
                done.wait(10)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        self.assertRaises(ChangedMeanwhile, self.carry)
        done.set()
        thread.join(10)
        self.assert_stays()

    def late(self, act: Callable[[], object], folder: bytes) -> list[Any]:
        """Have a writer come into a folder when all is settled, who finds it and waits; give what becomes of that."""
        outcomes: list[Any] = []

        def run() -> None:
            try:
                outcomes.append(act())
            except Fault as fault:
                outcomes.append(type(fault))

        thread = threading.Thread(target=run)
        self.addCleanup(thread.join, 10)

        def start() -> None:
            found = os.stat(self.at(folder))
            thread.start()
            deadline = time.monotonic() + 10
            while self.turns._all[found.st_dev, found.st_ino].wanted_by < 2 and time.monotonic() < deadline:
                time.sleep(0.001)

        self.at_the_last(start)
        self.threads = [thread]
        return outcomes

    def joined(self) -> None:
        for thread in self.threads:
            thread.join(10)

    def test_who_has_it_open(self) -> None:
        """Who found a folder before it went, and has the turn after that, stores and deletes nothing in the trash."""
        maker = FolderMaker(sandbox=self.sandbox, turns=self.turns, fsync=True)
        for act, fault, folder in (
            (lambda: self.publish("/x/below/new"), NoParent, b"x/below"),
            (lambda: self.publish("/x/new"), NoParent, b"x"),
            (lambda: maker.make(path("/x/below/new/")), NoParent, b"x/below"),
            (lambda: self.publisher.delete(path("/x/below/old"), by="bob"), NotFound, b"x/below"),
            (lambda: self.mover.move(wanted("/x/below/old", "/x/below/new")), NotFound, b"x/below"),
            (lambda: self.publish("/m/x/below/new"), path("/m/x/below/new"), b"m/x/below"),
        ):
            outcomes = self.late(act, folder)
            self.assertEqual(self.carry().path, path("/m/x/"))
            self.joined()
            self.assertEqual([getattr(one, "path", one) for one in outcomes], [fault])
            self.assertNotIn(b"new", [os.path.basename(name) for name in self.trashed_paths()])
            self.assertEqual(self.read(b"m/x/below/old"), b"old")
            os.rename(self.at(b"m/x"), self.at(b"m/done-%d" % len(os.listdir(self.at(b"m")))))
            self.write(b"x/below/old", b"old")

    def trashed_paths(self) -> list[bytes]:
        """All that lies in the trash, folders aside."""
        return [name for _, _, files in os.walk(self.at(b".peerstor/trash")) for name in files]

    def test_another_program_at_the_last(self) -> None:
        """What a program that knows no turns adds when all has been looked at keeps it where it is, too."""
        self.at_the_last(lambda: self.write(b"x/later", b"late"))
        self.assertRaises(ChangedMeanwhile, self.carry)
        self.assert_stays(later=b"late")
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])

    def test_another_program_on_the_mount(self) -> None:
        """From there it is the same, where the trash lies beside the place."""
        self.write(b"m/y/below/old", b"old")
        self.order = wanted("/m/y/", "/y")
        self.at_the_last(lambda: self.write(b"m/y/below/later", b"late"))
        self.assertRaises(ChangedMeanwhile, self.carry)
        self.assertEqual(sorted(os.listdir(self.at(b"m/y/below"))), [b"later", b"old"])
        self.assertEqual(os.listdir(self.at(b"m")), [b"y"])
        self.assertFalse(os.path.exists(self.at(b"y")))
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])

    def test_its_name_taken_at_the_last(self) -> None:
        """Where its name is taken by then, nothing is written over: it has moved, and the trash has the rest."""
        self.at_the_last(lambda: self.write(b"x/later", b"late"), after=lambda: self.write(b"x", b"other"))
        self.assertEqual(self.carry().path, path("/m/x/"))
        self.assertEqual((self.read(b"x"), self.read(b"m/x/first")), (b"other", b"old"))
        self.assertIn(b"later", self.trashed_paths())

    def test_dropped_at_the_last(self) -> None:
        """What somebody drops from the trash at once has moved all the same."""
        self.at_the_last(lambda: None, after=lambda: sweeper_of(self, keep_seconds=-60).sweep())
        self.assertEqual(self.carry().path, path("/m/x/"))
        self.assertEqual(self.read(b"m/x/first"), b"old")

    def test_swept_while_looked_at(self) -> None:
        """While it isn't settled that the original has gone, nobody drops it from the trash."""
        self.at_the_last(lambda: self.write(b"x/later", b"late"))
        lying = self.trash.lying

        def swept(*arguments: Any) -> Any:
            sweeper_of(self, self.trash, keep_seconds=-60).sweep()
            return lying(*arguments)

        self.patch(self.trash, "lying", swept)
        self.assertRaises(ChangedMeanwhile, self.carry)
        self.assert_stays(later=b"late")

    def test_trash_unavailable(self) -> None:
        """Who waited for the copy, which goes again where the original can't, stores nothing in what is removed."""
        outcomes = self.late(lambda: self.publish("/m/x/below/new"), b"m/x/below")
        self.fail_os("mkdir", errno.EIO, when=lambda name, *_, **__: isinstance(name, str))  # a place in the trash
        self.assertRaises(StorageUnavailable, self.carry)
        self.joined()
        self.assertEqual(outcomes, [NoParent])


class Elsewhere(moving.Look):
    """A look that finds other numbers."""

    def at(self, dir_fd: int, name: bytes, called: bytes = b"") -> None:
        """Look, with what os.stat says of files changed."""
        real = os.stat
        try:
            os.stat = lambda name, **rest: Renumbered(real(name, **rest))  # type: ignore[assignment]
            super().at(dir_fd, name, called)
        finally:
            os.stat = real


class Renumbered:
    """What stat says, but for the number of a file."""

    def __init__(self, found: os.stat_result) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name) + (name == "st_ino")


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
