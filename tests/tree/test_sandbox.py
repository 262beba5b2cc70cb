"""The one resolver: what opens, what is absent, and what is wrong with the storage."""

import errno
import gc
import os
import resource
import shutil
import socket
import stat
from typing import Any

from peerstor.errors import Forbidden, NoParent, NotFound, Overloaded, StorageUnavailable
from peerstor.tree.paths import TreePath
from peerstor.tree.pathwalk import LINKS
from peerstor.tree.sandbox import Sandbox
from tests.tree.scaffold import StorageCase, path


class SandboxCase(StorageCase):
    """Short ways to ask."""

    def content(self, url: str) -> bytes:
        """What a reader of the URL gets."""
        with self.sandbox.open(path(url)) as opened:
            self.assertFalse(opened.is_folder)
            return os.pread(opened.fd, 1000, 0)

    def absent(self, *urls: str) -> None:
        """No reader finds anything under these, and nothing stays open."""
        before = open_descriptors()
        for url in urls:
            self.assertRaises(NotFound, self.sandbox.open, path(url))
            self.assertRaises(NotFound, self.sandbox.folder, path(url))
        self.assertEqual(open_descriptors(), before)

    def link(self, target: bytes, name: bytes) -> None:
        """Put a symbolic link into the storage."""
        os.symlink(target, self.at(name))


def open_descriptors() -> int:
    gc.collect()  # what other tests have left behind is closed now, and not at any moment
    return len(os.listdir("/proc/self/fd"))


class OpenTests(SandboxCase):
    """Files and folders."""

    def test_file(self) -> None:
        """A file opens by its path, at any depth; its descriptor is not inherited."""
        self.write(b"a/b/c.txt", b"deep")
        self.assertEqual(self.content("/a/b/c.txt"), b"deep")
        with self.sandbox.open(path("/a/b/c.txt")) as opened:
            self.assertEqual(opened.real, (b"a", b"b", b"c.txt"))
            self.assertEqual(opened.stat.st_size, 4)
            self.assertFalse(os.get_inheritable(opened.fd))

    def test_folder(self) -> None:
        """A folder opens with and without its slash, can be listed, synced, and used to open what is in it."""
        self.write(b"a/b.txt")
        for url in ("/a/", "/a", "/"):
            with self.sandbox.open(path(url)) as opened:
                self.assertTrue(opened.is_folder)
                os.listdir(opened.fd)
                os.fsync(opened.fd)
        with self.sandbox.folder(path("/a")) as opened:
            os.close(os.open(b"b.txt", os.O_RDONLY, dir_fd=opened.fd))

    def test_file_is_no_folder(self) -> None:
        """A file with a slash behind it, or asked for as a folder, or passed through, is not there."""
        self.write(b"a")
        self.absent("/a/", "/a/b", "/a/b/")
        self.assertRaises(NotFound, self.sandbox.folder, path("/a"))

    def test_absent(self) -> None:
        """Absent names and names that no file system holds are absent alike."""
        self.absent("/x", "/x/", "/x/y", "/" + "n" * 300, "/" + "n" * 300 + "/x", "/a%0Ab", "/%ff")

    def test_odd_names(self) -> None:
        """Newlines, broken UTF-8, leading dots, percents and emoji in stored names can be read."""
        for name, url in (
            (b"a\nb", "/a%0Ab"),
            (b"\xff\xfe", "/%ff%fe"),
            (b".hidden", "/.hidden"),
            (b"100%25", "/100%2525"),
            ("🦊".encode(), "/%F0%9F%A6%8A"),
            (b"back\\slash", "/back%5cslash"),
        ):
            self.write(name, name)
            self.assertEqual(self.content(url), name)

    def test_deep(self) -> None:
        """The way down costs no more descriptors for a deep path than for a short one."""
        deep = b"/".join([b"d"] * 300)
        self.write(deep + b"/f", b"bottom")
        soft, hard = _limit()
        _set_limit(open_descriptors() + 8, hard)
        try:
            self.assertEqual(self.content("/" + (deep + b"/f").decode()), b"bottom")
        finally:
            _set_limit(soft, hard)

    def test_closing(self) -> None:
        """It closes once, by `with`, by `close`, or when it is dropped."""
        gc.collect()  # what other tests have left behind
        before = open_descriptors()
        opened = self.sandbox.open(path("/"))
        opened.close()
        opened.close()
        with self.sandbox.open(path("/")):
            self.assertEqual(open_descriptors(), before + 1)
        self.sandbox.open(path("/"))
        gc.collect()
        self.assertEqual(open_descriptors(), before)


class SpecialTests(SandboxCase):
    """What is neither file nor folder."""

    def test_fifo_and_socket(self) -> None:
        """They are absent at once, by name and by link, and a FIFO's writer is not woken."""
        os.mkfifo(self.at(b"fifo"))
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        os.chdir(self.root)
        self.addCleanup(os.chdir, "/")
        listening.bind("socket")
        self.link(b"fifo", b"link")
        self.absent("/fifo", "/socket", "/link", "/fifo/", "/fifo/x")
        with self.assertRaises(OSError) as caught:
            os.open(self.at(b"fifo"), os.O_WRONLY | os.O_NONBLOCK)
        self.assertEqual(caught.exception.errno, errno.ENXIO)

    def test_file_that_becomes_a_fifo(self) -> None:
        """What counts is what was opened, not what lay there a moment before."""
        self.write(b"a")
        os.mkfifo(self.at(b"fifo"))
        self.swap_before_open(b"a", b"fifo")
        self.absent("/a")

    def test_file_that_becomes_a_link(self) -> None:
        """A link that takes a file's place in the last moment is not followed."""
        self.write(b"a")
        self.link(b"/etc/passwd", b"link")
        self.swap_before_open(b"a", b"link")
        self.assertRaises(NotFound, self.sandbox.open, path("/a"))

    def test_folder_that_becomes_a_file(self) -> None:
        """Asked for a folder, a file that has come in its place is none."""
        os.mkdir(self.at(b"a"))
        self.write(b"file")
        self.swap_before_open(b"a", b"file")
        self.assertRaises(NotFound, self.sandbox.folder, path("/a/"))

    def swap_before_open(self, name: bytes, other: bytes) -> None:
        """Let `other` take the place of `name` between the look and the open."""

        def swapped(asked: Any, flags: int, *args: Any, **rest: Any) -> int:
            if asked == name and not flags & os.O_DIRECTORY and os.path.lexists(self.at(other)):
                os.rename(self.at(name), self.at(b"old"))
                os.rename(self.at(other), self.at(name))
            return real(asked, flags, *args, **rest)  # type: ignore[no-any-return]

        real = self.patch_os("open", swapped)


class LinkTests(SandboxCase):
    """Symbolic links."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"folder/file", b"inside")
        self.write(b"other/deep/file", b"deep")
        os.mkdir(self.base + b"/outside")
        with open(self.base + b"/outside/secret", "wb") as file:
            file.write(b"secret")

    def test_inside(self) -> None:
        """Relative and absolute links to files and folders of the storage work, as last part and on the way."""
        for number, (target, below, content) in enumerate(
            (
                (b"folder/file", "", b"inside"),
                (b"./folder/.//file", "", b"inside"),
                (b"folder", "/file", b"inside"),
                (b"folder/", "/file", b"inside"),
                (b"folder/.", "/file", b"inside"),
                (self.at(b"folder/file"), "", b"inside"),
                (self.at(b"folder"), "/file", b"inside"),
                (self.at(b"/folder//"), "/file", b"inside"),
                (self.root, "/folder/file", b"inside"),
                (self.root + b"/", "/folder/file", b"inside"),
                (b"/" + self.at(b"folder/file"), "", b"inside"),
                (b".", "/folder/file", b"inside"),
                (b"folder/../other/deep/../../folder/file", "", b"inside"),
                (self.at(b"other/deep/../../folder"), "/file", b"inside"),
            )
        ):
            self.link(target, b"link%d" % number)
            self.assertEqual(self.content(f"/link{number}{below}"), content, target)

    def test_real_place(self) -> None:
        """What was opened knows where it really lies."""
        self.link(b"../other/deep", b"folder/link")
        with self.sandbox.open(path("/folder/link/file")) as opened:
            self.assertEqual(opened.real, (b"other", b"deep", b"file"))
        with self.sandbox.open(path("/folder/link")) as opened:
            self.assertEqual(opened.real, (b"other", b"deep"))

    def test_dots_of_a_link_mean_where_it_lies(self) -> None:
        """`..` in a link goes up from the folder that really holds the link, not from the path that was asked."""
        self.link(b"../file", b"other/deep/up")
        self.write(b"other/file", b"right")
        self.write(b"file", b"wrong")
        self.link(b"other/deep", b"short")
        self.assertEqual(self.content("/short/up"), b"right")

    def test_slash_on_a_link_to_a_file(self) -> None:
        """A link that says `file/`, or a path that says `link/`, names no file."""
        self.link(b"folder/file/", b"slashed")
        self.link(b"folder/file", b"plain")
        self.absent("/slashed", "/plain/")

    def test_leaving(self) -> None:
        """Whatever leads out is absent: absolute, relative, through a folder, in disguise, and out and back."""
        for number, target in enumerate(
            (
                b"/etc/passwd",
                b"/",
                self.base + b"/outside/secret",
                b"../outside/secret",
                b"folder/../../outside/secret",
                b"..",
                b"../",
                b"../storage/folder/file",
                self.root + b"/../outside/secret",
                self.root + b"x/secret",
                self.base,
                b"/proc/self/root" + self.at(b"folder/file"),
                b"/proc/self/cwd",
            )
        ):
            name = f"link{number}"
            self.link(target, name.encode())
            self.absent(f"/{name}", f"/{name}/", f"/{name}/secret", f"/{name}/folder/file")

    def test_leaving_from_below(self) -> None:
        """As many `..` as the link lies deep lead to the root, one more leads out."""
        self.link(b"../../folder/file", b"other/deep/right")
        self.link(b"../../../outside/secret", b"other/deep/wrong")
        self.assertEqual(self.content("/other/deep/right"), b"inside")
        self.absent("/other/deep/wrong")

    def test_chain_through_the_outside(self) -> None:
        """A link to a link that leads out is absent as well."""
        self.link(b"second", b"first")
        self.link(self.base + b"/outside", b"second")
        self.absent("/first", "/first/secret")

    def test_loops(self) -> None:
        """Links in a circle, to themselves, and longer than the system's own limit are absent."""
        self.link(b"self", b"self")
        self.link(b"pong", b"ping")
        self.link(b"ping", b"pong")
        self.link(b"around/x", b"around")
        self.absent("/self", "/self/x", "/ping", "/around")

    def test_as_many_as_the_system_follows(self) -> None:
        """A chain of 40 is followed, one of 41 is not, as the kernel has it."""
        self.link(b"folder/file", b"n1")
        for number in range(2, LINKS + 2):
            self.link(b"n%d" % (number - 1), b"n%d" % number)
        self.assertEqual(self.content(f"/n{LINKS}"), b"inside")
        self.absent(f"/n{LINKS + 1}")
        self.assertRaises(OSError, os.stat, self.at(b"n%d" % (LINKS + 1)))

    def test_dangling(self) -> None:
        """A link to nothing is absent."""
        self.link(b"nowhere", b"link")
        self.link(b"folder/nowhere/x", b"deeper")
        self.absent("/link", "/link/", "/deeper")

    def test_to_the_private_folder(self) -> None:
        """No link opens it: by name, in other case, by its absolute path, from below, or a part of it."""
        self.write(b".peerstor/parts/x", b"partial")
        for number, target in enumerate(
            (
                b".peerstor",
                b".peerstor/parts/x",
                self.at(b".peerstor/instance"),
                b"folder/../.peerstor",
                b".PEERSTOR",
            )
        ):
            self.link(target, b"link%d" % number)
            self.absent(f"/link{number}", f"/link{number}/parts/x")

    def test_storage_reached_through_a_link(self) -> None:
        """Where the storage's own path leads through a link, absolute links work by either spelling."""
        os.symlink(self.root, self.base + b"/alias")
        sandbox = Sandbox(self.base + b"/alias", private=self.private)
        self.link(self.base + b"/alias/folder/file", b"by-alias")
        self.link(self.at(b"folder/file"), b"by-real")
        for url in ("/by-alias", "/by-real"):
            sandbox.open(path(url)).close()

    def test_folder_swapped_for_a_link_while_walking(self) -> None:
        """A folder of the way that becomes a link just before it is entered again ends the way."""
        self.link(b"deep/../deep/file", b"other/winding")

        def swap(name: bytes, *args: Any, **rest: Any) -> Any:
            target = real(name, *args, **rest)
            os.rename(self.at(b"other"), self.at(b"moved"))
            self.link(self.base + b"/outside", b"other")
            return target

        real = self.patch_os("readlink", swap)
        self.assertRaises(NotFound, self.sandbox.open, path("/other/winding"))

    def test_link_that_is_none_any_more(self) -> None:
        """A name that stops being a link before it is read is absent this once; other errors are told."""
        self.link(b"folder", b"link")
        self.fail_os("readlink", errno.EINVAL)
        self.absent("/link")
        self.fail_os("readlink", errno.EIO)
        self.assertRaises(StorageUnavailable, self.sandbox.open, path("/link"))


class PrivateTests(SandboxCase):
    """The private folder is not there for anyone."""

    def test_by_name(self) -> None:
        """Its name in any case at any level, and whatever begins so."""
        self.write(b"a/.peerstor-1.part", b"partial")
        self.write(b"a/.PeerStor/x", b"x")
        self.write(b".peerstor/parts/x", b"partial")
        self.absent(
            "/.peerstor",
            "/.peerstor/",
            "/.peerstor/lock",
            "/.peerstor/parts/x",
            "/%2epeerstor/parts/x",
            "/a/.peerstor-1.part",
            "/a/.PeerStor/x",
        )

    def test_by_identity(self) -> None:
        """By whatever name it is met (a bind mount, a short name): device and inode tell."""
        for inner, hidden in ((b"", "/other"), (b"/parts", "/other"), (b"/trash", "/other")):
            found = os.stat(self.at(b".peerstor" + inner))
            os.makedirs(self.at(b"other/below"), exist_ok=True)
            self.write(b"other/file")
            with self.sandbox.open(path("/other/file")):
                pass
            self.sandbox._hidden = frozenset({(found.st_dev, os.stat(self.at(b"other")).st_ino)})
            self.absent(hidden, hidden + "/", hidden + "/file", hidden + "/below/")
            self.assertIsNone(self.sandbox.lookup(self.sandbox.folder(path("/")), b"other"))
            self.sandbox._hidden = self.private.identities
        self.assertEqual(self.sandbox._hidden, self.private.identities)

    def test_others(self) -> None:
        """Another folder that is to be hidden is so likewise, also once the storage was away and is back."""
        self.write(b"other/below/file")
        found = os.stat(self.at(b"other"))
        self.sandbox = Sandbox(self.root, private=self.private, hidden=frozenset({(found.st_dev, found.st_ino)}))
        for _ in range(2):
            self.absent("/other", "/other/", "/other/below/", "/other/below/file")
            self.sandbox._known = None


class ParentTests(SandboxCase):
    """`parent_of`."""

    def test_folder_of_a_new_name(self) -> None:
        """The folder is opened; the name itself need not exist."""
        os.mkdir(self.at(b"a"))
        self.link(b"a", b"link")
        for url, real in (("/x", ()), ("/a/x", (b"a",)), ("/a/x/", (b"a",)), ("/link/x", (b"a",))):
            with self.sandbox.parent_of(path(url)) as folder:
                self.assertEqual(folder.real, real)

    def test_no_folder(self) -> None:
        """An absent folder, a file, and a link that leads out are no parents, all alike."""
        self.write(b"file")
        self.link(b"/etc", b"out")
        for url in ("/a/x", "/file/x", "/out/x"):
            self.assertRaises(NoParent, self.sandbox.parent_of, path(url))

    def test_private_and_root(self) -> None:
        """Nothing private has a place, and nothing holds the root."""
        for url in ("/.peerstor/x", "/a/.peerstor-x", "/"):
            self.assertRaises(NotFound, self.sandbox.parent_of, path(url))


class LookupTests(SandboxCase):
    """`lookup`."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"folder/file", b"12345")

    def look(self, name: bytes, url: str = "/") -> os.stat_result | None:
        """What a reader would find."""
        with self.sandbox.folder(path(url)) as folder:
            return self.sandbox.lookup(folder, name)

    def test_as_a_reader_sees_it(self) -> None:
        """Files and folders are themselves, links what they lead to, relative to the folder they lie in."""
        self.link(b"../folder/file", b"folder/link")
        for name, url in ((b"file", "/folder/"), (b"link", "/folder/")):
            found = self.look(name, url)
            assert found is not None
            self.assertEqual((stat.S_ISREG(found.st_mode), found.st_size), (True, 5))
        found = self.look(b"folder")
        assert found is not None
        self.assertTrue(stat.S_ISDIR(found.st_mode))

    def test_in_a_folder_reached_by_a_link(self) -> None:
        """A relative link means the folder that really holds it."""
        self.write(b"a/b/x")
        self.link(b"../y", b"a/b/link")
        self.write(b"a/y", b"123")
        self.link(b"a/b", b"short")
        found = self.look(b"link", "/short/")
        assert found is not None
        self.assertEqual(found.st_size, 3)

    def test_nothing_to_see(self) -> None:
        """Absent, private, special, leaving and circling names are nothing."""
        os.mkfifo(self.at(b"fifo"))
        self.link(b"/etc/passwd", b"out")
        self.link(b"loop", b"loop")
        self.link(b".peerstor", b"inner")
        for name in (b"x", b".peerstor", b".PEERSTOR", b"fifo", b"out", b"loop", b"inner", b"n" * 300):
            self.assertIsNone(self.look(name), name)

    def test_nothing_that_may_be_seen(self) -> None:
        """Where the folder's rights forbid the look there is nothing; a failing disk is told."""
        self.fail_os("stat", errno.EACCES)
        self.assertIsNone(self.look(b"folder"))
        self.fail_os("stat", errno.EIO)
        self.assertRaises(StorageUnavailable, self.look, b"folder")

    def test_folder_whose_way_is_gone(self) -> None:
        """A link in a folder that was moved away meanwhile is nothing."""
        self.link(b"file", b"folder/link")
        with self.sandbox.folder(path("/folder/")) as folder:
            os.rename(self.at(b"folder"), self.at(b"moved"))
            self.assertIsNone(self.sandbox.lookup(folder, b"link"))


class RightsTests(SandboxCase):
    """Files that their own permissions close."""

    def test_forbidden(self) -> None:
        """What may not be opened, or passed, is forbidden, and not absent."""
        self.write(b"closed/file")
        os.chmod(self.base, 0o755)
        os.chmod(self.at(b"closed"), 0)
        self.addCleanup(os.chmod, self.at(b"closed"), 0o700)
        if os.geteuid() == 0:
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        self.assertRaises(Forbidden, self.sandbox.open, path("/closed/file"))
        self.assertRaises(Forbidden, self.sandbox.open, path("/closed/"))
        self.assertRaises(Forbidden, self.sandbox.parent_of, path("/closed/new"))

    def test_passing_needs_no_right_to_read(self) -> None:
        """A folder that may be passed but not listed leads on to what may be read."""
        self.write(b"passage/file", b"x")
        os.chmod(self.base, 0o755)
        os.chmod(self.at(b"passage"), 0o711)
        if os.geteuid() == 0:
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        else:
            os.chmod(self.at(b"passage"), 0o311)
        self.assertEqual(self.content("/passage/file"), b"x")
        self.assertRaises(Forbidden, self.sandbox.open, path("/passage/"))


class StorageTests(SandboxCase):
    """A storage that goes and comes back."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"file", b"here")
        self.away = self.base + b"/away"

    def unavailable(self) -> None:
        """Every question is answered with the storage's absence."""
        for ask in (self.sandbox.open, self.sandbox.folder, self.sandbox.parent_of):
            self.assertRaises(StorageUnavailable, ask, path("/file"))

    def test_vanishes_and_returns(self) -> None:
        """Its absence is told at once, and so is its return."""
        os.rename(self.root, self.away)
        self.unavailable()
        os.rename(self.away, self.root)
        self.assertEqual(self.content("/file"), b"here")

    def test_another_folder_in_its_place(self) -> None:
        """An empty mount point, a foreign storage or a file is not served, nor written to."""
        os.rename(self.root, self.away)
        os.mkdir(self.root)
        self.unavailable()
        self.assertEqual(os.listdir(self.root), [])
        os.rmdir(self.root)
        with open(self.root, "wb"):
            pass
        self.unavailable()

    def test_returns_with_other_numbers(self) -> None:
        """Mounted anew or restored from a copy it has other numbers, but the same instance id: it is served."""
        shutil.copytree(self.root, self.away)
        shutil.rmtree(self.root)
        os.rename(self.away, self.root)
        self.assertEqual(self.content("/file"), b"here")
        self.assertEqual(self.content("/file"), b"here")
        self.assertEqual(self.private.identity[1], os.stat(self.at(b".peerstor")).st_ino)
        self.absent("/.peerstor/lock")

    def test_recognised_once(self) -> None:
        """Two threads that meet the returned storage together exchange the descriptors once."""
        shutil.copytree(self.root, self.away)
        shutil.rmtree(self.root)
        os.rename(self.away, self.root)
        calls = []
        real = self.private.recognise

        def recognise(fd: int) -> None:
            calls.append(fd)
            real(fd)

        self.patch(type(self.private), "recognise", lambda private, fd: recognise(fd))
        sandbox = self.sandbox
        lock = sandbox._recognising

        class Late:
            """Lets the other thread through first."""

            def __enter__(self) -> None:
                sandbox._recognising = lock
                sandbox.open(path("/file")).close()

            def __exit__(self, *args: object) -> None:
                pass

        sandbox._recognising = Late()  # type: ignore[assignment]
        self.assertEqual(self.content("/file"), b"here")
        self.assertEqual(len(calls), 1)

    def test_failing_disk(self) -> None:
        """Input errors at the root or below are the storage's, not the client's."""
        for number in (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EACCES):
            self.fail_os("open", number, when=lambda name, *a, **k: name == self.root)
            self.unavailable()
        self.fail_os("open", errno.EIO, when=lambda name, *a, **k: name == b"file")
        self.assertRaises(StorageUnavailable, self.sandbox.open, path("/file"))

    def test_disk_that_fails_after_the_open(self) -> None:
        """A descriptor that says nothing is closed again."""
        before = open_descriptors()
        calls = []

        def second(fd: int) -> bool:
            calls.append(fd)
            return len(calls) == 2

        self.fail_os("fstat", errno.EIO, when=second)
        self.assertRaises(StorageUnavailable, self.sandbox.open, path("/file"))
        self.assertEqual(open_descriptors(), before)

    def test_out_of_descriptors(self) -> None:
        """Their lack is an overload, at the root and below, and it passes."""
        for name in (self.root, b"file"):
            self.fail_os("open", errno.EMFILE, when=lambda asked, *a, _name=name, **k: asked == _name)
            self.assertRaises(Overloaded, self.sandbox.open, path("/file"))

    def test_absolute_from_the_start(self) -> None:
        """A relative storage stays the same when the process changes its folder, as a daemon does."""
        os.chdir(self.base)
        self.addCleanup(os.chdir, "/")
        sandbox = Sandbox(b"storage", private=self.private)
        os.chdir("/")
        sandbox.open(path("/file")).close()
        self.assertEqual(sandbox.root, self.root)

    def test_absent_at_the_start(self) -> None:
        """A sandbox of nothing cannot be made."""
        self.assertRaises(StorageUnavailable, Sandbox, self.base + b"/nowhere", private=self.private)


class MountTests(SandboxCase):
    """Another file system below the storage."""

    def test_nested(self) -> None:
        """What is mounted inside belongs to the storage."""
        self.mount(b"usb")
        self.write(b"usb/file", b"there")
        self.link(b"../usb/../usb/file", b"usb/link")
        self.assertEqual(self.content("/usb/file"), b"there")
        self.assertEqual(self.content("/usb/link"), b"there")


def _limit() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def _set_limit(soft: int, hard: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TangleTests(SandboxCase):
    """Any tangle of links."""

    def test_agrees_with_the_system(self) -> None:
        """Wherever the kernel's own resolution stays inside, ours finds the same file, and else nothing."""
        names = [b"a", b"b", b"d/a", b"d/b", b"d/e/a", b"d/e/b"]
        targets = [b"a", b"b", b"d", b"d/e/..", b"../a", b"../d/e", b"..", b"../..", b"e/b", b".", self.at(b"d")]
        self.write(b"d/e/file", b"deep")
        self.write(b"d/file", b"middle")
        self.write(b"file", b"top")
        seed = 7
        for _ in range(150):
            for name in names:
                if os.path.lexists(self.at(name)):
                    os.unlink(self.at(name))
                seed = (seed * 1103515245 + 12345) % 2**31
                self.link(targets[(seed >> 8) % len(targets)], name)
            for name in names:
                self.compare(name + b"/file")

    def compare(self, name: bytes) -> None:
        """Ours may refuse a way that leaves and comes back; it may never find anything else."""
        try:
            with self.sandbox.open(TreePath.from_url(b"/" + name)) as opened:
                inode = opened.stat.st_ino
        except NotFound:
            if self.stays_inside(name):
                self.fail(f"{name!r} is inside and was not found")
            return
        self.assertEqual(inode, os.stat(self.at(name)).st_ino)

    def stays_inside(self, name: bytes) -> bool:
        """Whether the kernel finds it without `..` at the root (the storage as the root of its own)."""
        try:
            os.stat(self.at(name))
        except OSError:
            return False
        pending, place, count = name.split(b"/")[::-1], self.root, 0
        while pending:
            part = pending.pop()
            if part == b"..":
                if place == self.root:
                    return False
                place = os.path.dirname(place)
            elif part not in (b"", b"."):
                place += b"/" + part
                if os.path.islink(place):
                    count += 1
                    target = os.readlink(place)
                    place = os.path.dirname(place)
                    if target.startswith(b"/"):
                        place, target = self.root, target.removeprefix(self.root)
                    pending += target.split(b"/")[::-1]
        return count <= LINKS


class FloorTests(SandboxCase):
    """A path with a floor: rights that hold below a folder hold for nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"mine/deep/file.txt", b"mine")
        self.write(b"other/secret.txt", b"secret")

    def below(self, url: str, within: int = 1) -> TreePath:
        return path(url).confined(within)

    def test_links_out_of_the_floor_are_absent(self) -> None:
        """No link below the floor leads to what lies beside it, by any spelling of the target."""
        for number, target in enumerate(
            (b"../other", b"../other/.", self.at(b"other"), b"deep/../../other", b"..")
        ):
            name = b"mine/link%d" % number
            self.link(target, name)
            for url in (f"/mine/link{number}", f"/mine/link{number}/", f"/mine/link{number}/secret.txt"):
                self.assertRaises(NotFound, self.sandbox.open, self.below(url))
            self.assertRaises(
                (NotFound, NoParent), self.sandbox.parent_of, self.below(f"/mine/link{number}/new.txt")
            )
            with self.sandbox.folder(self.below("/mine/")) as folder:
                self.assertIsNone(self.sandbox.lookup(folder, b"link%d" % number))

    def test_links_inside_are_followed(self) -> None:
        """A link that stays below the floor is followed, whichever way it goes round."""
        self.link(b"../mine/deep", b"mine/round")
        self.link(self.at(b"mine/deep/file.txt"), b"mine/absolute")
        for url in ("/mine/round/file.txt", "/mine/absolute", "/mine/deep/file.txt"):
            with self.sandbox.open(self.below(url)) as opened:
                self.assertEqual(os.pread(opened.fd, 10, 0), b"mine")
        with self.sandbox.folder(self.below("/mine/")) as folder:
            self.assertIsNotNone(self.sandbox.lookup(folder, b"absolute"))

    def test_floor_that_is_a_link(self) -> None:
        """The floor itself may be a link: what it leads to is the floor then."""
        self.link(b"mine", b"door")
        self.link(b"../../other/secret.txt", b"mine/deep/out")
        with self.sandbox.open(self.below("/door/deep/file.txt")) as opened:
            self.assertEqual(opened.floor, (b"mine",))
        with self.sandbox.folder(self.below("/door/")) as folder:
            self.assertIsNotNone(self.sandbox.lookup(folder, b"deep"))
        self.assertRaises(NotFound, self.sandbox.open, self.below("/door/deep/out"))

    def test_floor_at_the_root(self) -> None:
        """A floor that leads to the storage's own root confines no more than the storage does."""
        self.link(b".", b"all")
        with self.sandbox.open(self.below("/all/other/secret.txt")) as opened:
            self.assertEqual(os.pread(opened.fd, 10, 0), b"secret")

    def test_children_and_parents_keep_it(self) -> None:
        """What is named from a path with a floor has the floor too."""
        folder = self.below("/mine/deep/", 2)
        self.assertEqual(folder.child(b"x").within, 2)
        self.assertEqual(folder.parent.within, 1)
        self.assertEqual(folder, path("/mine/deep/"))
