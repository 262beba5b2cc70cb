"""Rules of the files that hold secrets."""

import os
import stat
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor import secretfiles
from peerstor.errors import StartupError
from peerstor.secretfiles import make_private, read_secret, write_secret
from tests.scratch import scratch_folder


class SecretFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))

    def mode(self, name: bytes = b"key") -> int:
        return stat.S_IMODE(os.stat(os.path.join(self.folder, name)).st_mode)

    def refusal(self, function: Any, *arguments: bytes) -> str:
        with self.assertRaises(StartupError) as caught:
            function(self.folder, b"key", *arguments)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_written_and_read(self) -> None:
        """What was written is read, replaced or not; only its owner may; nothing else stays in the folder."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        for content in (b"first", b"", b"second\n\0\xff"):
            write_secret(self.folder, b"key", content)
            self.assertEqual(read_secret(self.folder, b"key"), content)
            self.assertEqual(self.mode(), 0o600)
        self.assertEqual(os.listdir(self.folder), [b"key"])

    def test_absent(self) -> None:
        """There is nothing where there is no file."""
        self.assertIsNone(read_secret(self.folder, b"key"))

    def test_synced_before_named(self) -> None:
        """The content is on the disk before it gets its name, and the name before the call returns."""
        done: list[str] = []
        for function in ("fsync", "rename"):
            self.patch(secretfiles.os, function, self.noting(done, function, getattr(os, function)))
        write_secret(self.folder, b"key", b"content")
        self.assertEqual(done, ["fsync", "rename", "fsync"])

    @staticmethod
    def noting(done: list[str], name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            done.append(name)
            return real(*arguments, **options)

        return call

    def test_old_one_stays(self) -> None:
        """When the new one can't be written, the old one is still there, and no piece of the new."""
        write_secret(self.folder, b"key", b"old")

        def broken(fd: int) -> None:
            raise OSError(5, "Input/output error")

        self.patch(secretfiles.os, "fsync", broken)
        self.assertIn("Input/output error", self.refusal(write_secret, b"new"))
        self.assertEqual(read_secret(self.folder, b"key"), b"old")
        self.assertEqual(os.listdir(self.folder), [b"key"])

    def test_narrowed(self) -> None:
        """A file that was copied with wider permissions is narrowed when it is read."""
        write_secret(self.folder, b"key", b"content")
        os.chmod(os.path.join(self.folder, b"key"), 0o644)
        self.assertEqual(read_secret(self.folder, b"key"), b"content")
        self.assertEqual(self.mode(), 0o600)

    def test_modes_do_not_hold(self) -> None:
        """Where permissions don't hold, nothing secret is written or read, and the line names the way out."""
        write_secret(self.folder, b"key", b"content")
        os.chmod(os.path.join(self.folder, b"key"), 0o755)
        written: list[bytes] = []
        self.patch(secretfiles.os, "fchmod", lambda fd, mode: None)
        self.patch(secretfiles.os, "rename", lambda *_, **__: written.append(b"renamed"))
        self.assertIn("--state", self.refusal(read_secret))
        self.patch(secretfiles, "_open_to_others", lambda fd: True)
        self.assertIn("--state", self.refusal(write_secret, b"new"))
        self.assertEqual(written, [])
        self.assertEqual(os.listdir(self.folder), [b"key"])

    def test_no_folder(self) -> None:
        """A folder that isn't there is one line, and so is a file in its place."""
        self.folder += b"/absent"
        self.assertIn("No such file", self.refusal(write_secret, b"content"))

    def test_no_regular_file(self) -> None:
        """A link, a folder or a FIFO under the name is refused, and nobody waits for it."""
        path = os.path.join(self.folder, b"key")
        for make in (os.mkdir, os.mkfifo, lambda path: os.symlink(b"/etc/hostname", path)):
            make(path)
            self.refusal(read_secret)
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)


class MakePrivateTests(SynchronousTestCase):
    def test_made_and_narrowed(self) -> None:
        """A database is its owner's alone from its first moment on, and one that was open to others is closed."""
        folder = os.fsencode(scratch_folder(self))
        made, wide = os.path.join(folder, b"made"), os.path.join(folder, b"wide")
        with open(wide, "wb") as file:
            file.write(b"kept")
        os.chmod(wide, 0o644)
        for path in (made, wide):
            make_private(path)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(wide, "rb") as file:
            self.assertEqual(file.read(), b"kept")
