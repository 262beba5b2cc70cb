"""The process dies at each step of publishing and deleting: what the next one finds is old or new, and whole."""

import contextlib
import errno
import os
from collections.abc import Callable
from typing import Any

from peerstor.errors import NotFound
from peerstor.tree.doubles import SMALL
from peerstor.tree.private import PrivateFolder
from peerstor.tree.publish import Conflict, Part, Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.trash import Trash
from tests.tree.scaffold import StorageCase, path, sweeper_of

# Everything by which the tree code changes the disk; death comes just before one of them. (A death after the
# last is a death before none.)
CHANGES = ("open", "mkdir", "link", "rename", "unlink", "rmdir", "pwrite", "fsync", "fdatasync", "symlink")
FINISHED = 0
KILLED = 9


class Life:
    """One process's view of a storage, made anew as at a start."""

    def __init__(self, root: bytes) -> None:
        root_fd = os.open(root, os.O_RDONLY)
        self.private = PrivateFolder.open(root_fd, storage=root)
        os.close(root_fd)
        self.sandbox = Sandbox(root, private=self.private)
        self.trash = Trash(private=self.private, sandbox=self.sandbox, fsync=True)
        self.publisher = Publisher(sandbox=self.sandbox, trash=self.trash, fsync=True)

    def part(self) -> Part | None:
        """The part file, if it still has its name."""
        try:
            fd = os.open(b"part", os.O_RDWR, dir_fd=self.private.parts_fd)
        except FileNotFoundError:
            return None
        return Part(dir_fd=self.private.parts_fd, name=b"part", fd=fd)


class CrashCase(StorageCase):
    """Runs something in a child that dies before its n-th change of the disk, for every n."""

    def crash_everywhere(
        self, prepare: Callable[[], None], run: Callable[[Life], None], judge: Callable[[], None]
    ) -> int:
        """Prepare, run and die, judge, until the child lives to the end; return the number of deaths."""
        for deaths in range(100):
            prepare()
            status = self.run_child(run, deaths)
            self.assertIn(status, (FINISHED, KILLED), "the child failed")
            judge()
            if status == FINISHED:
                return deaths
        self.fail("it never ends")

    def run_child(self, run: Callable[[Life], None], survive: int) -> int:
        """Fork; the child makes `survive` changes and dies before the next."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                life = Life(self.root)
                self.die_after(survive)
                run(life)
                status = FINISHED
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def die_after(self, survive: int) -> None:
        """Count the changes from here on, and die before one too many."""
        left = [survive]

        def counted(name: str, real: Any) -> Any:
            def call(*args: Any, **rest: Any) -> Any:
                if name != "open" or args[1] & os.O_CREAT:
                    if not left[0]:
                        os._exit(KILLED)
                    left[0] -= 1
                return real(*args, **rest)

            return call

        for name in CHANGES:
            setattr(os, name, counted(name, getattr(os, name)))

    def empty(self, *folders: bytes) -> None:
        """Remove everything of these folders of the storage."""
        for folder in folders:
            for place, names, files in os.walk(self.at(folder), topdown=False):
                for name in files:
                    os.unlink(os.path.join(place, name))
                for name in names:
                    entry = os.path.join(place, name)
                    os.unlink(entry) if os.path.islink(entry) else os.rmdir(entry)

    def trashed(self, *folders: bytes) -> list[bytes]:
        """Contents of everything that is kept."""
        found = []
        for folder in (b".peerstor/trash", *folders):
            for place, _, files in os.walk(self.at(folder)):
                for name in files:
                    if place != self.at(b".peerstor/trash") and (
                        folder == b".peerstor/trash" or name.endswith(b".trash")
                    ):
                        with open(os.path.join(place, name), "rb") as file:
                            found.append(file.read())
        return found


class PublishCrashTests(CrashCase):
    """Publishing `new` as `folder/file`, with the life after as the upload engine leads it."""

    conflict = Conflict.REFUSE
    old: bytes | None = None

    def prepare(self) -> None:
        """A part, and the old file where there is to be one."""
        self.empty(b"folder", b".peerstor/trash", b".peerstor/parts")
        self.write(b"log", b"")
        self.write(b".peerstor/parts/part", b"new")
        if self.old is not None:
            self.write(b"folder/file", self.old)

    def publish(self, life: Life) -> None:
        """Publish, noting the intended name as the ledger does."""
        part = life.part()
        assert part is not None
        log = os.open(self.at(b"log"), os.O_WRONLY | os.O_TRUNC)

        def intent(name: bytes) -> None:
            os.ftruncate(log, 0)
            os.lseek(log, 0, 0)
            os.write(log, name)

        life.publisher.publish(
            part, path("/folder/file"), conflict=self.conflict, by="ann", may_replace=True, intent=intent
        )

    def judge(self) -> None:
        """Old or new right after the death; new after the next start has finished it; never twice."""
        found = self.files()
        self.assertIn(found.get(b"file"), (self.old, b"new"))
        self.assertLessEqual(set(found), {b"file", b"file (2)"})
        self.assertIn(found.get(b"file (2)"), (None, b"new"))
        if self.old is not None and found[b"file"] != self.old:
            self.assertIn(self.old, self.trashed(b"folder"))
        self.finish()
        expected = {b"file": b"new"}
        if self.old is not None and self.conflict is Conflict.RENAME:
            expected = {b"file": self.old, b"file (2)": b"new"}
        self.assertEqual(self.files(), expected)
        self.assertEqual(os.listdir(self.at(b".peerstor/parts")), [])
        hidden = [name for name in os.listdir(self.at(b"folder")) if name.startswith(b".peerstor")]
        self.assertEqual([name for name in hidden if not name.endswith(b".trash")], [])

    def finish(self) -> None:
        """What the next process does with an upload that was being published."""
        life = Life(self.root)
        self.addCleanup(life.private.close)
        part = life.part()
        if part is None:
            return
        intended = self.read(b"log")
        if not (intended and life.publisher.recover(part, path("/folder/").child(intended))):
            self.publish(life)
        os.close(part.fd)

    def files(self) -> dict[bytes, bytes]:
        """What clients see in the folder."""
        life = Life(self.root)
        try:
            return {
                name: self.read(b"folder/" + name)
                for name in os.listdir(self.at(b"folder"))
                if self.seen(life, name)
            }
        finally:
            life.private.close()

    def seen(self, life: Life, name: bytes) -> bool:
        """Whether a client sees it."""
        try:
            life.sandbox.open(path("/folder/").child(name)).close()
        except NotFound:
            return False
        return True

    def die_everywhere(self, at_least: int) -> None:
        """The whole game; `at_least` so many deaths, or the deaths were not where they should be."""
        os.makedirs(self.at(b"folder"), exist_ok=True)
        self.assertGreaterEqual(self.crash_everywhere(self.prepare, self.publish, self.judge), at_least)

    def test_new_name(self) -> None:
        """A free name has nothing or the whole file."""
        self.die_everywhere(4)

    def test_taken_name(self) -> None:
        """A numbered name appears once, and the old file is never touched."""
        self.old, self.conflict = b"old", Conflict.RENAME
        self.die_everywhere(4)

    def test_replacement(self) -> None:
        """The name always has the old file or the new one; when the new, the old is in the trash."""
        self.old, self.conflict = b"old", Conflict.REPLACE
        self.die_everywhere(7)

    def test_without_hard_links(self) -> None:
        """The same where the file system has none."""
        self.fail_os("link", errno.EPERM)
        self.die_everywhere(4)
        self.old, self.conflict = b"old", Conflict.REPLACE
        self.die_everywhere(8)
        self.conflict = Conflict.RENAME
        self.die_everywhere(4)

    def test_large_file_without_hard_links(self) -> None:
        """The same where the old file is copied beforehand; what is left of a copy, the next sweep removes."""
        self.fail_os("link", errno.EPERM)
        self.old, self.conflict = b"old" * SMALL, Conflict.REPLACE
        os.mkdir(self.at(b"folder"))
        seen: set[int] = set()

        def judge() -> None:
            seen.add(len(self.half_copied()))
            self.judge()
            life = Life(self.root)
            sweeper_of(life, life.trash).sweep()
            life.private.close()
            self.assertEqual(self.half_copied(), [])

        self.assertGreaterEqual(self.crash_everywhere(self.prepare, self.publish, judge), 12)
        self.assertEqual(seen, {0, 1})

    def half_copied(self) -> list[bytes]:
        """Names of the copies that lie about."""
        return [name for name in os.listdir(self.at(b".peerstor/trash")) if name.endswith(b".copying")]

    def test_across_a_bind_mount(self) -> None:
        """The same where the bytes must be copied to the target's side."""
        os.mkdir(self.at(b"folder"))
        self.part_devices(self.at(b"folder"))
        self.die_everywhere(8)
        self.old, self.conflict = b"old", Conflict.REPLACE
        self.die_everywhere(8)
        self.conflict = Conflict.RENAME
        self.die_everywhere(8)

    def test_across_file_systems(self) -> None:
        """The same on a nested mount."""
        self.mount(b"folder")
        self.die_everywhere(8)
        self.old, self.conflict = b"old", Conflict.REPLACE
        self.die_everywhere(8)


class DeleteCrashTests(CrashCase):
    """Deleting a file or folder."""

    def prepare(self) -> None:
        """A file and a folder with one."""
        self.empty(b"folder", b".peerstor/trash")
        self.write(b"folder/file", b"one")
        self.write(b"folder/below/file", b"one")

    def judge(self) -> None:
        """Each is in its place or in the trash, whole, never in neither; a repeat finishes the deletion."""
        self.check_whole()
        life = Life(self.root)
        self.addCleanup(life.private.close)
        with contextlib.suppress(NotFound):
            life.publisher.delete(self.target, by="ann")
        self.check_whole()
        self.assertRaises(NotFound, life.sandbox.open, self.target)

    def check_whole(self) -> None:
        """Both files exist exactly once."""
        kept = self.trashed(b"folder")
        places = [name for name in (b"folder/file", b"folder/below/file") if os.path.exists(self.at(name))]
        beside = [b"one" for place, _, files in os.walk(self.at(b"folder")) if b".trash" in place for _ in files]
        self.assertEqual(len(kept) + len(places) + len(beside), 2)

    def die_everywhere(self, url: str) -> None:
        """The whole game."""
        self.target = path(url)
        deaths = self.crash_everywhere(
            self.prepare, lambda life: life.publisher.delete(self.target, by="ann"), self.judge
        )
        self.assertGreaterEqual(deaths, 4)

    def test_file_and_folder(self) -> None:
        """Into the trash of the storage."""
        self.die_everywhere("/folder/file")
        self.die_everywhere("/folder/below/")

    def test_on_a_mount(self) -> None:
        """Beside their place, on a nested mount."""
        self.mount(b"folder")
        self.die_everywhere("/folder/file")
        self.die_everywhere("/folder/below/")


class SweepCrashTests(CrashCase):
    """Emptying the trash."""

    def test_sweep(self) -> None:
        """Whatever it leaves, the next sweep removes; nothing outside the trash changes."""
        self.write(b"precious", b"precious")

        def prepare() -> None:
            self.empty(b".peerstor/trash")
            self.write(b"folder/below/file", b"one")
            Life(self.root).publisher.delete(path("/folder/"), by="ann")

        def sweep(life: Life) -> None:
            sweeper_of(life, keep_seconds=-60).sweep()

        def judge() -> None:
            sweep(Life(self.root))
            self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])
            self.assertEqual(self.read(b"precious"), b"precious")

        self.assertGreaterEqual(self.crash_everywhere(prepare, sweep, judge), 4)
