"""Rules of walking through all that lies in a folder."""

import os
import socket
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import NotFound, Overloaded, TooMuch, Unreadable
from peerstor.tree.paths import TreePath
from peerstor.tree.walk import Forgotten, Limits, Walk
from tests.web.house import House

LIMITS = Limits()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class WalkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        for name in ("b/c/d.txt", "b/a.txt", "a.txt", "b.txt"):
            self.house.put_file(name)
        self.before = descriptors()

    def walk(self, *parts: bytes, limits: Limits = LIMITS, names: tuple[bytes, ...] = ()) -> Walk:
        walk = Walk(self.house.sandbox, TreePath(parts, slash=True), names=names, limits=limits)
        self.addCleanup(walk.close)
        return walk

    def met(self, walk: Walk) -> list[bytes]:
        walk.begin()
        return [b"/".join(met.parts) for met in walk.met()]

    def test_order(self) -> None:
        """Names come in the order of their bytes, a folder before what it holds, each open when it is met."""
        walk = self.walk()
        self.assertEqual(self.met(walk), [b"a.txt", b"b", b"b/a.txt", b"b/c", b"b/c/d.txt", b"b.txt"])
        self.assertEqual([met.opened.stat.st_size for met in walk.met() if not met.opened.is_folder], [7] * 4)

    def test_hidden(self) -> None:
        """Links, sockets, FIFOs and private names aren't met, nor is the private folder by another name."""
        os.symlink("a.txt", self.house.path("link"))
        os.symlink("b", self.house.path("folder-link"))
        os.mkfifo(self.house.path("fifo"))
        self.house.put_file(".PEERSTOR.x/secret")
        with closing(socket.socket(socket.AF_UNIX)) as one:
            one.bind(self.house.path("socket"))
        self.assertEqual(self.met(self.walk()), [b"a.txt", b"b", b"b/a.txt", b"b/c", b"b/c/d.txt", b"b.txt"])

    def test_what_becomes_a_link(self) -> None:
        """What was a file when it was listed and is a link, a FIFO or gone when it is opened isn't met."""
        walk = self.walk()
        walk.begin()
        met = walk.met()
        self.assertEqual(next(met).parts, (b"a.txt",))
        os.unlink(self.house.path("b.txt"))
        os.symlink("/etc/passwd", self.house.path("b.txt"))
        os.rename(self.house.path("b"), self.house.path("elsewhere"))
        os.symlink("/etc", self.house.path("b"))
        self.assertEqual([one.parts for one in met], [])

    def test_what_is_moved(self) -> None:
        """A folder that is moved while it is walked through is walked to its end."""
        walk = self.walk()
        walk.begin()
        found = []
        for met in walk.met():
            found.append(b"/".join(met.parts))
            if met.parts == (b"b",):
                os.rename(self.house.path("b"), self.house.path("moved"))
        self.assertEqual(found, [b"a.txt", b"b", b"b/a.txt", b"b/c", b"b/c/d.txt", b"b.txt"])

    def test_names(self) -> None:
        """Only what is named is met; where none of it is there, that is said before anything is."""
        self.assertEqual(self.met(self.walk(names=(b"b.txt", b"b", b"gone", b".peerstor"))), [
            b"b", b"b/a.txt", b"b/c", b"b/c/d.txt", b"b.txt",
        ])  # fmt: skip
        self.assertRaises(NotFound, self.walk(names=(b"gone",)).begin)
        self.assertRaises(NotFound, self.walk(b"gone").begin)
        self.assertRaises(NotFound, self.walk(b".peerstor").begin)

    def test_limits(self) -> None:
        """What is beyond a limit is told before anything is met, and nothing stays open."""
        for limits in (Limits(entries=5), Limits(depth=1), Limits(spelled=29)):
            self.assertRaises(TooMuch, self.walk(limits=limits).begin)
        self.assertEqual(descriptors(), self.before)
        self.assertEqual(len(self.met(self.walk(limits=Limits(entries=6, depth=2, spelled=30)))), 6)

    def test_growing_beyond(self) -> None:
        """What comes to be beyond a limit while it is walked through ends the walk."""
        walk = self.walk(limits=Limits(entries=6))
        walk.begin()
        self.house.put_file("b/c/more")
        self.assertRaises(TooMuch, list, walk.met())

    def test_unreadable(self) -> None:
        """What can't be read ends the walk, by its place: a folder before anything is met."""
        real = os.open

        def refuse(name: bytes | str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if name == self.barred:
                raise PermissionError(13, "Permission denied")
            return real(name, flags, mode, dir_fd=dir_fd)

        self.patch(os, "open", refuse)
        self.barred = b"c"
        self.assertIn("/b/c: ", self.assertRaises(Unreadable, self.walk().begin).reason)
        self.barred = b"d.txt"
        walk = self.walk()
        walk.begin()
        self.assertIn("/b/c/d.txt: ", self.assertRaises(Unreadable, list, walk.met()).reason)

    def test_no_descriptors(self) -> None:
        """Where no descriptors are left, that is what is said."""
        walk = self.walk()
        walk.begin()
        met = walk.met()
        next(met)

        def none_left(*args: object, **more: object) -> int:
            raise OSError(24, "Too many open files")

        self.patch(os, "open", none_left)
        self.assertRaises(Overloaded, next, met)

    def test_forgotten(self) -> None:
        """Who is told that nobody wants the rest ends at the next step, and closes all that was open."""
        walk = self.walk()
        walk.begin()
        met = walk.met()
        for _ in range(5):
            next(met)
        self.assertGreater(descriptors(), self.before)
        walk.forget()
        self.assertRaises(Forgotten, next, met)
        walk.close()
        self.assertEqual(descriptors(), self.before)
        begun = self.walk()
        begun.forget()
        self.assertRaises(Forgotten, begun.begin)
