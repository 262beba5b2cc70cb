"""Putting back what is in the trash, in both of the ways that it keeps things."""

import errno
import os
from typing import Any

from peerstor.errors import BadRequest, Exists, NotFound
from peerstor.tree import renameat2, trash
from peerstor.tree.moving import OtherDisk
from peerstor.tree.naming import Conflict
from peerstor.tree.operations import Operations
from peerstor.tree.paths import DEEPEST, TreePath
from peerstor.tree.publish import Publisher
from peerstor.tree.restoring import Restorer
from peerstor.tree.staging import Stage
from peerstor.tree.trash import Trash
from peerstor.tree.trashids import Kept
from peerstor.tree.turns import Turns
from tests.tree.scaffold import StorageCase, path, sweeper_of
from tests.tree.test_crashes import CrashCase, Life


def restorer_of(life: Any, kept: Trash | None = None) -> Restorer:
    """Make what puts things back in a storage (`private`, `sandbox`)."""
    kept = kept or Trash(private=life.private, sandbox=life.sandbox, fsync=True)
    return Operations.of(
        sandbox=life.sandbox, private=life.private, trash=kept, turns=Turns(), fsync=True
    ).restorer


def restored(restorer: Restorer, id_: str, conflict: Conflict = Conflict.REFUSE) -> TreePath:
    """Put back, by the way that leads there."""
    options: dict[str, Any] = {"place": lambda one: one, "conflict": lambda _: conflict}
    try:
        return restorer.restore(id_, **options)
    except OtherDisk:
        return restorer.restore(id_, **options, unwanted=lambda: False)


class RestoreTests(StorageCase):
    """One storage, one trash."""

    def setUp(self) -> None:
        super().setUp()
        self.trash = Trash(private=self.private, sandbox=self.sandbox, fsync=True)
        self.publisher = Publisher(sandbox=self.sandbox, trash=self.trash, fsync=True)
        self.restorer = restorer_of(self, self.trash)

    def delete(self, url: str) -> str:
        return self.publisher.delete(path(url), by="ann", either=True)

    def test_beside(self) -> None:
        """What stayed beside its place, on another file system, has its name back."""
        self.mount(b"m")
        self.write(b"m/x", b"hello")
        self.write(b"m/folder/y", b"deeper")
        for url, name in (("/m/x", b"m/x"), ("/m/folder", b"m/folder/y")):
            content = self.read(name)
            id_ = self.delete(url)
            self.assertFalse(os.path.exists(self.at(name)))
            restored(self.restorer, id_)
            self.assertEqual(self.read(name), content)
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])
        self.assertEqual(sorted(os.listdir(self.at(b"m"))), [b"folder", b"x"])

    def test_mounted_since(self) -> None:
        """Where another file system lies by now, it is copied there, and goes from the trash then."""
        self.write(b"m/x/file", b"hello")
        id_ = self.delete("/m/x")
        self.mount(b"m")
        self.assertRaises(
            OtherDisk, self.restorer.restore, id_, place=lambda one: one, conflict=lambda _: Conflict.REFUSE
        )
        self.assertEqual(restored(self.restorer, id_), path("/m/x/"))
        self.assertEqual(self.read(b"m/x/file"), b"hello")
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])
        self.assertEqual(os.listdir(self.at(b".peerstor/parts")), [])

    def test_deep(self) -> None:
        """What lay deeper than folders are made has its place back, as long as no folder has to be made for it."""
        deep = b"/".join([b"d"] * (DEEPEST + 5))
        self.write(deep + b"/x")
        id_ = self.delete(f"/{deep.decode()}/")
        self.assertEqual(restored(self.restorer, id_).joined, deep)
        self.assertEqual(self.read(deep + b"/x"), b"content")
        id_ = self.delete(f"/{deep.decode()}/")
        os.rmdir(self.at(deep[:-2]))
        options: dict[str, Any] = {"place": lambda one: one, "conflict": lambda _: Conflict.REFUSE}
        self.assertRaises(BadRequest, self.restorer.restore, id_, **options, parents=lambda _: True)
        self.assertEqual(os.listdir(self.at(deep[:-4])), [])

    def test_sweep_at_the_same_time(self) -> None:
        """A sweep leaves alone what is being put back, and what is being dropped can't be put back."""
        self.write(b"x/file", b"hello")
        id_ = self.delete("/x")
        sweeper = sweeper_of(self, self.trash, keep_seconds=-60)
        real, seen = renameat2.exclusively, []

        def exclusively(*names: Any) -> None:
            seen.append(sweeper.sweep())
            real(*names)

        self.patch(renameat2, "exclusively", exclusively)
        restored(self.restorer, id_)
        self.assertEqual((seen, self.read(b"x/file")), ([0], b"hello"))
        id_, remove = self.delete("/x"), trash.remove

        def removing(*arguments: Any) -> bool:
            self.assertRaises(NotFound, restored, self.restorer, id_)
            seen.append(1)
            return remove(*arguments)

        self.patch(trash, "remove", removing)
        self.assertEqual(sweeper.sweep(), 1)
        self.assertGreater(len(seen), 1)

    def test_listed_during_a_sweep(self) -> None:
        """Nothing is missing from the list while a sweep reads the same folder."""
        ids = set()
        for name in (b"x", b"y"):
            self.write(name)
            ids.add(self.delete(f"/{name.decode()}"))
        told, real = [], trash.kept_as

        def kept_as(name: str) -> Kept | None:
            told.append({entry.id for entry in self.restorer.page(place=lambda one: one, limit=10).entries})
            return real(name)

        self.patch(trash, "kept_as", kept_as)
        sweeper_of(self, self.trash).sweep()
        self.assertEqual((len(told), *told), (4, ids, ids, ids, ids))

    def test_not_in_pieces(self) -> None:
        """What couldn't be dropped as a whole is never put back: some of it is gone."""
        self.write(b"x/a")
        self.write(b"x/b")
        id_ = self.delete("/x")
        self.fail_os("unlink", errno.EIO, when=lambda name, **_: name == "b")
        self.assertEqual(sweeper_of(self, keep_seconds=-60).sweep(), 0)
        self.assertRaises(NotFound, restored, self.restorer, id_)
        self.assertEqual(self.restorer.page(place=lambda one: one, limit=10).entries, ())

    def test_name_taken_in_the_last_moment(self) -> None:
        """Another program's file is never overwritten."""
        self.write(b"x", b"hello")
        id_ = self.delete("/x")
        real = renameat2.exclusively

        def exclusively(*names: Any) -> None:
            self.write(b"x", b"theirs")
            real(*names)

        self.patch(renameat2, "exclusively", exclusively)
        self.assertRaises(Exists, restored, self.restorer, id_)
        self.assertEqual(self.read(b"x"), b"theirs")
        self.assertEqual(restored(self.restorer, id_, Conflict.RENAME).name, b"x (2)")
        self.assertEqual(self.read(b"x (2)"), b"hello")


class RestoreCrashTests(CrashCase):
    """The process dies at each step."""

    def die_everywhere(self, at_least: int) -> None:
        def exclusively(here: int, source: bytes, there: int, target: bytes) -> None:
            os.rename(source, target, src_dir_fd=here, dst_dir_fd=there)  # which is what the child dies at

        self.patch(renameat2, "exclusively", exclusively)
        deaths = self.crash_everywhere(
            self.prepare, lambda life: (restored(restorer_of(life), self.id), None)[1], self.judge
        )
        self.assertGreaterEqual(deaths, at_least)

    def prepare(self) -> None:
        """A folder in the trash."""
        self.empty(b"m", b".peerstor/trash", b".peerstor/parts")
        self.write(b"m/x/file", b"hello")
        life = Life(self.root)
        self.addCleanup(life.private.close)
        self.id = life.publisher.delete(path("/m/x/"), by="ann")

    def judge(self) -> None:
        """It is in its place, or can be put there; never torn, and nothing of the attempt stays."""
        life = Life(self.root)
        self.addCleanup(life.private.close)
        Stage(private=life.private, sandbox=life.sandbox, fsync=True).sweep()
        if not os.path.exists(self.at(b"m/x")):
            restored(restorer_of(life), self.id)
        self.assertEqual(self.read(b"m/x/file"), b"hello")
        self.assertEqual(os.listdir(self.at(b".peerstor/parts")), [])

    def test_own(self) -> None:
        """From the trash's own folder."""
        os.mkdir(self.at(b"m"))
        self.die_everywhere(3)

    def test_beside(self) -> None:
        """From beside its place."""
        self.mount(b"m")
        self.die_everywhere(3)
