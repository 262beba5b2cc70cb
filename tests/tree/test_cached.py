"""Files that open at once: what the sandbox would open, and never anything that it wouldn't."""

import os
import shutil
import stat
from unittest import mock

from peerstor.errors import NotFound
from peerstor.tree import cached, openat2
from peerstor.tree.cached import DEEPEST, MOMENT, CachedFiles, signature_of
from peerstor.tree.sandbox import Sandbox
from tests.tree.scaffold import StorageCase, path
from tests.tree.test_sandbox import open_descriptors


class CachedCase(StorageCase):
    """A storage whose files the kernel has in its memory, having just written them."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 0.0
        self.files = CachedFiles(self.sandbox, now=lambda: self.now)

    def declined(self, *urls: str) -> None:
        """These are left to the sandbox, and nothing stays open."""
        before = open_descriptors()
        for url in urls:
            self.assertIsNone(self.files.open(path(url)), url)
        self.assertEqual(open_descriptors(), before)


class OpenTests(CachedCase):
    """What opens."""

    def test_same_as_the_sandbox(self) -> None:
        """A plain file opens like in the sandbox, at any depth and below any floor, and isn't inherited."""
        self.write(b"top.txt", b"1")
        self.write(b"a/b/c d\xff.txt", b"deep")
        for url in ("/top.txt", "/a/b/c%20d%FF.txt"):
            for within in range(4):
                wanted = path(url).confined(within)
                quick = self.files.open(wanted)
                assert quick is not None
                with quick, self.sandbox.open(wanted) as slow:
                    self.assertEqual((quick.stat, quick.real, quick.floor), (slow.stat, slow.real, slow.floor))
                    self.assertEqual(self.files.read(quick), os.pread(slow.fd, 100, 0))
                    self.assertFalse(os.get_inheritable(quick.fd))

    def test_large(self) -> None:
        """A file is read whole or not at all."""
        self.write(b"f", bytes(200_000))
        self.write(b"empty", b"")
        for url, size in (("/f", 200_000), ("/empty", 0)):
            opened = self.files.open(path(url))
            assert opened is not None
            with opened:
                self.assertEqual(self.files.read(opened), bytes(size))

    def test_shrunk(self) -> None:
        """A file that has become shorter since it was opened isn't read: the ordinary way knows what to say."""
        self.write(b"f", b"12345")
        opened = self.files.open(path("/f"))
        assert opened is not None
        with opened:
            os.truncate(self.at(b"f"), 2)
            self.assertIsNone(self.files.read(opened))


class DeclinedTests(CachedCase):
    """What is left to the sandbox."""

    def test_deep(self) -> None:
        """What lies deeper than anybody needs: each folder on the way costs a walk from the root."""
        self.write(b"/".join([b"d"] * (DEEPEST - 1)) + b"/f", b"x")
        self.write(b"/".join([b"d"] * DEEPEST) + b"/f", b"x")
        opened = self.files.open(path("/d" * (DEEPEST - 1) + "/f"))
        assert opened is not None
        opened.close()
        self.declined("/d" * DEEPEST + "/f")

    def test_no_plain_file(self) -> None:
        """Folders, what is absent, files named as folders, and special files, which aren't even opened."""
        self.write(b"d/f", b"x")
        os.mkfifo(self.at(b"fifo"))
        os.mkfifo(self.at(b"d/fifo"))
        with mock.patch.object(cached, "READ", None):  # opening for reading would fail
            self.declined("/", "/d", "/d/", "/none", "/d/none", "/f/x", "/d/f/", "/d/f/x", "/fifo", "/d/fifo")

    def test_links(self) -> None:
        """No link is followed, wherever it leads."""
        self.write(b"d/f", b"x")
        os.symlink(b"f", self.at(b"d/link"))
        os.symlink(b"d", self.at(b"way"))
        os.symlink(b"/etc", self.at(b"out"))
        self.declined("/d/link", "/way/f", "/out/passwd", "/way/link")

    def test_private(self) -> None:
        """Private names, and private folders that somebody has moved under another name."""
        self.write(b".peerstor/secret", b"x")
        self.declined("/.peerstor/secret", "/.PEERSTOR/secret")
        self.write(b"d/e/f", b"x")
        os.rename(self.at(b".peerstor"), self.at(b"d/renamed"))
        self.assertRaises(NotFound, self.sandbox.open, path("/d/renamed/secret"))
        self.declined("/d/renamed/secret")
        opened = self.files.open(path("/d/e/f"))
        assert opened is not None
        opened.close()

    def test_storage_replaced(self) -> None:
        """Another folder in the storage's place is looked at by the sandbox before anything is served of it."""
        self.write(b"f", b"x")
        os.rename(self.root, self.root + b"-old")
        self.addCleanup(shutil.rmtree, self.root + b"-old")
        os.mkdir(self.root)
        self.write(b"f", b"other")
        self.declined("/f")

    def test_no_such_call(self) -> None:
        """Where the system doesn't have what it takes, everything is left to the sandbox."""
        self.write(b"f", b"x")
        for patch in (
            mock.patch.object(openat2, "_call", None),
            mock.patch.object(openat2, "_NUMBER", 100_000),
            mock.patch.object(cached, "_NOWAIT", 0),
        ):
            with patch:
                files = CachedFiles(self.sandbox)
                self.assertIsNone(files.open(path("/f")))

    def test_unsupported_file_system(self) -> None:
        """A file system that can't say what is in memory is asked once."""
        self.write(b"f", b"x")
        opened = self.files.open(path("/f"))
        assert opened is not None
        with opened, mock.patch.object(cached, "_NOWAIT", 0x4000_0000):  # a flag that no system knows
            self.assertIsNone(self.files.read(opened))
        self.declined("/f")


class AgainTests(CachedCase):
    """A file that opened before."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"d/f", b"12345")
        opened = self.files.open(path("/d/f"))
        assert opened is not None
        with opened:
            self.known = self.files.known(path("/d/f"), opened.stat)

    def test_same(self) -> None:
        """It is read again by its place, and nothing stays open."""
        before = open_descriptors()
        self.assertTrue(self.files.unchanged(self.known))
        self.assertEqual(self.files.again(self.known), b"12345")
        self.assertEqual(open_descriptors(), before)

    def test_changed(self) -> None:
        """It isn't once it is gone, another file, a link to itself, or in another storage."""
        for change in (
            lambda: os.rename(self.at(b"d/f"), self.at(b"d/g")),
            lambda: os.symlink(b"g", self.at(b"d/f")),
            lambda: os.rename(self.at(b"d/g"), self.at(b"d/f")),  # whose ctime tells of the journey
            lambda: self.write(b"d/f", b"54321"),
            lambda: os.rename(self.root, self.root + b"-away"),
        ):
            change()
            self.now += MOMENT
            self.assertFalse(self.files.unchanged(self.known))
            self.assertIsNone(self.files.again(self.known))
        os.rename(self.root + b"-away", self.root)

    def test_nothing_that_waits(self) -> None:
        """Nothing is asked of the kernel by a call that may wait for a disk."""
        self.now += MOMENT
        with (
            mock.patch("os.stat", side_effect=AssertionError),
            mock.patch("os.lstat", side_effect=AssertionError),
            mock.patch("os.open", side_effect=AssertionError),
        ):
            self.assertTrue(self.files.unchanged(self.known))
            self.assertEqual(self.files.again(self.known), b"12345")

    def test_behind_a_link(self) -> None:
        """Nor is the very same file, once a link leads to it, which may lead out of the storage."""
        os.rename(self.at(b"d"), self.base + b"/outside")
        os.symlink(self.base + b"/outside", self.at(b"d"))
        self.assertEqual(signature_of(os.stat(self.known.place)), self.known.signature)
        self.assertFalse(self.files.unchanged(self.known))
        self.assertIsNone(self.files.again(self.known))

    def test_storage_behind_a_link(self) -> None:
        """The way to the storage itself may have links."""
        os.symlink(self.root, self.base + b"/way")
        files = CachedFiles(Sandbox(self.base + b"/way", private=self.private))
        known = files.known(path("/d/f"), os.stat(self.at(b"d/f")))
        self.assertEqual(files.again(known), b"12345")

    def test_storage_exchanged(self) -> None:
        """What was found in one storage isn't served of it once the link leads to another, however long that is."""
        way, moved = self.base + b"/way", self.base + b"/moved"
        os.symlink(self.root, way)
        sandbox = Sandbox(way, private=self.private)
        files = CachedFiles(sandbox, now=lambda: self.now)
        known = files.known(path("/d/f"), os.stat(self.at(b"d/f")))
        self.assertEqual(files.again(known), b"12345")
        shutil.copytree(self.root, moved)
        os.unlink(way)
        os.symlink(moved, way)
        self.now += MOMENT
        self.assertIsNone(files.again(known))
        sandbox.open(path("/d/f")).close()  # from here on this is the storage
        self.assertNotEqual(sandbox.identity, known.storage)
        self.assertIsNone(files.again(known))
        self.assertFalse(files.unchanged(known))
        opened = files.open(path("/d/f"))
        while opened is None:
            # Whoever follows a link that is as new as the clock's last tick has to note when, which only the
            # ordinary way does (relatime, mount(8)): some milliseconds later there is nothing to note any more.
            sandbox.open(path("/d/f")).close()
            opened = files.open(path("/d/f"))
        with opened:
            self.assertEqual(files.again(files.known(path("/d/f"), opened.stat)), b"12345")

    def test_without_the_call(self) -> None:
        """Without the system's help it is left to the sandbox."""
        with mock.patch.object(openat2, "_call", None):
            self.assertIsNone(self.files.again(self.known))


class SignatureTests(CachedCase):
    """What tells contents apart."""

    def test_changes(self) -> None:
        """Whatever changes a file changes its signature: its bytes, its place, even its rights alone."""
        self.write(b"f", b"12345")
        seen = set()
        for change in (
            lambda: None,
            lambda: os.truncate(self.at(b"f"), 3),
            lambda: os.utime(self.at(b"f"), (1, 1)),
            lambda: os.chmod(self.at(b"f"), stat.S_IRUSR),
            lambda: self.replace(b"f", b"123"),
        ):
            change()
            seen.add(signature_of(os.stat(self.at(b"f"))))
        self.assertEqual(len(seen), 5)

    def replace(self, name: bytes, content: bytes) -> None:
        """Put another file of the same time in its place."""
        self.write(name + b"-new", content)
        os.utime(self.at(name + b"-new"), (1, 1))
        os.rename(self.at(name + b"-new"), self.at(name))
