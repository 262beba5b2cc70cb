"""Folders that are known to be as they were, and what makes them known to be otherwise."""

import mmap
import os
import threading
from collections.abc import Callable
from unittest.mock import patch

from peerstor.tree import localdisks, watches
from peerstor.tree.entries import Page, list_folder
from peerstor.tree.inotify import Inotify
from peerstor.tree.watches import Since, Watches
from tests.tree.scaffold import StorageCase, path


class WatchesCase(StorageCase):
    """A folder with a bit of everything."""

    def setUp(self) -> None:
        super().setUp()
        self.watches = Watches(self.sandbox.root)
        os.mkdir(self.at(b"elsewhere"))
        for name in (b"folder/a", b"folder/b", b"folder/sub/inner", b"folder/linked"):
            self.write(name, b"12345")
        os.link(self.at(b"folder/linked"), self.at(b"elsewhere/linked"))

    def look(self, between: Callable[[], None] = lambda: None, url: str = "/folder/") -> tuple[Page, Since | None]:
        """Read the folder and watch it, with something happening between the two."""
        with self.sandbox.folder(path(url)) as folder:
            since = self.watches.begin(folder)
            assert since is not None
            page = list_folder(self.sandbox, folder)
            between()
            return page, since if self.watches.settle(since, folder, page) else None

    def watched(self, url: str = "/folder/") -> Since:
        """Have a folder watched."""
        _, since = self.look(url=url)
        assert since is not None
        self.assertTrue(self.watches.holds(since))
        return since

    def append(self, name: bytes) -> None:
        with open(self.at(name), "ab") as file:
            file.write(b"more")

    def changes(self) -> dict[str, Callable[[], object]]:
        """Everything that a listing of the folder would show, or might."""
        return {
            "create": lambda: self.write(b"folder/new"),
            "delete": lambda: os.unlink(self.at(b"folder/a")),
            "rename": lambda: os.rename(self.at(b"folder/a"), self.at(b"folder/c")),
            "move out": lambda: os.rename(self.at(b"folder/a"), self.at(b"elsewhere/a")),
            "move in": lambda: os.rename(self.at(b"elsewhere/linked"), self.at(b"folder/other")),
            "replace": lambda: os.rename(self.at(b"folder/b"), self.at(b"folder/a")),
            "append": lambda: self.append(b"folder/a"),
            "truncate": lambda: os.truncate(self.at(b"folder/a"), 1),
            "touch": lambda: os.utime(self.at(b"folder/a")),
            "chmod": lambda: os.chmod(self.at(b"folder/a"), 0),
            "write by another name": lambda: self.append(b"elsewhere/linked"),
            "touch by another name": lambda: os.utime(self.at(b"elsewhere/linked")),
            "create in a sub-folder": lambda: self.write(b"folder/sub/new"),
            "delete in a sub-folder": lambda: os.unlink(self.at(b"folder/sub/inner")),
            "touch a sub-folder": lambda: os.utime(self.at(b"folder/sub")),
            "link": lambda: os.symlink(b"a", self.at(b"folder/link")),
            "rename itself": lambda: os.rename(self.at(b"folder"), self.at(b"folder 2")),
            "chmod itself": lambda: os.chmod(self.at(b"folder"), 0o700),
        }


class ChangeTests(WatchesCase):
    """What is heard of."""

    def test_each_change(self) -> None:
        """Whatever changes in a folder, it is known at once that it isn't as it was."""
        for what in self.changes():
            with self.subTest(what):
                case = type(self)()
                case.setUp()
                try:
                    since = case.watched()
                    case.changes()[what]()
                    self.assertFalse(case.watches.holds(since), what)
                finally:
                    case.doCleanups()

    def test_a_name_made_meanwhile(self) -> None:
        """A file that gets another name after it was read, and is written to by that, has changed."""
        since = self.watched()
        os.link(self.at(b"folder/a"), self.at(b"elsewhere/a"))
        self.append(b"elsewhere/a")
        self.assertFalse(self.watches.holds(since))

    def test_changes_between(self) -> None:
        """What changes after a folder was read and before its entries are watched is no less known."""
        for what in self.changes():
            case = type(self)()
            case.setUp()
            try:
                _, since = case.look(case.changes()[what])
                self.assertFalse(since is not None and case.watches.holds(since), what)
            finally:
                case.doCleanups()

    def test_nothing(self) -> None:
        """What shows in no listing is no change: reading, what goes on deeper down, and beside."""
        since = self.watched()
        with open(self.at(b"folder/a"), "rb") as file:
            file.read()
        self.append(b"folder/sub/inner")
        self.write(b"elsewhere/new")
        os.listdir(self.at(b"folder"))
        self.assertTrue(self.watches.holds(since))

    def test_again(self) -> None:
        """After a change the folder can be watched again, and only what is no longer watched is."""
        since = self.watched()
        self.append(b"folder/a")
        self.assertFalse(self.watches.holds(since))
        self.watched()
        placed: list[bytes] = []
        real = Inotify.watch
        with patch.object(
            Inotify, "watch", lambda own, fd, name, mask: placed.append(name) or real(own, fd, name, mask)
        ):
            since = self.watched()
            self.assertEqual(placed, [])
            self.append(b"folder/b")
            self.assertFalse(self.watches.holds(since))
            self.watched()
        self.assertEqual(sorted(placed), [b".", b"b"])

    def test_a_folder_and_the_one_above(self) -> None:
        """A folder that is watched for its own sake and as an entry tells both."""
        for first, second in (("/folder/", "/folder/sub/"), ("/folder/sub/", "/folder/")):
            self.watches = Watches(self.sandbox.root)
            one, other = self.watched(first), self.watched(second)
            self.assertTrue(self.watches.holds(one))
            self.write(b"folder/sub/" + first.encode().replace(b"/", b"_"))
            self.assertFalse(self.watches.holds(one))
            self.assertFalse(self.watches.holds(other))

    def test_heard_while_watches_are_placed(self) -> None:
        """What the reactor hears of a watch that a thread is just placing isn't lost."""
        real = Inotify.watch

        def watch(own: Inotify, fd: int, name: bytes, mask: int) -> int:
            number = real(own, fd, name, mask)
            if name == b"linked":
                os.chmod(self.at(b"elsewhere/linked"), 0o600)
                hearing = threading.Thread(target=self.watches.hear)
                hearing.start()
                hearing.join()
            return number

        with patch.object(Inotify, "watch", watch):
            _, since = self.look()
        self.append(b"elsewhere/linked")
        self.assertFalse(since is not None and self.watches.holds(since))

    def test_memory_that_is_mapped(self) -> None:
        """What is written through mapped memory is told by nothing: that is why nothing is kept for long."""
        since = self.watched()
        with open(self.at(b"folder/a"), "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            mapped[0] = 0
        self.assertTrue(self.watches.holds(since))


class BoundsTests(WatchesCase):
    """What isn't watched."""

    def test_links(self) -> None:
        """A folder with a link isn't known to be as it was: what the link leads to may change."""
        os.symlink(b"../elsewhere/linked", self.at(b"folder/link"))
        page, since = self.look()
        self.assertIsNone(since)
        self.assertIn(b"link", [entry.name for entry in page.entries])

    def test_many_entries(self) -> None:
        """Nor is a listing of too many entries; pages of one are watched together up to a number."""
        self.patch(watches, "LISTING", 3)
        self.assertIsNone(self.look()[1])
        self.patch(watches, "LISTING", 4)
        self.patch(watches, "FOLDER", 4)
        self.assertIsNone(self.look()[1])
        self.patch(watches, "FOLDER", 5)
        self.watched()

    def test_all(self) -> None:
        """When there are too many watches, those of the folder that was read longest ago end."""
        first = self.watched("/folder/sub/")
        second = self.watched("/elsewhere/")
        self.patch(watches, "ALL", 6)
        third = self.watched()
        self.assertEqual([self.watches.holds(since) for since in (first, second, third)], [False, False, True])
        self.assertLessEqual(len(self.watches), 6)

    def test_number_of_folders(self) -> None:
        """No more than some folders are watched."""
        self.patch(watches, "FOLDERS", 1)
        first = self.watched("/folder/sub/")
        self.watched("/elsewhere/")
        self.watched("/folder/")
        self.assertFalse(self.watches.holds(first))

    def test_left(self) -> None:
        """A folder that nothing is kept of is watched no more when the next is."""
        first = self.watched()
        self.watches.leave(first.folder)
        self.watched("/elsewhere/")
        self.assertEqual(len(self.watches), 2)
        self.assertFalse(self.watches.holds(first))

    def test_no_watches_left(self) -> None:
        """Where the user may have no more watches, nothing is watched, and nothing is tried for a while."""
        self.fail_os_watch()
        with self.sandbox.folder(path("/folder/")) as folder:
            self.assertIsNone(self.watches.begin(folder))
            with patch.object(Inotify, "watch", lambda *_: self.fail("tried again")):
                self.assertIsNone(self.watches.begin(folder))

    def fail_os_watch(self) -> None:
        def watch(*_: object) -> int:
            raise OSError(28, "No space left on device")

        self.patch(Inotify, "watch", watch)

    def test_unknown_disks(self) -> None:
        """What lies on a disk that others change too, as a network's, isn't watched."""
        self.patch(localdisks, "TELLING", frozenset())
        with self.sandbox.folder(path("/folder/")) as folder:
            self.assertIsNone(self.watches.begin(folder))

    def test_lost_events(self) -> None:
        """When the kernel had to drop events, nothing is known; then all begins anew."""
        since = self.watched()
        self.patch(Inotify, "events", lambda _: iter([(-1, 0x4000)]))
        self.assertFalse(self.watches.holds(since))
        with patch.object(Inotify, "events", lambda _: iter(())):
            self.watched()

    def test_mounts(self) -> None:
        """When something was mounted, nothing is known: a folder doesn't tell."""
        since = self.watched()
        assert self.watches._mounting is not None
        with patch.object(type(self.watches._mounting), "changed", lambda _: True):
            self.assertFalse(self.watches.holds(since))
        self.watched()
