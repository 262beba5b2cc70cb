"""A storage in a temporary folder, as the tests of this room start from."""

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.paths import TreePath
from peerstor.tree.private import PrivateFolder
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.sweeping import Sweeper
from peerstor.tree.trash import Trash

_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{16}")


class StorageCase(SynchronousTestCase):
    """Gives each test a storage of its own: `self.root` (bytes), `self.private`, `self.sandbox`."""

    def setUp(self) -> None:
        self.base = os.fsencode(os.path.realpath(tempfile.mkdtemp()))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.root = self.base + b"/storage"
        os.mkdir(self.root)
        self.root_fd = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, self.root_fd)
        self.private = PrivateFolder.open(self.root_fd, storage=self.root)
        self.addCleanup(self.private.close)
        self.sandbox = Sandbox(self.root, private=self.private)

    def at(self, name: bytes) -> bytes:
        """Absolute path of a name in the storage."""
        return self.root + b"/" + name

    def write(self, name: bytes, content: bytes = b"content") -> bytes:
        """Put a file into the storage, its folders too; return its absolute path."""
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), "wb") as file:
            file.write(content)
        return self.at(name)

    def read(self, name: bytes) -> bytes:
        """Content of a file of the storage, read without PeerStor."""
        with open(self.at(name), "rb") as file:
            return file.read()

    def mount(self, name: bytes) -> None:
        """Put another file system at a folder of the storage, or, without the right to, something like it."""
        os.makedirs(self.at(name), exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "none", os.fsdecode(self.at(name))], capture_output=True, check=False
        )
        if done.returncode == 0:
            self.addCleanup(subprocess.run, ["umount", "-l", os.fsdecode(self.at(name))], check=True)
        else:
            self.part_devices(self.at(name))

    def part_devices(self, place: bytes) -> None:
        """Let link and rename refuse to cross between one folder and all others, as a bind mount does."""
        inode = os.stat(place).st_ino

        def guarded(real: Any) -> Any:
            def call(source: Any, target: Any, **rest: Any) -> None:
                if len({os.fstat(rest[key]).st_ino == inode for key in rest if key.endswith("dir_fd")}) > 1:
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
                real(source, target, **rest)

            return call

        for function in ("link", "rename"):
            self.patch(os, function, guarded(getattr(os, function)))

    def fail_os(self, name: str, number: int, *, when: Callable[..., bool] = lambda *a, **k: True) -> None:
        """Let a function of `os` fail with an error number, where `when` says so of its arguments."""
        real = getattr(os, name)

        def call(*args: Any, **rest: Any) -> Any:
            if when(*args, **rest):
                raise OSError(number, os.strerror(number), args[0])
            return real(*args, **rest)

        self.patch(os, name, call)

    def note_steps(self, *names: str) -> list[str]:
        """Note each call of these functions of `os` with what it is made for: a folder's or file's own name.

        Ids of the trash are noted as `ID`.
        """
        steps: list[str] = []

        def noted(function: str, real: Any) -> Any:
            def call(*args: Any, **rest: Any) -> Any:
                about = args[1] if len(args) > 1 else args[0]
                if isinstance(about, int):
                    about = os.path.basename(os.readlink(f"/proc/self/fd/{about}"))
                steps.append(_ID.sub("ID", f"{function} {os.fsdecode(about)}"))
                return real(*args, **rest)

            return call

        for function in names:
            self.patch(os, function, noted(function, getattr(os, function)))
        return steps

    def patch_os(self, name: str, replacement: Any) -> Any:
        """Exchange a function of `os` for the rest of the test; return the real one."""
        real = getattr(os, name)
        self.patch(os, name, replacement)
        return real


def sweeper_of(life: Any, trash: Trash | None = None, **limits: float) -> Sweeper:
    """Make what sweeps a trash; if none is given, one of its own over that storage (`private`, `sandbox`)."""
    trash = trash or Trash(private=life.private, sandbox=life.sandbox, fsync=True)
    return Sweeper(trash=trash, sandbox=life.sandbox, **limits)


def path(url: str | bytes) -> TreePath:
    """A path from its URL."""
    return TreePath.from_url(url.encode() if isinstance(url, str) else url)
