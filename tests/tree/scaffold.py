"""A storage in a temporary folder, as the tests of this room start from."""

import os
import shutil
import tempfile
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.paths import TreePath
from peerstor.tree.private import PrivateFolder
from peerstor.tree.sandbox import Sandbox


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

    def patch_os(self, name: str, replacement: Any) -> Any:
        """Exchange a function of `os` for the rest of the test; return the real one."""
        real = getattr(os, name)
        self.patch(os, name, replacement)
        return real


def path(url: str | bytes) -> TreePath:
    """A path from its URL."""
    return TreePath.from_url(url.encode() if isinstance(url, str) else url)
