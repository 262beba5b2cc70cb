"""The private folder, its lock, and how a storage is known again."""

import errno
import fcntl
import os
import shutil
import signal
import stat
from typing import Any

from peerstor.errors import StartupError, StorageUnavailable
from peerstor.tree import private
from peerstor.tree.private import PrivateFolder
from tests.tree.scaffold import StorageCase


def inode(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


class OpenTests(StorageCase):
    """`PrivateFolder.open`."""

    def test_made_for_its_owner_only(self) -> None:
        """Every folder in it is there at once, and nobody else may look into any, whatever the umask."""
        for name in (b".peerstor", b".peerstor/parts", b".peerstor/trash", b".peerstor/cache"):
            self.assertEqual(stat.S_IMODE(os.stat(self.at(name)).st_mode), 0o700, name)
        self.assertEqual(inode(self.private.fd), self.private.identity)
        self.assertEqual(len(self.private.identities), 4)

    def test_durable(self) -> None:
        """A new one, with what is in it, is on the disk before anything is put into it; it costs that once."""
        os.mkdir(self.at(b"other"))
        fd = os.open(self.at(b"other"), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        steps = self.note_steps("fsync")
        for _ in range(2):
            PrivateFolder.open(fd, storage=self.at(b"other")).close()
        self.assertEqual(steps[1:], ["fsync .peerstor", "fsync other"])

    def test_rights_are_mended(self) -> None:
        """A private folder that others could look into is closed to them."""
        os.chmod(self.at(b".peerstor"), 0o755)
        self.open_again()
        self.assertEqual(stat.S_IMODE(os.stat(self.at(b".peerstor")).st_mode), 0o700)

    def test_instance_is_kept(self) -> None:
        """The id is random, the same at each start, and another for another storage."""
        self.assertRegex(self.private.instance_id, r"\A[0-9a-f]{32}\Z")
        self.assertEqual(self.open_again().instance_id, self.private.instance_id)
        self.assertEqual(
            sorted(os.listdir(self.at(b".peerstor"))), [b"cache", b"instance", b"lock", b"parts", b"trash"]
        )

    def test_instance_of_the_first(self) -> None:
        """Of several processes that begin a storage at once, each has the id that the first one gave it."""
        os.unlink(self.at(b".peerstor/instance"))
        real, looks = private._read_instance, iter((None,))
        # Whoever looks first finds none, and meanwhile another has made it.
        self.patch(private, "_read_instance", lambda fd: next(looks, None) if self.first(fd) else real(fd))
        opened = PrivateFolder.open(self.root_fd, storage=self.root)
        self.addCleanup(opened.close)
        self.assertEqual(opened.instance_id, "ab" * 16)
        self.assertEqual(self.read(b".peerstor/instance"), b"ab" * 16 + b"\n")
        self.assertEqual([name for name in os.listdir(self.at(b".peerstor")) if name.endswith(b".new")], [])

    def first(self, fd: int) -> bool:
        """Make the id as another process would, the first time that somebody has looked for it."""
        there = os.path.exists(self.at(b".peerstor/instance"))
        if not there:
            self.write(b".peerstor/instance", b"ab" * 16 + b"\n")
        return not there

    def test_broken_instance_is_made_anew(self) -> None:
        """An id file without an id does not stay so."""
        self.write(b".peerstor/instance", b"torn")
        self.assertRegex(self.open_again().instance_id, r"\A[0-9a-f]{32}\Z")
        self.assertNotEqual(self.read(b".peerstor/instance"), b"torn")

    def test_no_folder(self) -> None:
        """A file or link in its place is one clear line for the owner, and nothing stays open."""
        shutil.rmtree(self.at(b".peerstor"))
        os.mkdir(self.base + b"/elsewhere")
        os.symlink(self.base + b"/elsewhere", self.at(b".peerstor"))
        before = len(os.listdir("/proc/self/fd"))
        fault = self.assertRaises(StartupError, PrivateFolder.open, self.root_fd, storage=self.root)
        self.assertIn(self.root.decode(), str(fault))
        self.assertNotIn("\n", str(fault))
        self.assertEqual(os.listdir(self.base + b"/elsewhere"), [])
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_cannot_be_closed_to_others(self) -> None:
        """Where its rights cannot be mended it is not used."""
        os.chmod(self.at(b".peerstor/trash"), 0o755)
        self.fail_os("fchmod", 1)
        self.assertRaises(StartupError, PrivateFolder.open, self.root_fd)

    def test_no_room_for_the_cache(self) -> None:
        """A disk without room for one more folder is used all the same, without a cache."""
        shutil.rmtree(self.at(b".peerstor/cache"))
        real = os.mkdir

        def mkdir(name: bytes, *arguments: Any, **named: Any) -> None:
            if name == b"cache":
                raise OSError(errno.ENOSPC, "full")
            real(name, *arguments, **named)

        self.patch(os, "mkdir", mkdir)
        for _ in range(2):
            again = self.open_again()
            self.assertEqual((again.cache_fd, len(again.identities)), (-1, 3))
        again.recognise(self.root_fd)
        again.close()

    def test_closed_twice(self) -> None:
        """Closing once more closes nothing that has since got the same number."""
        again = self.open_again()
        again.close()
        fds = [os.open(self.root, os.O_RDONLY) for _ in range(5)]
        again.close()
        for fd in fds:
            os.close(fd)

    def open_again(self) -> PrivateFolder:
        again = PrivateFolder.open(self.root_fd, storage=self.root)
        self.addCleanup(again.close)
        return again


class LockTests(StorageCase):
    """The claim on a storage."""

    def setUp(self) -> None:
        super().setUp()
        self.other = PrivateFolder.open(self.root_fd, storage=self.root)
        self.addCleanup(self.other.close)

    def test_while_restoring(self) -> None:
        """While the state is exchanged, and after that was cut off, nobody but who exchanges it gets the claim."""
        self.assertFalse(self.other.restoring)
        self.other.begin_restoring()
        with self.assertRaises(StartupError) as caught:
            self.other.acquire_lock()
        self.assertIn("peerstor restore FILE --force", str(caught.exception))
        self.other.acquire_lock(restoring=True)
        self.other.end_restoring()
        self.other.release()
        self.other.acquire_lock()

    def test_adopted_id(self) -> None:
        """A folder can be known by another one's id from now on."""
        self.other.adopt("0123456789abcdef" * 2)
        again = PrivateFolder.open(self.root_fd, storage=self.root)
        self.addCleanup(again.close)
        self.assertEqual((self.other.instance_id, again.instance_id), ("0123456789abcdef" * 2,) * 2)

    def test_second_is_refused(self) -> None:
        """The second daemon is told which process holds the storage, and what to do."""
        self.private.acquire_lock()
        fault = self.assertRaises(StartupError, self.other.acquire_lock)
        self.assertIn(self.root.decode(), str(fault))
        self.assertIn(f"process {os.getpid()}", str(fault))
        self.assertNotIn("\n", str(fault))

    def test_unknown_holder(self) -> None:
        """A lock file without a process id still refuses."""
        self.private.acquire_lock()
        self.write(b".peerstor/lock", b"")
        self.assertIn("another process", str(self.assertRaises(StartupError, self.other.acquire_lock)))

    def test_free_after_release_and_close(self) -> None:
        """Giving it up lets the next have it, by either way, and leaves no id behind."""
        self.private.acquire_lock()
        self.private.release()
        self.assertEqual(self.read(b".peerstor/lock"), b"")
        self.other.acquire_lock()
        self.other.close()
        self.private.acquire_lock()

    def test_release_without_claim(self) -> None:
        """Who holds nothing does not disturb who does."""
        self.private.acquire_lock()
        self.other.release()
        self.assertEqual(self.read(b".peerstor/lock"), b"%d\n" % os.getpid())

    def test_survives_fork_and_dies_with_the_process(self) -> None:
        """A child keeps the claim when its parent ends, as a daemon does, and a killed one leaves none."""
        self.private.acquire_lock()
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.private.write_pid()
                os.write(tell, b"x")
                signal.pause()
            finally:
                os._exit(1)
        os.read(ready, 1)
        os.close(ready)
        os.close(tell)
        self.private.close()
        fault = self.assertRaises(StartupError, self.other.acquire_lock)
        self.assertIn(f"process {child} ", str(fault).replace(".", " "))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self.other.acquire_lock()

    def test_no_locks_here(self) -> None:
        """A file system without locks is said to be one."""

        def refuse(fd: int, how: int) -> None:
            raise OSError(37, "No locks available")

        self.patch(fcntl, "flock", refuse)
        self.assertIn("No locks available", str(self.assertRaises(StartupError, self.private.acquire_lock)))

    def test_id_of_the_file_counts(self) -> None:
        """When two made an id in the same moment, the one that gets the lock knows the one on the disk."""
        self.write(b".peerstor/instance", b"0" * 32 + b"\n")
        self.private.acquire_lock()
        self.assertEqual(self.private.instance_id, "0" * 32)


class RecogniseTests(StorageCase):
    """`PrivateFolder.recognise`."""

    def setUp(self) -> None:
        super().setUp()
        self.moved = self.base + b"/moved"

    def returned(self) -> int:
        shutil.copytree(self.root, self.moved)
        fd = os.open(self.moved, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        return fd

    def test_same_storage_elsewhere(self) -> None:
        """The descriptors keep their numbers and mean the returned folders; the claim goes with them."""
        self.private.acquire_lock()
        fds = (self.private.fd, self.private.parts_fd, self.private.trash_fd)
        root_fd = self.returned()
        self.private.recognise(root_fd)
        self.assertEqual(fds, (self.private.fd, self.private.parts_fd, self.private.trash_fd))
        for fd, name in zip(fds, (b"", b"/parts", b"/trash"), strict=True):
            found = os.stat(self.moved + b"/.peerstor" + name)
            self.assertEqual(inode(fd), (found.st_dev, found.st_ino))
            self.assertFalse(os.get_inheritable(fd))
        other = PrivateFolder.open(root_fd, storage=self.moved)
        self.addCleanup(other.close)
        self.assertRaises(StartupError, other.acquire_lock)

    def test_without_a_claim(self) -> None:
        """Who held no lock takes none."""
        fd = self.returned()
        self.private.recognise(fd)
        other = PrivateFolder.open(fd, storage=self.moved)
        self.addCleanup(other.close)
        other.acquire_lock()

    def test_same_folder_in_another_root(self) -> None:
        """Our own lock, met again, does not refuse us."""
        self.private.acquire_lock()
        os.mkdir(self.moved)
        os.rename(self.at(b".peerstor"), self.moved + b"/.peerstor")
        fd = os.open(self.moved, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.private.recognise(fd)
        os.fstat(self.private.parts_fd)

    def test_claimed_by_another(self) -> None:
        """A storage that somebody else serves by now is not ours again, and nothing leaks."""
        self.private.acquire_lock()
        fd = self.returned()
        other = PrivateFolder.open(fd, storage=self.moved)
        self.addCleanup(other.close)
        other.acquire_lock()
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(StorageUnavailable, self.private.recognise, fd)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_another_storage(self) -> None:
        """Another id, or none, is another storage, in which nothing is made."""
        os.mkdir(self.moved)
        fd = os.open(self.moved, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertRaises(StorageUnavailable, self.private.recognise, fd)
        self.assertEqual(os.listdir(self.moved), [])
        PrivateFolder.open(fd).close()
        self.assertRaises(StorageUnavailable, self.private.recognise, fd)
