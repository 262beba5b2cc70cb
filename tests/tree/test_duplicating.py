"""Copying files and folders."""

import errno
import os
from functools import partial
from typing import Any

from peerstor.errors import BadRequest, Exists, Forbidden, NoSpace, TooManyEntries
from peerstor.tree import copying, duplicating, renameat2
from peerstor.tree.copying import Copying, Unwanted
from peerstor.tree.duplicating import Duplicator, stays_inside
from peerstor.tree.moving import check_not_inside
from peerstor.tree.naming import Conflict
from peerstor.tree.operations import Operations
from peerstor.tree.paths import DEEPEST, TreePath
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns
from tests.tree.scaffold import StorageCase, path
from tests.tree.test_crashes import CrashCase, Life


def operations_of(life: Any) -> Operations:
    """Make the services of a storage (`private`, `sandbox`)."""
    trash = Trash(private=life.private, sandbox=life.sandbox, fsync=True)
    return Operations.of(sandbox=life.sandbox, private=life.private, trash=trash, turns=Turns(), fsync=True)


class CopyCase(StorageCase):
    """A storage in which to copy."""

    def setUp(self) -> None:
        super().setUp()
        self.duplicator: Duplicator = operations_of(self).duplicator

    def copy(
        self, source: str, target: str, conflict: Conflict = Conflict.RENAME, unwanted: Any = None
    ) -> TreePath:
        return self.duplicator.copy(
            path(source), path(target), conflict=conflict, unwanted=unwanted or (lambda: False)
        )

    def names(self, folder: bytes = b"") -> list[bytes]:
        return sorted(os.listdir(self.at(folder)))

    def left(self, folder: bytes = b"") -> list[bytes]:
        """What is hidden in a folder, and noted."""
        notes = os.listdir(self.at(b".peerstor/parts"))
        return notes + [name for name in self.names(folder) if name.startswith(b".peerstor-")]


class ContentTests(CopyCase):
    """What a copy has."""

    def test_file(self) -> None:
        """The bytes, the time and the rights of the file, in each way that the system can copy."""
        content = os.urandom(3_000_001)
        place = self.write(b"x", content)
        os.chmod(place, 0o640)
        os.utime(place, ns=(1, 2))
        for number in (0, errno.ENOSYS, errno.EXDEV):
            if number:
                self.fail_os("copy_file_range", number)
            name = self.copy("/x", "/x").name
            found = os.stat(self.at(name))
            self.assertEqual((self.read(name), found.st_mtime_ns, found.st_mode & 0o777), (content, 2, 0o640))
            self.assertFalse(os.path.samefile(place, self.at(name)))
        self.assertEqual(self.left(), [])

    def test_empty(self) -> None:
        """An empty file and an empty folder are something, too."""
        self.write(b"a/x", b"")
        os.mkdir(self.at(b"a/b"))
        self.copy("/a", "/c")
        self.assertEqual((self.read(b"c/x"), self.names(b"c")), (b"", [b"b", b"x"]))

    def test_folder(self) -> None:
        """All that a reader finds in it, odd names too; nothing private, no FIFO."""
        self.write(b"a/b/x\xff\n", b"1")
        self.write(b"a/.peerstor-0.trash", b"private")
        self.write(b"a/.PeerStor/x", b"private")
        os.mkfifo(self.at(b"a/fifo"))
        os.utime(self.at(b"a/b"), ns=(1, 2))
        self.assertEqual(self.copy("/a/", "/c"), path("/c/"))
        self.assertEqual((self.names(b"c"), self.read(b"c/b/x\xff\n")), ([b"b"], b"1"))
        self.assertEqual(os.stat(self.at(b"c/b")).st_mtime_ns, 2)

    def test_links(self) -> None:
        """Links in a folder stay links where they would stay inside; a link that is named is followed."""
        self.write(b"a/x", b"1")
        self.write(b"y", b"2")
        links = {
            b"inner": b"x", b"up": b"../y", b"out": b"../../etc", b"absolute": b"/etc/passwd",
            b"own": self.at(b"y"), b"private": b"../.peerstor/lock",
        }  # fmt: skip
        for name, says in links.items():
            os.symlink(says, self.at(b"a/" + name))
        self.copy("/a", "/c")
        self.assertEqual(self.names(b"c"), [b"inner", b"own", b"up", b"x"])
        self.assertEqual(os.readlink(self.at(b"c/up")), b"../y")
        self.copy("/a/up", "/z")
        self.assertEqual((self.read(b"z"), os.path.islink(self.at(b"z"))), (b"2", False))

    def test_floor(self) -> None:
        """Below a floor, a link has to stay there."""
        inside = partial(stays_inside, place=(b"mine", b"copy"), floor=(b"mine",), root=b"/storage")
        for says in (b"x", b"../x", b"./../x/", b"/storage/mine/x", b"../../mine/x"):
            self.assertTrue(inside(says), says)
        for says in (
            b"../../x",
            b"../..",
            b"../../../x",
            b"/storage/x",
            b"/storage",
            b"/mine/x",
            b"/storagemine/x",
        ):
            self.assertFalse(inside(says), says)

    def test_across(self) -> None:
        """To another file system it is the same."""
        self.mount(b"m")
        self.write(b"a/x", b"1")
        self.copy("/a", "/m/a")
        self.assertEqual((self.read(b"m/a/x"), self.left(b"m")), (b"1", []))


class BoundsTests(CopyCase):
    """What a copy doesn't do."""

    def test_into_itself(self) -> None:
        """A folder is not copied into itself."""
        self.write(b"a/b/x")
        for source, target in (("/a", "/a/b/c"), ("/a", "/a/c"), ("/", "/a/c")):
            self.assertRaises(BadRequest, self.copy, source, target)
        self.assertEqual(self.copy("/a", "/a"), path("/a%20%282%29/"))

    def test_taken(self) -> None:
        """A taken name is kept, also one that another program takes in the last moment."""
        self.write(b"x", b"1")
        self.write(b"y", b"2")
        self.assertRaises(Exists, self.copy, "/x", "/y", Conflict.REFUSE)
        real = renameat2.exclusively

        def exclusively(*names: Any) -> None:
            self.write(b"z", b"theirs")
            real(*names)

        self.patch(renameat2, "exclusively", exclusively)
        self.assertRaises(Exists, self.copy, "/x", "/z", Conflict.REFUSE)
        self.assertEqual((self.read(b"y"), self.read(b"z"), self.left()), (b"2", b"theirs", []))
        self.assertEqual(self.copy("/x", "/z").name, b"z (2)")

    def test_never_half_seen(self) -> None:
        """While it is made, nothing of it is found under its name nor listed."""
        self.write(b"a/x")
        seen: list[list[bytes]] = []
        real = copying.copy_content

        def content(*arguments: Any) -> None:
            real(*arguments)
            seen.append([name for name in self.names() if not name.startswith(b".peerstor")])

        self.patch(copying, "copy_content", content)
        self.copy("/a", "/c")
        self.assertEqual(seen, [[b"a"]])

    def test_given_up(self) -> None:
        """Nothing is left when nobody waits any more, at whichever moment."""
        for number in range(3):
            self.write(b"a/%d/x" % number)
        for looks in range(100):
            left = iter([False] * looks)
            try:
                self.copy("/a", "/c", unwanted=lambda left=left: next(left, True))
            except Unwanted:
                self.assertEqual((self.left(), self.names()), ([], [b".peerstor", b"a"]))
            else:
                break
        self.assertGreater(looks, 6)

    def test_too_much(self) -> None:
        """Too many entries, or too deep, is said, and leaves nothing."""
        for number in range(5):
            self.write(b"a/%d" % number)
        self.patch(duplicating, "Copying", partial(Copying, most=5))
        self.copy("/a", "/b")
        self.write(b"a/5")
        self.assertRaises(TooManyEntries, self.copy, "/a", "/c")
        deep = self.at(b"deep")
        for _ in range(DEEPEST + 1):
            os.mkdir(deep)
            deep += b"/d"
        self.patch(duplicating, "Copying", Copying)
        self.assertRaises(BadRequest, self.copy, "/deep", "/c")
        self.assertEqual((self.left(), self.names()), ([], [b".peerstor", b"a", b"b", b"deep"]))

    def test_place_too_deep(self) -> None:
        """Nor does a copy have folders deeper in the storage than they may be made; it may have files there."""
        deep = b"/".join([b"d"] * (DEEPEST - 1))
        os.makedirs(self.at(deep))
        self.write(b"a/b/x")
        for source, fits in (("/a", False), ("/a/b", True), ("/a/b/x", True)):
            if not fits:
                self.assertRaises(BadRequest, self.copy, source, f"/{deep.decode()}/c")
                self.assertEqual((self.left(deep), self.names(deep)), ([], []))
            else:
                self.assertTrue(self.copy(source, f"/{deep.decode()}/c"))

    def test_one_way_down(self) -> None:
        """Whether a folder would come to lie in itself is told by one way down, and no descriptor is left open."""
        deep = b"/".join([b"d"] * 600)
        os.makedirs(self.at(deep + b"/a"))
        real, count = os.open, [0]

        def counted(*arguments: Any, **rest: Any) -> int:
            count[0] += 1
            return real(*arguments, **rest)

        with self.sandbox.folder(path(f"/{deep.decode()}/")) as there:
            before = len(os.listdir("/proc/self/fd"))
            self.patch(os, "open", counted)
            self.write(b"other/x")
            for name, inside in (
                (b"other", False),
                (b"d", True),
                (deep, True),
                (deep + b"/a", False),
                (b"", True),
            ):
                count[0], found = 0, os.stat(self.at(name))
                if inside:
                    self.assertRaises(BadRequest, check_not_inside, self.sandbox, found, there)
                else:
                    check_not_inside(self.sandbox, found, there)
                self.assertLess(count[0], 610)
            self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_full_disk(self) -> None:
        """A disk that is full at any step is said to be, and nothing stays."""
        self.write(b"a/x", b"hello")
        for call in ("copy_file_range", "mkdir", "fsync"):
            self.fail_os(call, errno.ENOSPC)
            self.assertRaises(NoSpace, self.copy, "/a", "/c")
            self.assertEqual((self.left(), self.names()), ([], [b".peerstor", b"a"]))

    def test_unreadable(self) -> None:
        """What may not be read keeps the folder from being copied without it."""
        self.write(b"a/x")
        self.fail_os("open", errno.EACCES, when=lambda name, *_, **__: name == b"x")
        self.assertRaises(Forbidden, self.copy, "/a", "/c")
        self.assertEqual(self.left(), [])


class CopyCrashTests(CrashCase):
    """The process dies at each step."""

    def prepare(self) -> None:
        """A folder with a file and a link."""
        self.empty(b"m", b".peerstor/parts")
        self.write(b"a/x", b"hello")

    def copy(self, life: Life) -> None:
        operations_of(life).duplicator.copy(
            path("/a/"), path("/m/c"), conflict=Conflict.REFUSE, unwanted=lambda: False
        )

    def judge(self) -> None:
        """There is a whole copy or none; what a crash left goes at the next start."""
        if os.path.exists(self.at(b"m/c")):
            self.assertEqual(self.read(b"m/c/x"), b"hello")
        life = Life(self.root)
        self.addCleanup(life.private.close)
        operations_of(life).stage.sweep()
        self.assertLessEqual(set(os.listdir(self.at(b"m"))), {b"c"})
        self.assertEqual(os.listdir(self.at(b".peerstor/parts")), [])

    def test_everywhere(self) -> None:
        """On one file system, and to another."""

        def exclusively(here: int, source: bytes, there: int, target: bytes) -> None:
            os.rename(source, target, src_dir_fd=here, dst_dir_fd=there)  # which is what the child dies at

        self.patch(renameat2, "exclusively", exclusively)
        os.mkdir(self.at(b"m"))
        self.assertGreaterEqual(self.crash_everywhere(self.prepare, self.copy, self.judge), 8)
        self.mount(b"m")
        self.assertGreaterEqual(self.crash_everywhere(self.prepare, self.copy, self.judge), 8)
