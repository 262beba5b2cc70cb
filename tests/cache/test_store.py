"""The cache as a whole: what is found again, what never is, and that it stays within its bounds."""

import os
import stat
import time
from unittest import mock

from peerstor.cache import draft, index, store
from peerstor.cache.entry import START
from peerstor.cache.store import Cache
from tests.cache.scaffold import CacheCase
from tests.fakes import roomy

PIECE = 100_000


class KeepingTests(CacheCase):
    """What is found again."""

    def test_found_again(self) -> None:
        """A result is found as it was written, by this process and by the next, for its owner's eyes only."""
        fd, result = self.file("a"), os.urandom(PIECE)
        origin = self.keep(fd, result)
        self.assertEqual(self.found(origin), result)
        self.assertEqual(stat.S_IMODE(os.stat(self.path(origin)).st_mode), 0o600)
        self.cache = self.start()
        self.assertTrue(self.cache.knows(origin))
        self.assertEqual(self.found(origin), result)

    def test_names_tell_nothing(self) -> None:
        """The name of an entry is a digest, and neither it nor the head holds the name of a file."""
        origin = self.keep(self.file("secret-name"), b"result")
        self.assertEqual(self.names, [origin.key.hex()])
        with open(self.path(origin), "rb") as file:
            self.assertNotIn(b"secret-name", file.read())

    def test_other_content(self) -> None:
        """Nothing is found of a file that was changed, were it to the same size and time, nor of another one."""
        fd = self.file("a", b"old content")
        before, origin = os.fstat(fd), self.keep(fd, b"result of the old")
        with open(f"{self.folder}/a", "r+b") as file:
            file.write(b"new content")
        os.utime(f"{self.folder}/a", ns=(before.st_atime_ns, before.st_mtime_ns))
        after = os.fstat(fd)
        self.assertEqual(
            (after.st_ino, after.st_size, after.st_mtime_ns), (before.st_ino, before.st_size, before.st_mtime_ns)
        )
        self.assertNotEqual(self.origin(fd), origin)
        self.assertIsNone(self.found(self.origin(fd)))
        self.assertIsNone(self.found(self.origin(self.file("b", b"old content"))))

    def test_changed_while_it_is_made(self) -> None:
        """A result of a file that changed meanwhile isn't kept: it is of neither content."""
        fd = self.file("a", b"old content")
        writing = self.begin(fd)
        writing.write(b"half")
        os.utime(f"{self.folder}/a", ns=(0, 0))
        writing.keep(fd)
        self.assertEqual((self.names, self.cache.taken), ([], 0))

    def test_changed_a_moment_ago(self) -> None:
        """A file that was changed just now isn't taken: one more change might not show in its times."""
        fd = self.file("a")
        for ahead, taken in ((0.0, False), (-3600.0, False), (3.0, True)):
            self.ahead = ahead
            self.assertEqual(self.cache.takes(self.origin(fd)), taken, ahead)
            self.assertEqual(self.cache.begin(self.origin(fd)) is not None, taken, ahead)

    def test_one_writes(self) -> None:
        """Of several who would write the same result one does; when that came to nothing, the next may."""
        fd = self.file("a")
        first = self.begin(fd)
        self.assertIsNone(self.cache.begin(self.origin(fd)))
        first.write(b"part")
        first.abandon()
        self.assertEqual((self.names, self.cache.taken, first.over), ([], 0, True))
        first.write(b"more")
        first.keep(fd)
        self.assertEqual(self.names, [])
        self.assertEqual(self.found(self.keep(fd, b"whole")), b"whole")

    def test_nothing_comes_to_nothing(self) -> None:
        """A result without a byte is none."""
        self.begin(fd := self.file("a")).keep(fd)
        self.assertEqual(self.names, [])

    def test_nothing_open(self) -> None:
        """No descriptor is left, whatever becomes of a result."""
        fd, other = self.file("a"), self.file("b")
        before = os.listdir("/proc/self/fd")
        self.found(self.keep(fd, b"result"))
        self.begin(other).abandon()
        self.cache.open(self.origin(fd))  # dropped unseen
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class VerifyingTests(CacheCase):
    """What isn't as it was written is not used, and goes."""

    def test_tampering(self) -> None:
        """Cut, lengthened, with a bit turned anywhere, empty, or another's: it is made anew."""
        fd, result = self.file("a"), os.urandom(PIECE)

        def cut(path: str) -> None:
            os.truncate(path, START + PIECE - 1)

        def lengthen(path: str) -> None:
            with open(path, "ab") as file:
                file.write(b"\0")

        def empty(path: str) -> None:
            os.truncate(path, 0)

        def turn(place: int) -> None:
            with open(path, "r+b") as file:
                file.seek(place)
                byte = file.read(1)
                file.seek(place)
                file.write(bytes((byte[0] ^ 1,)))

        def another(path: str) -> None:
            os.rename(self.path(self.keep(self.file("b"), result)), path)

        places = (0, 7, 8, 39, 40, 47, 48, START - 1, START, START + PIECE // 2, START + PIECE - 1)
        damages = [cut, lengthen, empty, another, *(lambda _, place=place: turn(place) for place in places)]
        for restarted in (False, True):
            for damage in damages:
                origin = self.keep(fd, result)
                path = self.path(origin)
                self.assertEqual(self.found(origin), result)
                damage(path)
                if restarted:
                    self.cache = self.start()
                self.assertIsNone(self.found(origin))
                self.assertFalse(self.cache.knows(origin))
                self.assertNotIn(origin.key.hex(), self.names)

    def test_read_once(self) -> None:
        """A process reads an entry of another's as a whole once, its own never, and anew when it was touched."""
        origin = self.keep(self.file("a"), b"result")
        with mock.patch.object(store, "check", wraps=store.check) as check:
            for _ in range(3):
                self.found(origin)
            self.assertEqual(check.call_count, 0)
            self.cache = self.start()
            for _ in range(3):
                self.found(origin)
            self.assertEqual(check.call_count, 1)
            os.utime(self.path(origin))
            for _ in range(3):
                self.assertEqual(self.found(origin), b"result")
            self.assertEqual(check.call_count, 2)

    def test_vanished(self) -> None:
        """An entry that somebody removed is not found."""
        origin = self.keep(self.file("a"), b"result")
        os.unlink(self.path(origin))
        self.assertIsNone(self.found(origin))
        self.assertEqual(self.cache.taken, 0)

    def test_what_a_killed_process_left(self) -> None:
        """Drafts of an earlier process go at the start; what isn't ours stays and is not used."""
        writing = self.begin(self.file("a"))
        writing.write(b"x" * 5000)
        (draft_name,) = self.names
        self.assertTrue(draft_name.endswith(draft.SUFFIX))
        os.mkdir(f"{self.folder}/cache/folder")
        self.cache = self.start()
        self.assertEqual((self.names, self.cache.taken), (["folder"], 0))


class BoundTests(CacheCase):
    """What it takes of the disk."""

    def used(self) -> int:
        return sum(-(-os.stat(name, dir_fd=self.dir_fd).st_size // 4096) * 4096 for name in self.names)

    def test_oldest_use_goes_first(self) -> None:
        """It never takes more than it may, and what was used longest ago goes; a restart remembers the order."""
        fds = [self.file(str(number)) for number in range(20)]
        origins = [self.keep(fd, os.urandom(PIECE)) for fd in fds[:10]]
        self.ahead += 100
        self.found(origins[0])
        self.ahead += 100
        self.assertEqual(len(self.names), 10)
        origins.append(self.keep(fds[10], os.urandom(PIECE)))
        self.assertEqual([self.cache.knows(origin) for origin in origins], [True, False, *[True] * 9])
        for number, origin in enumerate(origins[2:]):
            os.utime(self.path(origin), (number, 0))
        self.cache = self.start()
        for number, gone in ((11, 2), (12, 3)):
            origins.append(self.keep(fds[number], os.urandom(PIECE)))
            self.assertLessEqual(self.used(), 1 << 20)
            self.assertEqual(self.cache.taken, self.used())
            self.assertNotIn(origins[gone].key.hex(), self.names)
        self.assertIn(origins[0].key.hex(), self.names)

    def test_many_tiny_ones(self) -> None:
        """However small the results are, there are only so many: each costs memory."""
        self.patch(index, "MOST", 10)
        origins = [self.keep(self.file(str(number)), b"tiny") for number in range(30)]
        self.assertEqual([self.cache.knows(origin) for origin in origins], [False] * 20 + [True] * 10)
        self.assertEqual(len(self.names), 10)

    def test_use_is_noted_once_a_minute(self) -> None:
        """However often an entry is used, its time is written once a minute."""
        origin = self.keep(self.file("a"), b"result")
        with mock.patch.object(os, "utime", wraps=os.utime) as utime:
            for ahead, times in ((0, 0), (61, 1), (30, 1), (31, 2)):
                self.ahead += ahead
                for _ in range(5):
                    self.found(origin)
                self.assertEqual(utime.call_count, times)

    def test_drafts_count(self) -> None:
        """What is being written counts from its first byte, and takes the place of older entries meanwhile."""
        for number in range(10):
            self.keep(self.file(str(number)), os.urandom(PIECE))
        writing = [self.begin(self.file(f"draft-{number}")) for number in range(6)]
        for _ in range(20):
            for one in writing:
                one.write(os.urandom(10_000))
            self.assertLessEqual(self.used(), 1 << 20)
        self.assertEqual(self.cache.taken, self.used())
        for one in writing:
            one.abandon()
        self.assertEqual(self.cache.taken, self.used())

    def test_too_large(self) -> None:
        """A result that would take more than a quarter isn't kept, and drives nothing out before it is known."""
        origin = self.keep(self.file("a"), b"result")
        writing = self.begin(self.file("b"))
        for _ in range(3):
            writing.write(os.urandom(PIECE))
        self.assertTrue(writing.over)
        self.assertEqual(self.names, [origin.key.hex()])

    def test_sizes(self) -> None:
        """A smaller size holds from the next look on; 0 keeps nothing; none is a share of the disk."""
        for number in range(5):
            self.keep(self.file(str(number)), os.urandom(PIECE))
        for asked, left in ((250_000, 2), (0, 0)):
            self.cache.asked = asked
            self.cache.look()
            self.assertEqual(len(self.names), left)
        self.assertFalse(self.cache.takes(self.origin(self.file("x"))))
        self.assertIsNone(self.cache.begin(self.origin(self.file("x"))))
        self.cache.asked = None
        self.cache.look()
        self.assertEqual(self.found(self.keep(self.file("y"), b"result")), b"result")

    def test_share_of_the_disk(self) -> None:
        """By default it takes a gibibyte, and on a small disk a twentieth of it."""
        for disk_size, most in ((100 * 10**9, 1 << 30), (10**9, 50_000_000)):
            blocks = disk_size // 4096
            found = os.statvfs_result((4096, 4096, blocks, blocks, blocks, 9, 9, 9, 0, 255))
            self.disk = lambda fd, found=found: found  # type: ignore[misc]
            self.asked = None
            cache = self.start()
            self.assertLess(abs(cache._index.limit - most), 4096)

    def test_unused_for_long(self) -> None:
        """What nobody has used for 30 days goes."""
        origin = self.keep(self.file("a"), b"result")
        self.ahead += store.STALE - 60
        self.cache.look()
        self.assertTrue(self.cache.knows(origin))
        self.ahead += 120
        self.cache.look()
        self.assertEqual(self.names, [])

    def test_nothing_before_the_first_look(self) -> None:
        """Until it has looked it finds and takes nothing, instead of keeping anybody waiting; nor without a folder."""
        origin = self.keep(self.file("a"), b"result")
        for dir_fd, looks in ((self.dir_fd, 0), (-1, 2)):
            cache = Cache(dir_fd=dir_fd, asked=1 << 20, wall=lambda: time.time() + 60, disk=roomy)
            for _ in range(looks):
                cache.look()
            self.assertEqual((cache.knows(origin), cache.open(origin), cache.begin(origin)), (False, None, None))
            self.assertFalse(cache.give_way(self.dir_fd))
            self.assertEqual(cache.gives(self.dir_fd), 0)
