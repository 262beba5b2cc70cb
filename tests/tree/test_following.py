"""Following folders: whoever does is told once of each change, by whomever it was made."""

import os
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from peerstor.errors import NotFound, Overloaded, StorageUnavailable
from peerstor.tree import following, watches
from peerstor.tree.following import PAUSE, UNWATCHED, WATCHED, Followed, Following, version_of
from tests.fakes import HeldThreads, ImmediateThreads
from tests.tree.scaffold import StorageCase, path


class FollowingCase(StorageCase):
    """A folder that is followed, at a time when nothing in it has changed for long."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"folder/a", b"12345")
        os.mkdir(self.at(b"folder/inner"))
        self.clock, self.wall = Clock(), 1e12
        self.threads: ImmediateThreads | HeldThreads = ImmediateThreads()
        self.following = Following(
            sandbox=self.sandbox, threads=self.threads, clock=self.clock, wall=lambda: self.wall
        )
        self.told: list[str | None] = []

    def tell(self, followed: Followed) -> None:
        """Note what is told."""
        self.told.append(followed.version)

    def version(self, url: str = "/folder/") -> str:
        """Ask for the version."""
        return self.successResultOf(Deferred.fromCoroutine(self.following.version(path(url))))

    def follow(self, url: str = "/folder/") -> Followed:
        """Follow a folder, which is watched from then on."""
        followed = self.following.follow(path(url), self.version(url), self.tell)
        self.addCleanup(lambda: followed.told and self.following.leave(followed, self.tell))
        return followed

    def wait(self, seconds: float = PAUSE) -> list[str | None]:
        """Let time pass, and give what was told meanwhile."""
        self.told.clear()
        for _ in range(int(seconds / 0.25)):
            self.clock.advance(0.25)
        return list(self.told)


class FollowingTests(FollowingCase):
    def test_behind_our_back(self) -> None:
        """Whatever changes what the folder lists is told once, and from then on it is another version."""
        followed = self.follow()
        self.wait(1)
        changes = {
            "create": lambda: self.write(b"folder/new"),
            "rename": lambda: os.rename(self.at(b"folder/new"), self.at(b"folder/c")),
            "delete": lambda: os.unlink(self.at(b"folder/c")),
            "folder": lambda: os.mkdir(self.at(b"folder/sub")),
            "append": lambda: self.write(b"folder/a", b"longer than it was"),
        }
        versions = [followed.version]
        for name, change in changes.items():
            change()
            self.assertEqual(self.wait(2), [followed.version], name)
            versions.append(followed.version)
        self.assertEqual(len(set(versions)), len(versions))
        self.assertEqual(self.wait(60), [], "nothing has happened")
        self.assertEqual(self.following._watches._early & set(self.following._watches._owners), set())

    def test_by_us(self) -> None:
        """What this process changes is told at once, and not again when it is heard of."""
        self.follow()
        self.follow("/")
        self.wait(2)
        self.told.clear()
        self.write(b"folder/new")
        self.following.published(b"folder/new", 1, "me", False, None)
        self.assertEqual(len(self.told), 1)
        self.assertEqual(self.wait(5), [])

    def test_every_listener(self) -> None:
        """All that can happen to an entry is news for its folder, and for what is followed in it."""
        calls = {
            "published": (b"folder/x", 1, "me", True, None),
            "made": (b"folder/x", "me", None),
            "removed": (b"folder/x", "me", None),
            "copied": (b"elsewhere", b"folder/x", "me", None),
            "restored": (b"folder/x", "me", None),
            "moved": (b"folder/x", b"elsewhere", "me", False, None),
        }
        followed, inner = self.follow(), self.follow("/folder/inner/")
        for name, arguments in calls.items():
            self.wait(1)
            self.told.clear()
            self.write(b"folder/" + name.encode())
            getattr(self.following, name)(*arguments)
            self.assertEqual(self.told, [followed.version], name)
        self.wait(1)
        self.told.clear()
        os.rename(self.at(b"folder"), self.at(b"other"))
        self.following.moved(b"folder", b"other", "me", False, None)
        self.assertEqual((self.told, inner.version), ([None, None], None))
        self.following.purged(b"folder/x", "me", None)

    def test_burst(self) -> None:
        """However much goes on, there is one look in half a second, and the last change is told too."""
        followed = self.follow()
        self.wait(1)
        self.told.clear()
        for number in range(100):
            self.write(b"folder/%d" % number)
            self.following.published(b"folder/%d" % number, 1, "me", False, None)
            self.clock.advance(0.02)
        self.assertLessEqual(len(self.told), 5)
        self.wait(1)
        with self.sandbox.folder(path("/folder/")) as folder:
            self.assertEqual(str(followed.version).partition(".")[0], version_of(os.fstat(folder.fd)))

    def test_gone_and_back(self) -> None:
        """A folder that goes has no version; one that comes in its place has another one."""
        followed = self.follow()
        before = followed.version
        self.wait(1)
        os.rename(self.at(b"folder"), self.at(b"away"))
        self.assertEqual(self.wait(2), [None])
        self.assertEqual(self.wait(30), [])
        self.failureResultOf(Deferred.fromCoroutine(self.following.version(path("/folder/"))), NotFound)
        os.rename(self.at(b"away"), self.at(b"folder"))
        self.assertEqual(self.wait(UNWATCHED + 1), [followed.version])
        self.assertNotEqual(followed.version, before)

    def test_folder_above(self) -> None:
        """What no watch of the folder tells of is seen within seconds: that a folder above it has gone."""
        self.follow("/folder/inner/")
        self.wait(1)
        os.rename(self.at(b"folder"), self.at(b"away"))
        self.assertEqual(self.wait(WATCHED + 1), [None])

    def test_without_watches(self) -> None:
        """Where the file system doesn't tell, the folder is looked at every few seconds."""
        with patch.object(watches, "tells_of_changes", return_value=False):
            followed = self.follow()
            self.assertIsNone(followed.since)
            self.wait(1)
            self.write(b"folder/new")
            self.assertEqual(self.wait(UNWATCHED + 0.5), [followed.version])

    def test_two_followers(self) -> None:
        """Two who follow one folder are told both; when the last leaves, nothing is left of it."""
        first, second = self.follow(), self.follow()
        self.assertIs(first, second)
        self.wait(1)
        self.write(b"folder/new")
        self.assertEqual(len(self.wait(1)), 2)
        self.following.leave(first, self.tell)
        self.write(b"folder/newer")
        self.assertEqual(len(self.wait(1)), 1)
        self.following.leave(second, self.tell)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.follow("/")
        self.wait(1)
        self.assertEqual(len(self.following._watches), 1, "the folder's own watch has ended")

    def test_before_it_was_followed(self) -> None:
        """What changes between the question for the version and the first look is told."""
        version = self.version()
        self.write(b"folder/new")
        followed = self.following.follow(path("/folder/"), version, self.tell)
        self.addCleanup(self.following.leave, followed, self.tell)
        self.assertEqual(self.told, [followed.version])
        self.assertNotEqual(followed.version, version)

    def test_between_watch_and_look(self) -> None:
        """What changes while the first look is under way is told too."""
        held = HeldThreads()
        version = self.version()
        self.following._threads = held
        followed = self.following.follow(path("/folder/"), version, self.tell)
        self.addCleanup(self.following.leave, followed, self.tell)
        self.write(b"folder/a", b"other content")
        held.release()
        self.write(b"folder/a", b"and other content again")
        self.following._threads = self.threads
        self.assertEqual(self.wait(1), [f"{version}.1"])

    def test_recent(self) -> None:
        """A version that is younger than the clock of the disk can tell is marked, until it is older."""
        os.utime(self.at(b"folder"), (1_000, 1_000))
        self.wall = 1_004.0
        self.assertTrue(self.version().endswith("~"))
        self.wall = 1_006.0
        self.assertFalse(self.version().endswith("~"))
        self.wall = 1_004.0
        self.follow()
        self.assertEqual(self.wait(1), [], "the mark alone is no news")

    def test_disk_that_fails(self) -> None:
        """A look that fails is no news, and is made again."""
        followed = self.follow()
        self.wait(1)
        self.write(b"folder/new")
        with patch.object(self.sandbox, "folder", side_effect=StorageUnavailable):
            self.assertEqual(self.wait(2), [])
        self.assertEqual(self.wait(1), [followed.version])

    def test_defect(self) -> None:
        """A defect of ours is logged, and following goes on."""
        followed = self.follow()
        self.wait(1)
        self.write(b"folder/new")
        with patch.object(self.sandbox, "folder", side_effect=ZeroDivisionError):
            self.wait(0.5)
        self.assertGreaterEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.wait(1), [followed.version])

    def test_bounded(self) -> None:
        """No more folders are followed than there is room for, nor more watched than there are watches."""
        with patch.object(following, "FOLDERS", 2), patch.object(following, "EARS", 1):
            first = self.follow()
            self.assertIsNotNone(first.since)
            self.assertIsNone(self.follow("/").since)
            with self.assertRaises(Overloaded):
                self.follow("/folder/inner/")
            self.follow()

    def test_leaves_meanwhile(self) -> None:
        """Who leaves while the folder is looked at isn't told, and no watch stays."""
        version, held = self.version(), HeldThreads()
        self.following._threads = held
        followed = self.following.follow(path("/folder/"), version, self.tell)
        self.following.leave(followed, self.tell)
        self.write(b"folder/new")
        held.release_all()
        self.assertEqual(self.told, [])
        self.following._threads = self.threads
        self.follow("/")
        self.assertEqual(len(self.following._watches), 1)

    def test_heard_before_it_was_told(self) -> None:
        """What was heard of by a watch before whoever did it tells is one change, not two."""
        self.follow()
        self.wait(1)
        self.write(b"folder/new")
        self.assertEqual(len(self.wait(0.5)), 1)
        self.following.published(b"folder/new", 1, "me", False, None)
        self.assertEqual(self.wait(3), [])
