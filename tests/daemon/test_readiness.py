"""Rules of what is checked before the daemon forks."""

import os
import resource
import stat
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import readiness
from peerstor.daemon.readiness import acting_as, prepare, prepare_folder, raise_descriptor_limit
from peerstor.errors import StartupError
from peerstor.settings import Settings
from tests.scratch import scratch_folder


class PrepareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = os.fsencode(scratch_folder(self) + "/below")

    def refusal(self, path: bytes) -> str:
        with self.assertRaises(StartupError) as caught:
            prepare_folder(path, "storage folder", mode=0o777)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_first_run(self) -> None:
        """The storage and state folders and the access log are made on the first run; secrets are private."""
        storage, state, log = (os.path.join(self.root, name) for name in (b"a/files", b"state", b"access"))
        os.mkdir(self.root)
        for _ in range(2):
            prepare(Settings(storage=storage, state=state, access_log=log))
        self.assertEqual(sorted(os.listdir(self.root)), [b"a", b"access", b"state"])
        self.assertEqual(os.listdir(storage), [])
        self.assertEqual(stat.S_IMODE(os.stat(state).st_mode), 0o700)

    def test_umask_holds(self) -> None:
        """Who may read the storage is the umask's decision."""
        before = os.umask(0o027)
        self.addCleanup(os.umask, before)
        prepare(Settings(storage=self.root))
        self.assertEqual(stat.S_IMODE(os.stat(self.root).st_mode), 0o750)

    def test_file_in_the_way(self) -> None:
        """A file where the storage should be is told so, and left alone."""
        with open(self.root, "wb") as file:
            file.write(b"precious")
        self.assertIn("a file is in the way", self.refusal(self.root))
        self.assertIn("a file is in the way", self.refusal(self.root + b"/below"))
        with open(self.root, "rb") as file:
            self.assertEqual(file.read(), b"precious")

    def test_not_writable(self) -> None:
        """A folder in which nothing can be made is refused before the fork; /proc is one, even for root."""
        self.assertIn("can't be written in", self.refusal(b"/proc"))

    def test_read_only(self) -> None:
        """A read-only file system is told as such."""

        def refuse(path: bytes) -> None:
            raise OSError(30, "Read-only file system")

        self.patch(readiness, "_try_write", refuse)
        self.assertIn("its file system is read-only", self.refusal(self.root))

    def test_no_right(self) -> None:
        """A folder that this user may not read is told so."""

        def refuse(path: bytes) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(readiness, "_try_list", refuse)
        self.assertIn("can't be read: this user has no right to.", self.refusal(self.root))

    def test_full_disk_serves(self) -> None:
        """A full disk is no reason not to serve what is on it."""
        os.mkdir(self.root)

        def full(path: bytes, flags: int, mode: int = 0) -> int:
            raise OSError(28, "No space left on device")

        self.patch(os, "open", full)
        prepare_folder(self.root, "storage folder", mode=0o777)

    def test_audit_log(self) -> None:
        """An audit log of its own is made for its owner alone, and one that can't be opened is refused; none is none."""
        log = os.path.join(self.root, b"audit")
        os.mkdir(self.root)
        prepare(Settings(storage=self.root, audit_log=log))
        self.assertEqual(stat.S_IMODE(os.stat(log).st_mode), 0o600)
        prepare(Settings(storage=self.root, audit_log="none"))
        self.assertEqual(os.listdir(self.root), [b"audit"])
        with self.assertRaises(StartupError) as caught:
            prepare(Settings(storage=self.root, audit_log=b"/nowhere/x"))
        self.assertEqual(
            str(caught.exception), "The audit log /nowhere/x can't be written: No such file or directory."
        )

    def test_access_log(self) -> None:
        """An access log that can't be opened is refused; the name is shown without control characters."""
        with self.assertRaises(StartupError) as caught:
            prepare(Settings(storage=self.root, access_log=b"/nowhere/\x1b\xffx"))
        self.assertEqual(
            str(caught.exception),
            r"The access log /nowhere/\x1b\xffx can't be written: No such file or directory.",
        )


class LimitTests(SynchronousTestCase):
    def test_soft_limit_rises(self) -> None:
        """The soft limit on descriptors becomes the hard one."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
        raise_descriptor_limit()
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (before[1], before[1]))


class ActingAsTests(SynchronousTestCase):
    def test_nothing_to_change(self) -> None:
        """Without a user to be, and for who is not root, nothing changes."""
        before = (os.geteuid(), os.getegid(), os.getgroups())
        with acting_as(None, None):
            self.assertEqual((os.geteuid(), os.getegid(), os.getgroups()), before)
        self.patch(os, "geteuid", lambda: 1000)
        with acting_as(1, 1):
            self.assertEqual(os.getgroups(), before[2])

    def test_order_and_return(self) -> None:
        """Groups change before the user, who could not change them any more; all comes back, also on a failure."""
        calls: list[tuple[str, object]] = []
        for name in ("initgroups", "setgroups", "setegid", "seteuid"):
            self.patch(os, name, lambda *args, name=name: calls.append((name, args)))
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "getegid", lambda: 0)
        self.patch(os, "getgroups", lambda: [0, 4])
        with self.assertRaises(ZeroDivisionError), acting_as(1, None):
            raise ZeroDivisionError
        self.assertEqual([name for name, _ in calls[:3]], ["initgroups", "setegid", "seteuid"])
        self.assertEqual(calls[3:], [("seteuid", (0,)), ("setegid", (0,)), ("setgroups", ([0, 4],))])

    def test_unknown_user(self) -> None:
        """A user that doesn't exist is one line."""
        self.patch(os, "geteuid", lambda: 0)
        with self.assertRaises(StartupError), acting_as(2**31 - 7, None):
            self.fail("entered as a user that does not exist")

    def test_files_belong_to_the_other_user(self) -> None:
        """What root makes meanwhile belongs to the user that the daemon will be; for others it stays their own."""
        folder = scratch_folder(self)
        os.chmod(folder, 0o777)
        script = (
            "import os; from peerstor.daemon.readiness import acting_as\n"
            f"with acting_as(1, None): os.mkdir({folder!r} + '/made')\n"
            "assert os.geteuid() == os.getuid()"
        )
        subprocess.run([sys.executable, "-c", script], check=True)
        owner = os.stat(folder + "/made").st_uid
        self.assertEqual(owner, 1 if os.geteuid() == 0 else os.geteuid())
