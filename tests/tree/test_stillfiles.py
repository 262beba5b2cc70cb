"""Small files given from memory: what has to end that, and that nothing else does."""

import errno
import os
import shutil
from collections.abc import Callable
from unittest import mock

from peerstor.tree import localdisks, stillfiles
from peerstor.tree.cached import MOMENT, CachedFiles, Known
from peerstor.tree.inotify import Inotify
from peerstor.tree.mounting import Mounting
from peerstor.tree.stillfiles import FILES, KEPT, SHORT_FOR, STILL_FOR, StillFiles
from tests.tree.scaffold import StorageCase, path
from tests.tree.test_sandbox import open_descriptors


class StillCase(StorageCase):
    """A file in a folder in a folder, which is kept."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 0.0
        self.files = CachedFiles(self.sandbox, now=lambda: self.now)
        self.still = StillFiles(self.files, now=lambda: self.now)
        self.read_again = mock.Mock(wraps=self.files.again)
        self.patch(self.files, "again", self.read_again)
        self.write(b"d/e/f", b"12345")
        self.known = self.look("/d/e/f")
        self.keep()

    def look(self, url: str) -> Known:
        """Find a file as it is now."""
        opened = self.files.open(path(url))
        assert opened is not None
        with opened:
            return self.files.known(path(url), opened.stat)

    def keep(self) -> None:
        """Have the file kept, and nothing read after that."""
        self.assertEqual(self.still.content(self.known), b"12345")
        self.read_again.reset_mock()
        self.assertEqual(self.still.content(self.known), b"12345")
        self.read_again.assert_not_called()


class ChangesTests(StillCase):
    """What happens to a kept file, or on the way to it."""

    def test_all(self) -> None:
        """Each of these is noticed at once."""
        for name, change in self.changes().items():
            with self.subTest(name):
                shutil.rmtree(self.at(b"d"), ignore_errors=True)
                self.write(b"d/e/f", b"12345")
                os.link(self.at(b"d/e/f"), self.at(b"linked"))
                self.known = self.look("/d/e/f")
                self.keep()
                change()
                self.assertNotEqual(self.still.content(self.known), b"12345")
                self.read_again.assert_called_once()
                os.unlink(self.at(b"linked"))

    def changes(self) -> dict[str, Callable[[], object]]:
        """Whatever the ordinary way would answer otherwise to."""
        file = self.at(b"d/e/f")
        return {
            "append": lambda: self.rewrite(b"6", os.O_APPEND),
            "write": lambda: self.rewrite(b"54321"),
            "write by another name": lambda: self.rewrite(b"54321", name=b"linked"),
            "truncate": lambda: os.truncate(file, 2),
            "unlink": lambda: os.unlink(file),
            "rename": lambda: os.rename(file, self.at(b"d/e/g")),
            "move out": lambda: os.rename(file, self.at(b"f")),
            "replace": lambda: os.rename(self.write(b"g", b"54321"), file),
            "exchange by a link": lambda: (os.unlink(file), os.symlink(self.at(b"linked"), file)),
            "touch": lambda: os.utime(file),
            "chmod": lambda: os.chmod(file, 0o600),
            "attribute": lambda: os.setxattr(file, b"user.x", b"1"),
            "rename its folder": lambda: os.rename(self.at(b"d/e"), self.at(b"d/x")),
            "rename a folder above": lambda: os.rename(self.at(b"d"), self.at(b"x")),
            "a link instead of its folder": lambda: self.link(b"d/e"),
            "a link instead of a folder above": lambda: self.link(b"d"),
        }

    def rewrite(self, content: bytes, how: int = 0, name: bytes = b"d/e/f") -> None:
        fd = os.open(self.at(name), os.O_WRONLY | how)
        os.write(fd, content)
        os.close(fd)

    def link(self, name: bytes) -> None:
        """Move a folder out of the storage, and have a link lead there: to the very same file."""
        away = self.base + b"/away-" + name.replace(b"/", b"-")
        os.rename(self.at(name), away)
        os.symlink(away, self.at(name))

    def test_in_a_loop(self) -> None:
        """However fast a file changes, nobody gets what it was before the last change."""
        for turn in range(300):
            content = b"%05d" % turn
            self.rewrite(content)
            self.assertNotEqual(self.still.content(self.known), b"12345")
            self.known = self.look("/d/e/f")
            for _ in range(turn % 3):
                self.assertEqual(self.still.content(self.known), content)

    def test_known_anew(self) -> None:
        """Who knows the file otherwise gets it if it is so now, and nothing if it was so once."""
        old = self.known
        self.rewrite(b"54321")
        self.known = self.look("/d/e/f")
        self.assertEqual(self.still.content(self.known), b"54321")
        self.assertIsNone(self.still.content(old))
        self.assertEqual(self.still.content(self.known), b"54321")

    def test_mount(self) -> None:
        """What is mounted over a folder on the way hides the file."""
        with mock.patch.object(Mounting, "changed", lambda _: True):
            self.still.content(self.known)
        self.read_again.assert_called_once()

    def test_mount_after_the_storage_moved(self) -> None:
        """What is mounted counts where the storage is now, to which a link may have led meanwhile."""
        moved = self.base + b"/moved"
        os.rename(self.root, moved)
        os.symlink(moved, self.root)
        self.now += MOMENT
        self.assertIsNone(self.still.content(self.known))
        self.sandbox.open(path("/d/e/f")).close()
        self.files = CachedFiles(self.sandbox, now=lambda: self.now)
        self.still.files = self.files
        self.patch(self.files, "again", self.read_again)
        self.read_again.side_effect = lambda known: CachedFiles.again(self.files, known)
        self.known = self.look("/d/e/f")
        self.assertEqual(self.known.root, moved)
        self.keep()
        self.mount(b"d")
        self.assertIsNone(self.still.content(self.known))

    def test_lost_events(self) -> None:
        """When the kernel had to drop events, nothing is known; then all begins anew."""
        with mock.patch.object(Inotify, "events", lambda _: iter([(-1, 0x4000)])):
            self.still.content(self.known)
        self.read_again.assert_called_once()
        self.keep()

    def test_storage_moved(self) -> None:
        """A storage that is somewhere else now is noticed at once, one above which something moved a moment later."""
        os.rename(self.root, self.root + b"-away")
        self.assertIsNone(self.still.content(self.known))
        os.rename(self.root + b"-away", self.root)
        self.keep()
        os.rename(self.base, self.base + b"-away")
        self.now += MOMENT
        self.assertIsNone(self.still.content(self.known))
        os.rename(self.base + b"-away", self.base)

    def test_while_it_begins(self) -> None:
        """What changes between the watches and the reading is heard."""
        real = self.read_again.side_effect = lambda known: CachedFiles.again(self.files, known)

        def again(known: Known) -> bytes | None:
            content = real(known)
            self.rewrite(b"54321")
            return content

        self.write(b"d/e/f", b"12345")
        self.known = self.look("/d/e/f")
        with mock.patch.object(self.files, "again", again):
            self.assertEqual(self.still.content(self.known), b"12345")
        self.assertIsNone(self.still.content(self.known))


class KeepingTests(StillCase):
    """How much is kept, and for how long."""

    def test_nothing_else(self) -> None:
        """What happens beside it doesn't matter."""
        self.write(b"d/e/other", b"x")
        self.write(b"d/other", b"x")
        os.unlink(self.at(b"d/e/other"))
        self.assertEqual(self.still.content(self.known), b"12345")
        self.read_again.assert_not_called()

    def test_for_a_while(self) -> None:
        """After two seconds it is read again, and kept on."""
        self.now += STILL_FOR
        self.keep()
        self.now += STILL_FOR
        with mock.patch.object(Inotify, "watch", side_effect=AssertionError):  # its watches still are there
            self.keep()

    def test_bounds(self) -> None:
        """The least recently read go when there are too many, or too many bytes, and their watches with them."""
        for size, most in ((10, FILES), (64 * 1024, KEPT // 65536)):
            known = []
            for number in range(most + 3):
                self.write(b"many/%d" % number, b"x" * size)
                known.append(self.look(f"/many/{number}"))
                self.assertEqual(len(self.still.content(known[-1]) or b""), size)
            self.assertEqual(len(self.still), most)
            self.assertLessEqual(self.still.watches, most + 2)
            self.read_again.reset_mock()
            self.still.content(known[-1])
            self.read_again.assert_not_called()
            self.still.content(known[0])
            self.read_again.assert_called_once()

    def test_descriptors(self) -> None:
        """Two of them are open, however many are kept."""
        before = open_descriptors()
        for number in range(50):
            self.write(b"many/%d" % number, b"x")
            self.still.content(self.look(f"/many/{number}"))
        self.assertEqual(open_descriptors(), before)


class WithoutTests(StillCase):
    """Where there is nothing to hear, each file is read each time."""

    def each_time(self) -> None:
        self.read_again.reset_mock()
        for _ in range(3):
            self.assertEqual(self.still.content(self.known), b"12345")
        self.assertEqual(self.read_again.call_count, 3)

    def test_unknown_disk(self) -> None:
        """On a disk that others change too."""
        self.patch(localdisks, "TELLING", frozenset())
        os.utime(self.at(b"d/e/f"))
        self.known = self.look("/d/e/f")
        self.each_time()

    def test_no_more_watches(self) -> None:
        """When the user has no more watches: then none is asked for, for a minute."""
        self.write(b"g", b"12345")
        self.known = self.look("/g")
        refused = mock.Mock(side_effect=OSError(errno.ENOSPC, "no more"))
        with mock.patch.object(Inotify, "watch", refused):
            self.each_time()
        self.assertEqual(refused.call_count, 1)
        self.each_time()
        self.now += SHORT_FOR
        self.keep()

    def test_no_inotify(self) -> None:
        """When the system has none."""
        self.patch(stillfiles, "Inotify", mock.Mock(side_effect=OSError(errno.EMFILE, "none")))
        self.still = StillFiles(self.files, now=lambda: self.now)
        self.each_time()
